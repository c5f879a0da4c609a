"""The address that every task reaches and where the daemon answers: who asks is seen by the task's own address."""

import asyncio
import contextlib
import socket

import pytest

from moorage.planning import inside
from moorage.runtime.netns import NetnsRuntime

from .conftest import fetch, run, serve

pytestmark = pytest.mark.namespaces

ANSWER = b"HTTP/1.0 200 OK\r\n\r\n%s"


async def answer(listening: socket.socket, callers: int) -> None:
    """Tell each caller the address that it comes from."""
    loop = asyncio.get_running_loop()
    for _ in range(callers):
        connection, (address, _) = await loop.sock_accept(listening)
        await loop.sock_recv(connection, 65536)
        await loop.sock_sendall(connection, ANSWER % address.encode())
        connection.close()


async def test_a_task_is_seen_by_its_own_address(runtime: NetnsRuntime) -> None:
    addresses = {}
    for task in ("one", "two"):
        await run(runtime, task, "sleep", "1000")
        observation = await runtime.observe(task)
        assert observation is not None
        addresses[task] = observation.address
    with contextlib.closing(await runtime.listen(inside.ADDRESS, 80)) as listening:
        answering = asyncio.create_task(answer(listening, 2))
        for task, address in addresses.items():
            found = await fetch(runtime, task, f"http://{inside.ADDRESS}/")
            assert (found.exit_code, found.output) == (0, address)
        await answering


async def test_a_server_of_the_task_may_listen_on_the_same_port(runtime: NetnsRuntime) -> None:
    with contextlib.closing(await runtime.listen(inside.ADDRESS, 80)):
        await serve(runtime, "t", 80)


async def test_it_can_be_opened_again_after_its_daemon_has_gone(runtime: NetnsRuntime) -> None:
    await run(runtime, "one", "sleep", "1000")
    (await runtime.listen(inside.ADDRESS, 80)).close()
    with contextlib.closing(await runtime.listen(inside.ADDRESS, 80)) as listening:
        answering = asyncio.create_task(answer(listening, 1))
        assert (await fetch(runtime, "one", f"http://{inside.ADDRESS}/")).exit_code == 0
        await answering


async def test_what_a_task_uses_is_counted(runtime: NetnsRuntime) -> None:
    await serve(runtime, "t", 5000)
    used = await runtime.usage("t")
    assert used["cpus"] >= 1
    assert used["system"] > 0
    assert set(used["containers"]) == {"main"}
    assert used["networks"]["main"].keys() >= {"rx_bytes", "tx_bytes", "rx_packets", "tx_packets"}
    if (await runtime.facts())["limits"]:
        assert used["containers"]["main"]["memory"]["usage"] > 0
