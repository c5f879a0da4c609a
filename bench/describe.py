"""DescribeServices at 16 connections beside Moto server and a bare handler with the same bytes; durable registrations.

Each server runs in a process of its own and is asked in turn, several rounds: rates are compared within a round. The
load comes from this process (`bench.load`). Moorage is also asked while something changes a hundred times a second.
"""

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3

from bench import load, machine, seed
from bench.figure import Figure, middle, percentile
from bench.place import free_port, place, scratch
from moorage.store.sqlite import SqliteStore

CONNECTIONS, SERVICES = 16, 10
NAMES = [f"service-{number:05d}" for number in range(SERVICES)]
ARN = "arn:aws:ecs:us-east-1:000000000000"
TARGET = "AmazonEC2ContainerServiceV20141113"
BODY = json.dumps({"cluster": seed.CLUSTER, "services": NAMES}).encode()
DESCRIBE = load.aws_request("ecs", f"{TARGET}.DescribeServices", BODY)


CHANGES = 100
"""How often a second something changes in the rounds that say so."""

ELSEWHERE, ONE_OF_THEM = "cluster/elsewhere", f"service/{seed.CLUSTER}/{NAMES[3]}"


@dataclass
class Rounds:
    """What each server did, by round. `elsewhere` and `one` are ours while another record, or one of them, changes."""

    ours: list[load.Tally] = field(default_factory=list)
    bare: list[load.Tally] = field(default_factory=list)
    moto: list[load.Tally] = field(default_factory=list)
    elsewhere: list[load.Tally] = field(default_factory=list)
    one: list[load.Tally] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def measure(quick: bool) -> list[Figure]:
    rounds, seconds = (2, 1.0) if quick else (7, 2.0)
    figures = []
    for events in (5, 100):
        figures += _compared(events, _rounds(events, rounds, seconds))
    return [*figures, *_registrations(seconds)]


def _rounds(events: int, rounds: int, seconds: float) -> Rounds:
    found = Rounds()
    with scratch() as directory:
        asyncio.run(_seed(directory / "data", events))
        with place(directory) as moorage:
            (directory / "answer").write_bytes(_answer(moorage.port))
            _post(moorage.port, "CreateCluster", {"clusterName": "elsewhere"})
            with _bare(directory / "answer") as (bare_port, bare_process), _moto() as moto_port:
                assert moorage.process is not None
                for _ in range(rounds):
                    ours, ours_took = _busy(moorage.port, seconds, moorage.process.pid)
                    bare, bare_took = _busy(bare_port, seconds, bare_process)
                    found.ours.append(ours)
                    found.bare.append(bare)
                    found.processor.append(bare_took / ours_took)
                    for tallies, what in ((found.elsewhere, ELSEWHERE), (found.one, ONE_OF_THEM)):
                        with _changing(moorage.port, what):
                            tallies.append(_asked(moorage.port, seconds))
                    if events == 5:
                        found.moto.append(_asked(moto_port, seconds / 2))
    return found


def _asked(port: int, seconds: float) -> load.Tally:
    tally = load.run(port, [DESCRIBE], CONNECTIONS, seconds)
    if tally.refused:
        raise RuntimeError(f"{tally.refused} requests were refused")
    return tally


def _busy(port: int, seconds: float, process: int) -> tuple[load.Tally, float]:
    """What the clients saw, and the seconds of processor time that the server took for each request."""
    began = machine.busy(process)
    tally = _asked(port, seconds)
    # The warming up is not in the tally, and cost a tenth more.
    return tally, (machine.busy(process) - began) / (len(tally.seconds) * 1.1)


@contextmanager
def _changing(port: int, resource: str) -> Iterator[None]:
    """The tags of a resource change all the time."""
    ended = threading.Event()
    failures: list[Exception] = []

    def change() -> None:
        number = 0
        while not ended.wait(1 / CHANGES):
            number += 1
            tags = [{"key": "number", "value": str(number)}]
            try:
                _post(port, "TagResource", {"resourceArn": f"{ARN}:{resource}", "tags": tags})
            except (OSError, RuntimeError) as error:
                failures.append(error)
                return

    writer = threading.Thread(target=change)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()
    if failures:
        raise failures[0]


