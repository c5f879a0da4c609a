"""Access logs: a line on the proxy's standard output for each request, stream or TCP connection that has ended.

The fields are Service Connect's documented defaults, by protocol and format: docs/reference/service-connect.md section
5.3. Whether a service wants them is read by `domain/proxy_output`; where the output goes is the task's log driver's.
"""

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.core.v3 import base_pb2, substitution_format_string_pb2
from envoy.extensions.access_loggers.stream.v3 import stream_pb2
from google.protobuf import struct_pb2

from moorage.domain.proxy_output import JSON, AccessLog
from moorage.mesh import messages
from moorage.mesh.view import Protocol

NAME = "envoy.access_loggers.stdout"

_WHOLE_PATH = "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
_PATH_ONLY = "%PATH(NQ:ORIG_OR_PATH)%"
"""The same path without its query: what a query carries may be secret."""

_TCP = (
    ("start_time", "[%START_TIME%]"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("downstream_remote_port", "%DOWNSTREAM_REMOTE_PORT%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("connection_id", "%CONNECTION_ID%"),
)


def of(asked: AccessLog | None, protocol: Protocol) -> list[accesslog_pb2.AccessLog]:
    """The access loggers of one filter chain: one, or none."""
    if asked is None:
        return []
    body = stream_pb2.StdoutAccessLog(
        log_format=_as_json(asked, protocol) if asked.format == JSON else _as_text(asked, protocol)
    )
    return [accesslog_pb2.AccessLog(name=NAME, typed_config=messages.packed(body))]


def _as_text(asked: AccessLog, protocol: Protocol) -> substitution_format_string_pb2.SubstitutionFormatString:
    line = " ".join(operator for _, operator in _TCP) if protocol is Protocol.TCP else _request_line(asked, protocol)
    source = base_pb2.DataSource(inline_string=f"{line}\n")
    return substitution_format_string_pb2.SubstitutionFormatString(text_format_source=source)


def _request_line(asked: AccessLog, protocol: Protocol) -> str:
    grpc_status = " %GRPC_STATUS()%" if protocol is Protocol.GRPC else ""
    stream_id = "" if protocol is Protocol.HTTP else ' "%STREAM_ID%"'
    return (
        f'[%START_TIME%] "%REQ(:METHOD)% {_path(asked)} %PROTOCOL%" %RESPONSE_CODE%{grpc_status} '
        "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
        '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"'
        f"{stream_id}"
    )


def _as_json(asked: AccessLog, protocol: Protocol) -> substitution_format_string_pb2.SubstitutionFormatString:
    """Keys in the order of the alphabet: Envoy has no other fixed one, and lines shall not change between starts."""
    fields = struct_pb2.Struct()
    fields.update({key: operator.strip("[]") for key, operator in _json_fields(asked, protocol).items()})
    return substitution_format_string_pb2.SubstitutionFormatString(
        json_format=fields,
        json_format_options=substitution_format_string_pb2.JsonFormatOptions(sort_properties=True),
    )


def _json_fields(asked: AccessLog, protocol: Protocol) -> dict[str, str]:
    if protocol is Protocol.TCP:
        return dict(_TCP)
    fields = {
        "start_time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": _path(asked),
        "protocol": "%PROTOCOL%",
        "response_code": "%RESPONSE_CODE%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        # HTTP/1.1 calls it duration_ms and the others duration: so it is documented.
        "duration_ms" if protocol is Protocol.HTTP else "duration": "%DURATION%",
        "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
        "forwarded_for": "%REQ(X-FORWARDED-FOR)%",
        "user_agent": "%REQ(USER-AGENT)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "authority": "%REQ(:AUTHORITY)%",
        "upstream_host": "%UPSTREAM_HOST%",
    }
    if protocol is not Protocol.HTTP:
        fields["stream_id"] = "%STREAM_ID%"
    if protocol is Protocol.GRPC:
        fields["grpc_status"] = "%GRPC_STATUS()%"
    return fields


def _path(asked: AccessLog) -> str:
    return _WHOLE_PATH if asked.query_parameters else _PATH_ONLY
