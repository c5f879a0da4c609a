"""`moorage curl`: an HTTP request from inside a running task, through its hosts file and its proxy."""

import asyncio
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from moorage.cli import address, render
from moorage.cli.failure import Failure

if TYPE_CHECKING:
    import httpx

    from moorage.cli.curl_arguments import Asked
    from moorage.cli.tunnel import Relay, Way

COULD_NOT_RESOLVE = 6
COULD_NOT_CONNECT = 7
PARTIAL = 18
HTTP_ERROR = 22
WRITE_ERROR = 23
TIMED_OUT = 28
TLS_FAILED = 35
EMPTY_REPLY = 52
SEND_ERROR = 55
RECEIVE_ERROR = 56
UNKNOWN_ISSUER = 60

NOT_CARRIED = {"NameUnknown": COULD_NOT_RESOLVE, "NoAnswer": TIMED_OUT}
"""curl's exit codes for connections that the runtime could not make, by its refusal; the others are refused ones."""


def curl(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service, or a task, to ask from.")],
) -> int:
    """Make an HTTP request from inside a task: moorage curl SERVICE [curl arguments] URL"""
    from moorage.cli import curl_arguments, lookup
    from moorage.cli.aws import Aws
    from moorage.cli.tunnel import Relay, Way

    asked = curl_arguments.parse(context.args)
    where = address.find()
    task = lookup.runner(lookup.meant(Aws(where), service))
    host, port = destination(asked.url)
    if asked.verbose:
        render.note(f"* from task {task.id} of {task.service or task.cluster} to {host} port {port}")
    label = f"{task.cluster}/{task.service}"
    return asyncio.run(_ask(asked, Relay(Way(where, task.id, port, host)), label))


def destination(url: str) -> tuple[str, int]:
    """The host and port of a URL."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _ask(asked: "Asked", relay: "Relay", service: str) -> int:
    import httpx

    async with relay:
        transport = httpx.AsyncHTTPTransport(uds=relay.socket_path)
        async with httpx.AsyncClient(transport=transport, timeout=None, trust_env=False) as client:
            try:
                async with asyncio.timeout(asked.max_time):
                    return await _exchange(asked, client)
            except TimeoutError:
                raise _failure(asked, f"no answer after {asked.max_time:g} s", TIMED_OUT) from None
            except httpx.HTTPError as error:
                if relay.failure is not None:
                    code = NOT_CARRIED.get(relay.failure.kind, COULD_NOT_CONNECT)
                    advice = _advice(relay.way, service) if code == COULD_NOT_RESOLVE else ""
                    raise _failure(asked, relay.failure.why, code, advice) from error
                raise _failure(asked, str(error) or "the connection ended", _broken(error)) from error


def _broken(error: "httpx.HTTPError") -> int:
    """curl's exit code for an exchange that ended before it was over, by where it did."""
    import httpx

    if isinstance(error, httpx.ConnectError):
        # The relay itself always answers: what fails in connecting to it is TLS.
        return UNKNOWN_ISSUER if "CERTIFICATE_VERIFY_FAILED" in str(error) else TLS_FAILED
    if isinstance(error, httpx.WriteError):
        return SEND_ERROR
    if isinstance(error, httpx.ReadError):
        return RECEIVE_ERROR
    return PARTIAL if "complete message body" in str(error) else EMPTY_REPLY


def _advice(way: "Way", service: str) -> str:
    """When the name exists and this service was deployed before it, that is why."""
    from moorage.cli.commands import endpoints

    for endpoint in endpoints.fetch(way.address)["endpoints"]:
        if endpoint["alias"] == way.host and service in endpoint["stale"]:
            return (
                f"{service} was deployed before this name came, and knows it once it is deployed again:\n"
                f"  {endpoints.redeploy(service)}"
            )
    return "`moorage endpoints` lists the names that tasks can ask for."


