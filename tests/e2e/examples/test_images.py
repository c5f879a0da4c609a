"""The programs in the example images, run as they are: the server drains, the client goes on asking."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

IMAGES = Path(__file__).parents[3] / "examples" / "hello-world" / "images"
SERVER = IMAGES / "hello-world-server" / "server.py"
CLIENT = IMAGES / "hello-world-client" / "client.py"


def line(process: subprocess.Popen[str]) -> str:
    """The next line of output; the timer ends a program that says nothing, and then the line is empty."""
    assert process.stdout is not None
    timer = threading.Timer(20, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()


@contextlib.contextmanager
def running(program: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(program)], env=os.environ | environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with running(SERVER, PORT="0", GREETING="ahoy") as process:
        said = re.search(r"listens on port (\d+)", line(process))
        assert said
        yield process, int(said[1])


def get(port: int, path: str = "/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_the_server_says_which_task_answered(server: tuple[subprocess.Popen[str], int]) -> None:
    assert get(server[1]) == (200, f"ahoy from {socket.gethostname()}\n")


def test_the_server_finishes_a_request_in_flight_before_it_ends(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    idle = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    busy = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(idle), contextlib.closing(busy):
        idle.request("GET", "/")
        idle.getresponse().read()
        # The head of a request is in flight as soon as its first line is there; the rest follows after the signal.
        busy.connect()
        busy.sock.sendall(b"GET /?wait=0.3 HTTP/1.1\r\n")
        assert get(port)[0] == 200
        process.send_signal(signal.SIGTERM)
        wait_until_refused(port)
        busy.sock.sendall(b"Host: server\r\n\r\n")
        answer = http.client.HTTPResponse(busy.sock)
        answer.begin()
        assert (answer.status, answer.getheader("Connection")) == (200, "close")
        assert answer.read().startswith(b"ahoy from ")
    assert process.wait(20) == 0


def test_a_refused_method_does_not_keep_the_server_from_ending(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("DELETE", "/")
        assert connection.getresponse().status == 501
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_client_goes_on_when_the_server_is_away(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    with running(CLIENT, SERVER_URL=f"http://127.0.0.1:{port}/", INTERVAL="0.02") as client:
        assert line(client).startswith("asking http://127.0.0.1:")
        assert line(client) == f"200 ahoy from {socket.gethostname()}\n"
        process.kill()
        process.wait()
        heard: Queue[str] = Queue()
        while heard.empty():
            said = line(client)
            assert said, "the client ended"
            if said.startswith("failed: "):
                heard.put(said)
        assert line(client).startswith("failed: ")
        client.send_signal(signal.SIGTERM)
        assert client.wait(20) == 0


def wait_until_refused(port: int) -> None:
    """Connections that the kernel still queues are not refused yet; each try is one fact."""
    for _ in range(2000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=20).close()
        except OSError:
            return
    pytest.fail("the server still listens")
