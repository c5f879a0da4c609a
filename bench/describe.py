"""DescribeServices at 16 connections beside Moto server and a bare handler with the same bytes; durable registrations.

Each server runs alone in a process of its own while it is asked, in turn, several rounds: rates are compared within a
round. The load comes from this process (`bench.load`).
"""

import asyncio
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import boto3

from bench import load, seed
from bench.figure import Figure, percentile
from bench.place import free_port, place, scratch
from moorage.store.sqlite import SqliteStore

CONNECTIONS, SERVICES = 16, 10
NAMES = [f"service-{number:05d}" for number in range(SERVICES)]
BODY = json.dumps({"cluster": seed.CLUSTER, "services": NAMES}).encode()
DESCRIBE = load.aws_request("ecs", "AmazonEC2ContainerServiceV20141113.DescribeServices", BODY)


def measure(quick: bool) -> list[Figure]:
    rounds, seconds = (1, 1.5) if quick else (3, 4.0)
    figures = []
    for events in (5, 100):
        ours, bare, moto = _rounds(events, rounds, seconds, with_moto=events == 5)
        figures += _compared(events, ours, bare, moto)
    return [*figures, *_registrations(seconds)]


def _rounds(events: int, rounds: int, seconds: float, with_moto: bool) -> tuple[list[load.Tally], ...]:
    ours: list[load.Tally] = []
    bare: list[load.Tally] = []
    moto: list[load.Tally] = []
    with scratch() as directory:
        asyncio.run(_seed(directory / "data", events))
        with place(directory) as moorage:
            (directory / "answer").write_bytes(_answer(moorage.port))
            with _bare(directory / "answer") as bare_port, _moto() as moto_port:
                for _ in range(rounds):
                    ours.append(_asked(moorage.port, seconds))
                    bare.append(_asked(bare_port, seconds))
                    if with_moto:
                        moto.append(_asked(moto_port, seconds))
    return ours, bare, moto


def _asked(port: int, seconds: float) -> load.Tally:
    tally = load.run(port, [DESCRIBE], CONNECTIONS, seconds)
    if tally.refused:
        raise RuntimeError(f"{tally.refused} requests were refused")
    return tally


def _compared(events: int, ours: list[load.Tally], bare: list[load.Tally], moto: list[load.Tally]) -> list[Figure]:
    what = f"DescribeServices, {SERVICES} services with {events} events"
    how = f"{CONNECTIONS} connections, median of {len(ours)} rounds; load from Python, on the same cores"
    rate = median(tally.rate for tally in ours)
    ratios = [one.rate / other.rate for one, other in zip(ours, bare, strict=True)]
    latency = percentile([second for tally in ours for second in tally.seconds], 0.99) * 1000
    held = events == 5
    figures = [
        Figure(what, rate, "requests/s", note=how, samples=[tally.rate for tally in ours]),
        Figure("… a bare uvicorn handler", median(tally.rate for tally in bare), "requests/s"),
        Figure("… beside the bare handler", median(ratios), "times", 0.5 if held else None, at_least=True),
        Figure("… p99", latency, "ms", 10 if held else None),
    ]
    if moto:
        slower = [one.rate / other.rate for one, other in zip(ours, moto, strict=True)]
        figures += [
            Figure("… Moto server", median(tally.rate for tally in moto), "requests/s", note="it keeps no events"),
            Figure("… beside Moto server", median(slower), "times", 20, at_least=True),
        ]
    return figures


def _registrations(seconds: float) -> list[Figure]:
    note = f"{CONNECTIONS} connections; answered when on disk"
    with scratch() as directory, place(directory) as moorage:
        apart = load.run(moorage.port, [_register(f"family-{n}") for n in range(CONNECTIONS)], CONNECTIONS, seconds)
        same = load.run(moorage.port, [_register("contended")], CONNECTIONS, seconds)
    if apart.refused or same.refused:
        raise RuntimeError(f"{apart.refused + same.refused} registrations were refused")
    return [
        Figure("RegisterTaskDefinition", apart.rate, "requests/s", 500, at_least=True, note=f"{note}, a family each"),
        Figure("… all into one family", same.rate, "requests/s", note="each waits for the revision before its own"),
    ]


def _register(family: str) -> bytes:
    containers = [{"name": "app", "image": "web", "essential": True, "memory": 512}]
    body = json.dumps({"family": family, "containerDefinitions": containers}).encode()
    return load.aws_request("ecs", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", body)


async def _seed(directory: Path, events: int) -> None:
    store = SqliteStore.open(directory)
    await seed.fill(store, seed.services(SERVICES, events=events))
    await store.close()


def _answer(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    head, _, body = DESCRIBE.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse().read()
    described = json.loads(answer)
    if [len(each["events"]) for each in described["services"]] != [len(described["services"][0]["events"])] * SERVICES:
        raise RuntimeError("the services were not described as they were made")
    return answer


@contextmanager
def _bare(file: Path) -> Iterator[int]:
    port = free_port()
    with _server(port, "-m", "bench.bare", str(port), str(file)):
        yield port


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
def _server(port: int, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(port), 60)
        yield
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
