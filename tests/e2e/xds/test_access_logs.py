"""What a proxy writes for each request and connection, field by field, as Envoy itself writes it."""

import asyncio
import json
import re

import pytest

from moorage.domain.proxy_output import AccessLog

pytestmark = pytest.mark.namespaces

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TEXT = AccessLog("TEXT", query_parameters=False)
JSON = AccessLog("JSON", query_parameters=False)
REQUEST = {
    *("authority", "bytes_received", "bytes_sent", "forwarded_for", "method", "path", "protocol", "request_id"),
    *("response_code", "start_time", "upstream_host", "upstream_service_time", "user_agent"),
}


async def written(bed, task_id: str, pattern: str) -> re.Match[str]:
    """The first whole line of a proxy's output that matches."""
    output = bed.directory / f"{task_id}.log"
    found = re.compile(f"^{pattern}$", re.MULTILINE)
    return await bed.until(lambda: asyncio.sleep(0, found.search(output.read_text())))


async def entry(bed, task_id: str) -> dict[str, object]:
    return json.loads((await written(bed, task_id, r"\{.*\}"))[0])


async def http_pair(bed, world, log: AccessLog) -> None:
    bed.namespace.redirect(15001)
    await bed.application(world.Application("app", 5000))
    await bed.proxy(world.replace(world.server("server", (15010, 5000)), access_log=log))
    await bed.proxy(world.replace(world.client(world.alias(1, 15010)), access_log=log))


async def test_http_as_text_is_the_documented_line_on_both_sides_without_the_query(bed, world):
    await http_pair(bed, world, TEXT)
    await bed.get("http://127.255.0.1/a/b?secret=1", user_agent="tester/1")
    line = rf'\[{TIME}\] "GET /a/b HTTP/1.1" 200 0 3 \d+ \d+ "-" "tester/1" "({ID})" "127.255.0.1" "%s"'
    out = await written(bed, "client", line % "127.0.0.1:15010")
    into = await written(bed, "server", line % "127.0.0.1:5000")
    assert out[1] == into[1]
    assert "secret=1" not in (bed.directory / "server.log").read_text()


async def test_the_query_is_kept_where_it_was_asked_for(bed, world):
    await http_pair(bed, world, AccessLog("TEXT", query_parameters=True))
    await bed.get("http://127.255.0.1/a/b?plain=1")
    await written(bed, "client", r'\[.*\] "GET /a/b\?plain=1 HTTP/1.1" 200 .*')


@pytest.mark.parametrize("query_parameters", [False, True])
async def test_http_as_json_is_the_documented_object_with_the_query_if_asked_for(bed, world, query_parameters):
    await http_pair(bed, world, AccessLog("JSON", query_parameters))
    await bed.get("http://127.255.0.1/a/b?secret=1", user_agent="tester/1", x_request_id="mine")
    for task_id, upstream in (("client", "127.0.0.1:15010"), ("server", "127.0.0.1:5000")):
        written_line = (await written(bed, task_id, r"\{.*\}"))[0]
        line = json.loads(written_line)
        assert written_line == json.dumps(line, sort_keys=True, separators=(",", ":"))
        assert re.fullmatch(TIME, line.pop("start_time"))
        assert type(line.pop("duration_ms")) is int
        assert line.pop("upstream_service_time").isdigit()
        assert line == {
            "authority": "127.255.0.1",
            "bytes_received": 0,
            "bytes_sent": 3,
            "forwarded_for": None,
            "method": "GET",
            "path": "/a/b?secret=1" if query_parameters else "/a/b",
            "protocol": "HTTP/1.1",
            "request_id": "mine",
            "response_code": 200,
            "upstream_host": upstream,
            "user_agent": "tester/1",
        }


async def test_without_the_configuration_no_line_is_written(bed, world):
    bed.namespace.redirect(15001)
    await bed.application(world.Application("app", 5000))
    await bed.proxy(world.client(world.alias(1, 5000)))
    await bed.get("http://127.255.0.1/")
    bed.kill("client", 15)
    assert "GET" not in (bed.directory / "client.log").read_text()


@pytest.mark.parametrize(("protocol", "status"), [("http2", ""), ("grpc", " OK")])
async def test_http2_and_grpc_lines_end_with_the_stream_and_grpc_has_its_status(bed, world, protocol, status):
    bed.namespace.redirect(15001)
    spoken = {"protocol": world.Protocol(protocol)}
    await bed.program("grpc_echo.py", "serve", "5000")
    await bed.proxy(world.replace(world.server("server", (15010, 5000), **spoken), access_log=TEXT))
    await bed.proxy(world.replace(world.client(world.alias(1, 15010, **spoken)), access_log=TEXT))
    for _ in range(2):
        await bed.run("grpc_echo.py", "call", "127.255.0.1:80")
    path, numbers = '"POST /echo.Echo/Say HTTP/2"', r"12 \d+ \d+ \d+"
    ends = rf'"-" "grpc-python/[^"]*" "{ID}" "127.255.0.1:80" "127.0.0.1:15010" "{ID}"'
    await written(bed, "client", rf"\[{TIME}\] {path} 200{status} {numbers} {ends}")


@pytest.mark.parametrize(("protocol", "more"), [("http2", {}), ("grpc", {"grpc_status": "Unavailable"})])
async def test_http2_and_grpc_as_json_call_it_duration(bed, world, protocol, more):
    bed.namespace.redirect(15001)
    spoken = {"protocol": world.Protocol(protocol)}
    await bed.program("grpc_echo.py", "serve", "5000", "always unavailable")
    await bed.proxy(world.replace(world.client(world.alias(1, 5000, **spoken)), access_log=JSON))
    await bed.run("grpc_echo.py", "call", "127.255.0.1:80")
    line = await entry(bed, "client")
    assert line.keys() == REQUEST | {"duration", "stream_id"} | more.keys()
    expected = {"path": "/echo.Echo/Say", "protocol": "HTTP/2", "response_code": 200, "bytes_received": 12, **more}
    assert {key: line[key] for key in expected} == expected
    assert all(re.fullmatch(ID, str(line[key])) for key in ("stream_id", "request_id"))


@pytest.mark.parametrize("log", [TEXT, JSON])
async def test_a_tcp_connection_is_one_line_when_it_has_ended(bed, world, log):
    bed.namespace.redirect(15001)

    async def echo(reader, writer):
        writer.write(await reader.readexactly(7))
        writer.close()

    await bed.listen(5000, echo)
    tcp = {"protocol": world.Protocol.TCP, "timeouts": world.TCP}
    await bed.proxy(world.replace(world.client(world.alias(1, 5000, **tcp)), access_log=log))
    reader, writer = await asyncio.open_connection(sock=await bed.namespace.connected("127.255.0.1", 80))
    port = writer.get_extra_info("sockname")[1]
    writer.write(b"moorage")
    assert await reader.read() == b"moorage"
    writer.close()
    if log is TEXT:
        await written(bed, "client", rf"\[{TIME}\] 127\.0\.0\.1:{port} {port} 7 7 \d+ - \d+")
        return
    line = await entry(bed, "client")
    duration, connection = line.pop("duration"), line.pop("connection_id")
    assert (type(duration), type(connection), bool(re.fullmatch(TIME, str(line.pop("start_time"))))) == (int, int, True)
    assert line == {
        "downstream_remote_address": f"127.0.0.1:{port}",
        "downstream_remote_port": port,
        "bytes_received": 7,
        "bytes_sent": 7,
        "connection_termination_details": None,
    }