def _failure(asked: "Asked", why: str, code: int, advice: str = "") -> Failure:
    """With -s and without -S, curl keeps silent about it: the exit code tells."""
    if asked.silent and not asked.show_error:
        raise typer.Exit(code)
    return Failure(asked.url, why, advice, code)


async def _exchange(asked: "Asked", client: "httpx.AsyncClient") -> int:
    started = time.perf_counter()
    request = _request(asked, client)
    if asked.verbose:
        _show_request(request)
    response = await client.send(request, stream=True)
    if asked.verbose:
        _show_head(response, sys.stderr.buffer, b"< ")
    failed = asked.fail and response.is_error
    size = 0 if failed else await _write_body(asked, response)
    await response.aclose()
    if asked.write_out:
        elapsed = time.perf_counter() - started
        sys.stdout.write(_written_out(asked.write_out, response, size, elapsed))
        sys.stdout.flush()
    if failed:
        raise _failure(asked, f"the answer was {response.status_code}", HTTP_ERROR)
    return 0


def _request(asked: "Asked", client: "httpx.AsyncClient") -> "httpx.Request":
    """Exactly the headers that curl would send: a header without value is left out."""
    client.headers.clear()
    given = {name.lower() for name, _ in asked.headers}
    defaults = [("User-Agent", asked.agent), ("Accept", asked.accept)]
    if asked.body:
        defaults.append(("Content-Type", asked.content_type))
    headers = [pair for pair in defaults if pair[0].lower() not in given]
    headers += [pair for pair in asked.headers if pair[1]]
    return client.build_request(asked.verb, asked.url, headers=headers, content=asked.content or None)


async def _write_body(asked: "Asked", response: "httpx.Response") -> int:
    size = 0
    with ExitStack() as stack:
        out = _target(asked, stack)
        if asked.include or asked.head:
            _show_head(response, out, b"")
        async for chunk in response.aiter_raw():
            out.write(chunk)
            out.flush()
            size += len(chunk)
    return size


def _target(asked: "Asked", stack: ExitStack) -> BinaryIO:
    if asked.output is None:
        return sys.stdout.buffer
    try:
        return stack.enter_context(Path(asked.output).open("wb"))
    except OSError as error:
        raise Failure(asked.output, error.strerror or str(error), code=WRITE_ERROR) from error


def _show_request(request: "httpx.Request") -> None:
    path = request.url.raw_path.decode()
    sys.stderr.write(f"> {request.method} {path} HTTP/1.1\n")
    for name, value in request.headers.raw:
        sys.stderr.write(f"> {name.decode()}: {value.decode()}\n")
    sys.stderr.write(">\n")
    sys.stderr.flush()


def _show_head(response: "httpx.Response", out: BinaryIO, mark: bytes) -> None:
    ending = b"\n" if mark else b"\r\n"
    reason = response.reason_phrase.encode()
    out.write(mark + f"{response.http_version} {response.status_code} ".encode() + reason + ending)
    for name, value in response.headers.raw:
        out.write(mark + name + b": " + value + ending)
    out.write(mark + ending)
    out.flush()


def _written_out(template: str, response: "httpx.Response", size: int, elapsed: float) -> str:
    """curl's -w: the variables known here; an unknown one becomes a complaint, as in curl."""
    known = {
        "http_code": f"{response.status_code:03d}",
        "response_code": f"{response.status_code:03d}",
        "http_version": response.http_version.removeprefix("HTTP/"),
        "content_type": response.headers.get("content-type", ""),
        "size_download": str(size),
        "time_total": f"{elapsed:.6f}",
        "method": response.request.method,
        "url": str(response.request.url),
    }
    text = template.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")
    parts = text.split("%{")
    written = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        if name not in known:
            render.note(f"curl -w: unknown variable {name!r}")
        written.append(known.get(name, "") + rest if closed else "%{" + part)
    return "".join(written).replace("%%", "%")
