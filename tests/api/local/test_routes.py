from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from archives import docker, file, layer

Scene = Any


def dial(scene: Scene, path: str) -> Any:
    return connect("ws" + scene.url.removeprefix("http") + f"/_moorage/dial/{path}", compression=None, proxy=None)


def test_the_status_counts_what_runs(shop: Scene) -> None:
    found = shop.get("status").json()
    assert (found["status"], found["version"], found["runtime"]) == ("running", "9.9", "fake")
    assert (found["clusters"], found["services"], found["tasks"]) == (1, 3, 3)


def test_endpoints_say_who_sees_them_in_the_region_that_is_asked_for(shop: Scene) -> None:
    (endpoint,) = shop.get("endpoints").json()["endpoints"]
    assert (endpoint["alias"], endpoint["port"], endpoint["owner"]) == ("server.hello.local", 5000, "shop/server")
    assert endpoint["healthy"] == [shop.tasks["server"]]
    assert endpoint["seen_by"] == ["shop/client", "shop/server"]
    assert endpoint["stale"] == ["shop/early"]
    assert shop.get("endpoints", region="eu-west-1").json()["endpoints"] == []


def test_logs_are_lines_of_one_container(shop: Scene) -> None:
    answer = shop.get(f"logs/{shop.tasks['server']}/app")
    lines = [httpx.Response(200, text=line).json() for line in answer.text.splitlines()]
    assert [(line["stream"], line["text"]) for line in lines] == [("stdout", "web says hello"), ("stderr", "web warns")]
    assert shop.get(f"logs/{shop.tasks['server']}/app", since="2099-01-01T00:00:00+00:00").text == ""


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01T00:00:00"])
def test_a_time_that_is_none_is_refused(shop: Scene, since: str) -> None:
    answer = shop.get(f"logs/{shop.tasks['server']}/app", since=since)
    assert answer.status_code == 400
    assert since in answer.json()["message"]


def test_a_tunnel_carries_bytes_both_ways_and_their_end(shop: Scene) -> None:
    with dial(shop, f"{shop.tasks['client']}?host=server.hello.local&port=5000") as tunnel:
        tunnel.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while isinstance(message := tunnel.recv(10), bytes):
            received += message
        assert message == "end"
        tunnel.send("end")
    assert received.startswith(b"HTTP/1.1 200")
    assert b"GET /x" in received


@pytest.mark.parametrize(
    ("query", "status", "why"),
    [
        ("host=other.hello.local&port=5000", 409, "other.hello.local: Name or service not known"),
        ("port=1", 409, "listens on port 1"),
        ("port=none", 400, "'none' is not a port."),
        ("port=70000", 400, "'70000' is not a port."),
    ],
)
def test_a_tunnel_that_leads_nowhere_is_refused_with_the_reason(shop: Scene, query: str, status: int, why: str) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        dial(shop, f"{shop.tasks['client']}?{query}").close()
    assert refused.value.response.status_code == status
    assert why in (refused.value.response.body or b"").decode()


def test_kill_sends_sigkill_to_the_first_essential_container(shop: Scene) -> None:
    task = shop.tasks["server"]
    answer = httpx.post(f"{shop.url}/_moorage/tasks/{task[:10]}/kill", trust_env=False)
    assert answer.json() == {"task": task, "container": "app", "signal": "SIGKILL"}
    assert shop.runtime.killed == [(task, "app", 9)]
    assert shop.run(shop.runtime.observe(task)).containers["app"].exit_code == 137


def test_a_task_that_is_not_there_cannot_be_killed(shop: Scene) -> None:
    answer = httpx.post(f"{shop.url}/_moorage/tasks/nope/kill", trust_env=False)
    assert (answer.status_code, answer.json()) == (404, {"message": "There is no task nope."})


def test_the_mesh_route_gives_what_the_proxy_was_told(shop: Scene) -> None:
    task = shop.tasks["client"]
    assert shop.get(f"mesh/{task}").status_code == 404
    shop.proxies[task] = {"taskId": task, "connected": True, "types": {}}
    assert shop.get(f"mesh/{task}").json()["connected"] is True


def test_images_are_added_listed_and_removed(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM scratch\nCMD ["python"]\n')
    url = f"{scene.url}/_moorage/images"
    assert httpx.put(f"{url}/team/web", json={"folder": str(folder)}, trust_env=False).json()["name"] == "team/web"
    (image,) = scene.get("images").json()["images"]
    assert (image["name"], image["command"], image["folder"]) == ("team/web", ["python"], str(folder))
    assert httpx.delete(f"{url}/team/web", trust_env=False).status_code == 200
    assert httpx.delete(f"{url}/team/web", trust_env=False).status_code == 404
    assert scene.get("images").json()["images"] == []


def test_an_archive_becomes_an_image_and_is_told_from_a_folder(scene: Scene, tmp_path: Path) -> None:
    archive = docker(tmp_path / "web.tar", [layer(file("bin/x", "", 0o755))], {"Cmd": ["/bin/x"]})
    url = f"{scene.url}/_moorage/images/web"
    assert httpx.put(url, json={"archive": str(archive)}, trust_env=False).status_code == 200
    (image,) = scene.get("images").json()["images"]
    assert (image["archive"], image["folder"], image["command"]) == (str(archive), "", ["/bin/x"])
    archive.write_bytes(b"x" * 2000)
    answer = httpx.put(url, json={"archive": str(archive)}, trust_env=False)
    assert (answer.status_code, "not an archive of an image" in answer.json()["message"]) == (409, True)
    answer = httpx.put(url, json={"archive": str(tmp_path)}, trust_env=False)
    assert (answer.status_code, "not a file" in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{", "not JSON"),
        ("[]", "the string 'folder' or 'archive'"),
        ('{"folder": 1}', "'folder'"),
        ('{"folder": "a"}', "absolute"),
        ('{"folder": "/a", "archive": "/b"}', "nothing else"),
    ],
)
def test_an_image_without_a_folder_is_refused(scene: Scene, body: str, why: str) -> None:
    answer = httpx.put(f"{scene.url}/_moorage/images/web", content=body, trust_env=False)
    assert answer.status_code == 400
    assert why in answer.json()["message"]


def test_a_dockerfile_that_cannot_be_honoured_is_refused_with_its_line(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nRUN make\n")
    answer = httpx.put(f"{scene.url}/_moorage/images/web", json={"folder": str(tmp_path)}, trust_env=False)
    assert answer.status_code == 409
    assert "line 2" in answer.json()["message"]


@pytest.mark.parametrize("name", ["reset", "stop"])
def test_reset_and_stop_are_asked_of_the_daemon_by_post_only(scene: Scene, name: str) -> None:
    assert scene.get(name).status_code == 405
    assert scene.calls == []
    assert httpx.post(f"{scene.url}/_moorage/{name}", trust_env=False).status_code == 200
    assert scene.calls == [name]


def test_a_web_page_of_another_origin_may_not_dial(shop: Scene) -> None:
    from websockets.exceptions import InvalidStatus

    url = "ws" + shop.url.removeprefix("http") + f"/_moorage/dial/{shop.tasks['client']}?port=5000"
    with pytest.raises(InvalidStatus):
        connect(url, origin="http://evil.example", proxy=None).close()
