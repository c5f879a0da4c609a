import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from moorage.cli.main import main

Scene = Any
Capture = pytest.CaptureFixture[str]
NAME = "http://server.hello.local:5000"


def test_ps_lists_clusters_services_and_tasks(shop: Scene, capsys: Capture) -> None:
    assert main(["ps"]) == 0
    out = capsys.readouterr().out
    assert "shop/server" in out
    assert shop.tasks["server"][:8] in out
    assert main(["ps", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [service["name"] for service in found["services"]] == ["client", "early", "server"]
    assert {task["id"] for task in found["tasks"]} == set(shop.tasks.values())
    assert {task["status"] for task in found["tasks"]} == {"RUNNING"}


def test_ps_of_an_empty_daemon_says_what_to_do_on_stderr(scene: Scene, capsys: Capture) -> None:
    assert main(["ps"]) == 0
    written = capsys.readouterr()
    assert written.out == ""
    assert "moorage up PATH" in written.err


def test_endpoints_name_the_stale_service_and_how_to_mend_it(shop: Scene, capsys: Capture) -> None:
    assert main(["endpoints"]) == 0
    written = capsys.readouterr()
    line = written.out.splitlines()[1].split()
    assert line == [
        "server.hello.local:5000",
        "http",
        "shop/server",
        "1/1",
        "shop/client,",
        "shop/server",
        "shop/early",
    ]
    assert "aws ecs update-service --cluster shop --service early --force-new-deployment" in written.err
    assert main(["endpoints", "other.local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"endpoints": [], "ghosts": [], "live": []}


def test_curl_asks_from_inside_a_task(shop: Scene, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    arguments = ["-s", "-X", "POST", "-H", "X-A: b", "-d", "hello", "-w", "%{http_code}\\n", f"{NAME}/path"]
    assert main(["curl", "client", *arguments]) == 0
    out = capfdbinary.readouterr().out.decode()
    body, code = out.splitlines()
    assert body.startswith("POST /path ")
    assert body.endswith(" hello")
    assert " X-A=b" in body
    assert "Host=server.hello.local:5000" in body
    assert code == "200"


def test_curl_shows_heads_and_writes_files(
    shop: Scene, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    assert main(["curl", "client", "-v", "-o", str(tmp_path / "out"), f"{NAME}/x"]) == 0
    written = capfdbinary.readouterr()
    assert written.out == b""
    assert b"> GET /x HTTP/1.1" in written.err
    assert b"< HTTP/1.1 200 OK" in written.err
    assert (tmp_path / "out").read_text().startswith("GET /x")
    assert main(["curl", "client", "-i", f"{NAME}/x"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert main(["curl", "client", "-I", f"{NAME}/x"]) == 0
    assert b"X-Answered: yes" in capfdbinary.readouterr().out


def test_curl_fails_with_curls_codes_and_says_why(shop: Scene, capsys: Capture) -> None:
    assert main(["curl", "client", "-f", f"{NAME}/sick"]) == 22
    assert main(["curl", "early", f"{NAME}/"]) == 6
    assert "Name or service not known" in capsys.readouterr().err
    assert main(["curl", "early", "-s", f"{NAME}/"]) == 6
    assert capsys.readouterr().err == ""
    assert main(["curl", "client", f"{NAME.rpartition(':')[0]}:1/"]) == 7
    assert main(["curl", "client", "silent.example"]) == 28
    assert main(["curl", "client", "--location", NAME]) == 2
    assert "--location" in capsys.readouterr().err


def test_ps_says_what_a_task_waits_for_while_one_does(shop: Scene, capsys: Capture) -> None:
    assert main(["ps"]) == 0
    assert "WAITS" not in capsys.readouterr().out
    shop.wait("server", "nothing of it listens on port 5000 yet")
    assert main(["ps"]) == 0
    out = capsys.readouterr().out
    assert "WAITS" in out
    assert "nothing of it listens on port 5000 yet" in out
    assert main(["ps", "--json"]) == 0
    waits = {task["id"]: task["waits_for"] for task in json.loads(capsys.readouterr().out)["tasks"]}
    assert waits[shop.tasks["server"]] == "nothing of it listens on port 5000 yet"
    assert set(waits.values()) == {"", "nothing of it listens on port 5000 yet"}


def test_a_service_is_found_by_a_part_of_its_name_or_with_its_cluster(shop: Scene, capsys: Capture) -> None:
    for name in ("cli", "shop/client", "arn:aws:ecs:us-east-1:000000000000:service/shop/client"):
        assert main(["logs", name]) == 0
        assert shop.tasks["client"][:8] in capsys.readouterr().out


def test_a_task_is_found_by_its_arn_its_cluster_and_id_or_a_beginning_of_that(shop: Scene, capsys: Capture) -> None:
    task = shop.tasks["server"]
    said = [f"{task[:8]} web says hello", f"{task[:8]} web warns"]
    for name in (f"arn:aws:ecs:us-east-1:000000000000:task/shop/{task}", f"shop/{task}", task[:12]):
        assert main(["logs", name]) == 0
        assert capsys.readouterr().out.splitlines() == said
    assert main(["logs", f"arn:aws:ecs:us-east-1:000000000000:task/elsewhere/{task}"]) == 1
    assert "there is no service or task of this name" in capsys.readouterr().err


def test_curl_asks_from_the_task_of_an_arn(shop: Scene, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    arn = f"arn:aws:ecs:us-east-1:000000000000:task/shop/{shop.tasks['client']}"
    assert main(["curl", arn, "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{NAME}/path"]) == 0
    assert capfdbinary.readouterr().out == b"200"


def test_a_name_that_several_services_share_is_refused_with_their_names(shop: Scene, capsys: Capture) -> None:
    assert main(["curl", "e", NAME]) == 1
    assert "shop/client, shop/early, shop/server" in capsys.readouterr().err


def test_what_is_not_there_is_said_with_the_next_step(shop: Scene, capsys: Capture) -> None:
    assert main(["logs", "nothing"]) == 1
    assert "there is no service or task of this name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["clinet", "shop/clinet"])
def test_a_name_that_is_almost_right_is_answered_with_the_right_one(shop: Scene, capsys: Capture, name: str) -> None:
    assert main(["logs", name]) == 1
    assert "Did you mean shop/client?" in capsys.readouterr().err


def test_logs_are_those_of_the_containers_or_of_the_proxy(shop: Scene, capsys: Capture) -> None:
    assert main(["logs", shop.tasks["server"]]) == 0
    label = shop.tasks["server"][:8]
    assert capsys.readouterr().out.splitlines() == [f"{label} web says hello", f"{label} web warns"]
    assert main(["logs", "server", "--proxy"]) == 0
    assert capsys.readouterr().out == f"{label} proxy says hello\n"
    assert main(["logs", "server", "--since", "0s"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["logs", "server", "--since", "soon"]) == 2


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of this machine's own programs, an AWS CLI of any version among them, is on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_tools")
def test_check_tells_what_is_wrong_and_what_to_do(shop: Scene, capsys: Capture) -> None:
    refusal = {"server": {"version": "1", "reason": "bad timeout"}}
    shop.proxies[shop.tasks["client"]] = {
        "taskId": shop.tasks["client"],
        "connected": True,
        "types": {"Cluster": {"refused": refusal}},
    }
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert "√ namespaces" in out
    assert "‼ outbound" in out
    assert "× proxy of" in out
    assert "refused Cluster server: bad timeout" in out
    assert "shop/early was deployed before server.hello.local:5000" in out
    shop.proxies[shop.tasks["client"]] = {"taskId": shop.tasks["client"], "connected": True, "silentSeconds": 61.0}
    assert main(["check"]) == 0
    assert "it has not answered the daemon for 61 s" in capsys.readouterr().out
    shop.proxies.clear()
    assert main(["check", "--json"]) == 0
    assert {line["group"] for line in json.loads(capsys.readouterr().out)} == {"machine", "tools", "daemon", "mesh"}


@pytest.mark.usefixtures("no_tools")
def test_check_names_a_proxy_that_hangs_though_it_owes_nothing(shop: Scene, capsys: Capture) -> None:
    for name in ("client", "server"):
        shop.proxies[shop.tasks[name]] = {"taskId": shop.tasks[name], "connected": True, "silentSeconds": 0.0}
    assert main(["check"]) == 0
    assert "all of them answer and hold what they were told (2)" in capsys.readouterr().out
    shop.hanging.add(shop.tasks["server"])
    assert main(["check", "--json"]) == 0
    lines = [line for line in json.loads(capsys.readouterr().out) if "prox" in line["name"]]
    assert [(line["name"], line["status"]) for line in lines] == [(f"proxy of {shop.tasks['server'][:8]}", "warning")]
    assert "it does not answer" in lines[0]["detail"]


def test_images_are_managed_by_name(scene: Scene, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCMD ["python", "x.py"]\n')
    assert main(["image", "add", "web", str(tmp_path)]) == 0
    assert main(["image", "ls"]) == 0
    assert "python x.py" in capsys.readouterr().out
    assert main(["image", "rm", "web"]) == 0
    assert main(["image", "rm", "web"]) == 1
    assert main(["image", "add", "web", str(tmp_path / "nothing")]) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_status_says_what_runs(shop: Scene, capsys: Capture) -> None:
    assert main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["endpoint"], found["services"]) == (shop.url, 3)


def test_env_prints_lines_that_a_shell_takes_and_never_the_keys_of_real_aws(
    scene: Scene, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    assert main(["env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"export AWS_ENDPOINT_URL={scene.url}" in lines
    assert "export AWS_SECRET_ACCESS_KEY=test" in lines
    assert all(line.startswith(("export ", "# ")) for line in lines)


def test_forward_leads_a_port_of_this_host_to_the_task(shop: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moorage", "forward", "server", f"{port}:5000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr is not None
            assert f"http://127.0.0.1:{port} leads to port 5000" in child.stderr.readline()
            assert httpx.get(f"http://127.0.0.1:{port}/y", trust_env=False).text.startswith("GET /y")
        finally:
            child.terminate()


def test_logs_follow_until_they_are_interrupted(shop: Scene) -> None:
    command = [sys.executable, "-m", "moorage", "logs", "-f", "server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().endswith("web says hello\n")
            assert child.poll() is None
        finally:
            child.terminate()


def test_a_command_without_a_daemon_says_so_in_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    for command in (
        ["ps"],
        ["endpoints"],
        ["image", "ls"],
        ["status"],
        ["down", "x"],
        ["curl", "a", "http://b/"],
        ["exec", "a", "b"],
    ):
        assert main(command) == 1
        assert f"no Moorage answers at http://127.0.0.1:{port}" in capsys.readouterr().err
    assert main(["stop"]) == 0
    assert "nothing to stop" in capsys.readouterr().err


def test_what_is_not_there_yet_says_so_by_name(capsys: Capture) -> None:
    assert main(["start", "--runtime", "docker"]) == 1
    assert "--runtime docker: this is not there yet" in capsys.readouterr().err


def test_a_word_that_no_option_knows_is_refused(capsys: Capture) -> None:
    assert main(["start", "--names", "thawed"]) == 2
    assert "--names: 'thawed' is none of frozen, live" in capsys.readouterr().err


def test_heavy_packages_are_not_imported_for_help() -> None:
    code = (
        "import sys; import moorage.cli.main; "
        "print([name for name in ('botocore', 'boto3', 'httpx', 'rich', 'yaml', 'websockets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
