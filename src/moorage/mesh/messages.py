"""Small constructors for the protobuf pieces that several resources share: addresses, durations, wrapped messages.

Messages are built directly and never parsed from dicts, which costs twenty times as much. What the resources say is
decided in their own modules.
"""

from envoy.config.core.v3 import address_pb2, config_source_pb2
from google.protobuf import any_pb2, duration_pb2, message, wrappers_pb2

UNLIMITED = 2**32 - 1


def address(host: str, port: int) -> address_pb2.Address:
    """A TCP address."""
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=host, port_value=port))


def pipe(path: str, mode: int = 0) -> address_pb2.Address:
    """A Unix socket; `mode` is what Envoy gives a socket that it binds."""
    return address_pb2.Address(pipe=address_pb2.Pipe(path=path, mode=mode))


def host_only(ip: str) -> address_pb2.CidrRange:
    """The range of exactly one IPv4 address."""
    return address_pb2.CidrRange(address_prefix=ip, prefix_len=u32(32))


def seconds(count: float) -> duration_pb2.Duration:
    """A duration; 0 is a value of its own, with which Envoy switches most timeouts off."""
    # Rounded as a whole: 0.9999999999 is one second, and not a billion nanoseconds, which Envoy refuses.
    whole, nanos = divmod(round(count * 10**9), 10**9)
    return duration_pb2.Duration(seconds=whole, nanos=nanos)


def u32(value: int) -> wrappers_pb2.UInt32Value:
    """A number that differs from an absent one."""
    return wrappers_pb2.UInt32Value(value=value)


def flag(value: bool) -> wrappers_pb2.BoolValue:
    """A truth value that differs from an absent one."""
    return wrappers_pb2.BoolValue(value=value)


def packed(inner: message.Message) -> any_pb2.Any:
    """A typed extension; deterministic, since content versions are hashes of the bytes."""
    outer = any_pb2.Any()
    outer.Pack(inner, deterministic=True)
    return outer


def from_ads() -> config_source_pb2.ConfigSource:
    """Read over the one aggregated stream, and wait for it: a timeout would expose a half configuration as 503."""
    return config_source_pb2.ConfigSource(
        ads=config_source_pb2.AggregatedConfigSource(),
        resource_api_version=config_source_pb2.V3,
        initial_fetch_timeout=seconds(0),
    )
