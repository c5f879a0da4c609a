"""The example's template through the command line, as a person would: up, ask, change, break, down."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from moorage.cli.address import Address
from moorage.cli.failure import Failure
from moorage.cli.tunnel import Way, open_tunnel

pytestmark = pytest.mark.namespaces

EXAMPLE = Path(__file__).parents[3] / "examples" / "hello-world-template"
URL = "http://server.hello-world.com:5000/"
Place = Any


@pytest.fixture(scope="module")
def shop(moorage: Place) -> Iterator[Place]:
    """The example, deployed as the stack `shop` with one server."""
    done = moorage.run("up", str(EXAMPLE), "--stack", "shop", "--parameter", "ServerCount=1")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["STACK", "OUTPUT"],
        ["shop", "Cluster"],
        ["shop", "Server"],
        ["shop", "Client"],
    ]
    assert "CREATE_COMPLETE       AWS::ECS::Service  Client" in done.stderr
    assert "RUNNING HEALTHY       task  Server" in done.stderr
    yield moorage
    moorage.run("down", "shop")
    assert json.loads(moorage.run("ps", "--json").stdout)["services"] == []


def service(shop: Place, part: str) -> str:
    services = json.loads(shop.run("ps", "--json").stdout)["services"]
    return next(f"{s['cluster']}/{s['name']}" for s in services if part in s["name"].lower())


def test_the_client_reaches_the_server_by_the_name_that_it_knows_and_no_other(shop: Place) -> None:
    done = shop.run("curl", service(shop, "client"), "-sf", URL)
    assert done.stdout.startswith("hello from ")
    failed = shop.run("curl", service(shop, "client"), "http://other.hello-world.com:5000/", check=False)
    assert failed.returncode == 6
    assert "does not resolve" in failed.stderr


def test_the_endpoint_is_seen_by_both_services(shop: Place) -> None:
    (endpoint,) = json.loads(shop.run("endpoints", "hello-world.com", "--json").stdout)["endpoints"]
    assert sorted(endpoint["seen_by"]) == sorted([service(shop, "client"), service(shop, "server")])
    assert endpoint["stale"] == []
    assert len(endpoint["healthy"]) == 1


def test_logs_tell_what_the_client_heard(shop: Place) -> None:
    assert " 200 hello from " in shop.run("logs", service(shop, "client")).stdout
    assert "lds: add/update listener 'egress'" in shop.run("logs", service(shop, "client"), "--proxy").stdout


def test_up_again_changes_nothing_and_keeps_the_parameters(shop: Place) -> None:
    done = shop.run("up", str(EXAMPLE), "--stack", "shop")
    assert "is as it should be: nothing to do" in done.stderr


def test_a_new_parameter_rolls_the_server(shop: Place) -> None:
    shop.run("up", str(EXAMPLE), "--stack", "shop", "--parameter", "Greeting=good morning")
    assert shop.run("curl", service(shop, "client"), "-s", URL).stdout.startswith("good morning from ")


def test_a_template_that_cannot_be_deployed_is_rolled_back_and_the_reason_is_told(shop: Place, tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(
        "Resources:\n"
        "  Space:\n"
        "    Type: AWS::ServiceDiscovery::HttpNamespace\n"
        "    Properties: {Name: hello-world.com}\n"
    )
    done = shop.run("up", str(broken), "--stack", "second", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: stack second: ROLLBACK_COMPLETE: Space (AWS::ServiceDiscovery::HttpNamespace)" in done.stderr
    assert "already exists" in done.stderr
    shop.run("down", "second")


def test_a_parameter_that_the_template_does_not_declare_is_refused_before_anything_happens(shop: Place) -> None:
    done = shop.run("up", str(EXAMPLE), "--stack", "shop", "--parameter", "Count=1", check=False)
    assert done.returncode == 2
    assert "error: --parameter Count: no template declares it" in done.stderr


def test_a_second_daemon_on_the_same_port_or_data_is_refused_with_who_is_there(moorage: Place, tmp_path: Path) -> None:
    other = moorage.run("start", "--port", str(moorage.port), "--data-dir", str(tmp_path), check=False)
    assert other.returncode == 1
    assert f"port {moorage.port} is taken" in other.stderr
    assert f"(pid {moorage.process.pid})" in other.stderr
    same = moorage.run("start", "--detach", "--data-dir", str(moorage.data), check=False)
    assert same.returncode == 1
    assert f"the daemon at {moorage.url} (pid {moorage.process.pid}) uses it" in same.stderr


def test_a_detached_daemon_answers_when_the_command_returns_and_is_gone_after_stop(
    moorage: Place, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    started = moorage.run("start", "--detach", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert started.stdout == f"http://127.0.0.1:{port}\n"
    try:
        assert (tmp_path / "data" / "daemon.json").exists()
    finally:
        stopped = moorage.run("stop", "--data-dir", str(tmp_path / "data"))
    assert stopped.stderr.endswith("Stopped.\n")
    assert not (tmp_path / "data" / "daemon.json").exists()
    again = moorage.run("stop", "--port", port)
    assert "nothing to stop" in again.stderr


def test_a_daemon_beyond_loopback_serves_only_those_who_have_its_key(moorage: Place, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    there = ["--port", port, "--data-dir", str(tmp_path / "data")]
    moorage.run("start", "--detach", "--host", "0.0.0.0", *there)
    keys = dict(moorage.environment)
    try:
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/_moorage/status").status_code == 403
        assert httpx.post(f"{url}/_moorage/stop").status_code == 403
        lines = moorage.run("env", *there).stdout.splitlines()
        keys |= dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        assert _with(keys, "status").returncode == 0
        assert _with(keys, "ps", "--json").stdout.startswith("{")
        stranger = _with(keys | {"AWS_SECRET_ACCESS_KEY": "guessed"}, "ps")
        assert stranger.returncode == 1
        with pytest.raises(Failure, match="no task"):
            asyncio.run(
                open_tunnel(Way(Address(url, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]), "x", 1))
            )
        with pytest.raises(Failure, match="403"):
            asyncio.run(open_tunnel(Way(Address(url), "x", 1)))
    finally:
        stopped = _with(keys, "stop", "--port", port)
    assert stopped.returncode == 0, stopped.stderr


def _with(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "moorage", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
