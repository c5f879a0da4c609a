"""How soon the daemon is healthy after its start, and how much memory it holds when nothing is asked of it."""

import http.client
import time

from bench import machine
from bench.figure import Figure, middle
from bench.place import Place, fresh

SETTLE = 2.0
"""Seconds of rest before memory is read."""


def measure(quick: bool) -> list[Figure]:
    starts: list[float] = []
    busy: list[float] = []
    with fresh() as moorage:
        assert moorage.process is not None
        time.sleep(SETTLE)
        idle = machine.resident(moorage.process.pid)
        for _ in range(3 if quick else 9):
            moorage.process.terminate()
            moorage.process.wait(20)
            starts.append(_start(moorage))
            busy.append(machine.busy(moorage.process.pid))
    return [
        middle("daemon start to healthy", starts, "s", 1.5, "supervisor running already"),
        middle("… in processor time", busy, "s", note="what others do on the machine hardly counts"),
        Figure("daemon idle, resident", idle, "MB", 100, note="no supporting service was asked for"),
    ]


def _start(moorage: Place) -> float:
    began = time.monotonic()
    # The harness looks every 50 ms; here every millisecond counts.
    moorage.until = lambda fact, what, within=30: _until(moorage, within)  # type: ignore[method-assign]
    moorage.start()
    return time.monotonic() - began


def _until(moorage: Place, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", moorage.port, timeout=5)
        try:
            connection.request("GET", "/_moorage/health")
            if connection.getresponse().status == 200:
                return True
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise TimeoutError(f"the daemon was not healthy within {within} s")