def _compared(events: int, found: Rounds) -> list[Figure]:
    what = f"DescribeServices, {SERVICES} services with {events} events"
    how = f"{CONNECTIONS} connections; load from Python, on the same cores"
    alone = "what others do on the machine hardly counts"
    held = events == 5
    figures = [
        middle(what, _rates(found.ours), "requests/s", note=how),
        middle("… a bare uvicorn handler", _rates(found.bare), "requests/s"),
        _beside("… beside the bare handler", found.ours, found.bare, 0.5 if held else None),
        middle("… the same in processor time of the server", found.processor, "times", note=alone),
        middle("… p99", [percentile(one.seconds, 0.99) * 1000 for one in found.ours], "ms", 10 if held else None),
        _beside(f"… another record changes {CHANGES} times a second", found.elsewhere, found.ours),
        _beside(f"… one of them changes {CHANGES} times a second", found.one, found.ours),
    ]
    if found.moto:
        figures += [
            middle("… Moto server", _rates(found.moto), "requests/s", note="it keeps no events"),
            _beside("… beside Moto server", found.ours, found.moto, 20),
        ]
    return figures


def _rates(tallies: list[load.Tally]) -> list[float]:
    return [tally.rate for tally in tallies]


def _beside(name: str, ones: list[load.Tally], others: list[load.Tally], limit: float | None = None) -> Figure:
    """The ratio of the rates, round by round."""
    ratios = [one.rate / other.rate for one, other in zip(ones, others, strict=True)]
    return replace(middle(name, ratios, "times", limit), at_least=True)


def _registrations(seconds: float) -> list[Figure]:
    note = f"{CONNECTIONS} connections; answered when on disk"
    with scratch() as directory, place(directory) as moorage:
        flushes = _flushes(directory)
        apart = load.run(moorage.port, [_register(f"family-{n}") for n in range(CONNECTIONS)], CONNECTIONS, seconds)
        same = load.run(moorage.port, [_register("contended")], CONNECTIONS, seconds)
    if apart.refused or same.refused:
        raise RuntimeError(f"{apart.refused + same.refused} registrations were refused")
    return [
        Figure("RegisterTaskDefinition", apart.rate, "requests/s", 500, at_least=True, note=f"{note}, a family each"),
        Figure("… all into one family", same.rate, "requests/s", note="each waits for the revision before its own"),
        middle("… what one fsync costs there", flushes, "ms", note="4 KiB appended and flushed, nobody else"),
    ]


def _flushes(directory: Path) -> list[float]:
    """Milliseconds that the disk takes to have a page for certain."""
    took = []
    with (directory / "flushed").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return took


def _register(family: str) -> bytes:
    containers = [{"name": "app", "image": "web", "essential": True, "memory": 512}]
    body = json.dumps({"family": family, "containerDefinitions": containers}).encode()
    return load.aws_request("ecs", f"{TARGET}.RegisterTaskDefinition", body)


async def _seed(directory: Path, events: int) -> None:
    store = SqliteStore.open(directory)
    await seed.fill(store, seed.services(SERVICES, events=events))
    await store.close()


def _post(port: int, operation: str, arguments: dict[str, Any]) -> bytes:
    request = load.aws_request("ecs", f"{TARGET}.{operation}", json.dumps(arguments).encode())
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{operation}: {answer.status} {content.decode()}")
    return content


def _answer(port: int) -> bytes:
    answer = _post(port, "DescribeServices", {"cluster": seed.CLUSTER, "services": NAMES})
    described = json.loads(answer)
    if [len(each["events"]) for each in described["services"]] != [len(described["services"][0]["events"])] * SERVICES:
        raise RuntimeError("the services were not described as they were made")
    return answer


@contextmanager
def _bare(file: Path) -> Iterator[tuple[int, int]]:
    """The bare handler's port and process."""
    port = free_port()
    with _server(port, "-m", "bench.bare", str(port), str(file)) as process:
        yield port, process


@contextmanager
def _moto() -> Iterator[int]:
    """Moto server with a cluster and as many services of the same names."""
    port = free_port()
    with _server(port, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)):
        ecs = boto3.client(
            "ecs",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        ecs.create_cluster(clusterName=seed.CLUSTER)
        ecs.register_task_definition(
            family="web", containerDefinitions=[{"name": "app", "image": "web", "memory": 512}]
        )
        for name in NAMES:
            ecs.create_service(cluster=seed.CLUSTER, serviceName=name, taskDefinition="web", desiredCount=0)
        yield port


@contextmanager
def _server(port: int, *arguments: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(port), 60)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _until(fact: Callable[[], bool], within: float) -> None:
    end = time.monotonic() + within
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError(f"a server did not answer within {within} s")
        time.sleep(0.05)
