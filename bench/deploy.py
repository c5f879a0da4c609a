"""From a template handed in to the first request by name and to stable services; what an idle proxy costs."""

import asyncio
import time
from pathlib import Path

import httpx

from bench import machine
from bench.figure import Figure, middle
from bench.place import ROOT, Place, fresh
from moorage.cli import load
from moorage.cli.address import Address
from moorage.cli.failure import Failure
from moorage.cli.tunnel import Relay, Way

EXAMPLE = ROOT / "examples" / "hello-world-template"
HOST, PORT = "server.hello-world.com", 5000
STACK, CLUSTER = "hello", "hello-world"
REST = 5.0
"""Seconds without traffic before an idle proxy is looked at."""


def measure(quick: bool) -> list[Figure]:
    firsts, stables, proxies = [], [], []
    with fresh() as moorage:
        for image in sorted((EXAMPLE / "images").iterdir()):
            moorage.run("image", "add", image.name, str(image))
        for _ in range(1 if quick else 3):
            first, stable = asyncio.run(_deploy(moorage))
            firsts.append(first)
            stables.append(stable)
            time.sleep(REST)
            proxies += _proxies(moorage)
            _delete(moorage)
    return [
        middle("template handed in to first request by name", firsts, "s", 5),
        middle("template handed in to both services stable", stables, "s", 10),
        middle("idle proxy, private memory", proxies, "MB", 20),
    ]


async def _deploy(moorage: Place) -> tuple[float, float]:
    cloudformation = moorage.client("cloudformation")
    template = (EXAMPLE / "template.yaml").read_text()
    began = time.monotonic()
    await asyncio.to_thread(
        cloudformation.create_stack, StackName=STACK, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    client = await asyncio.to_thread(moorage.until, lambda: _client(moorage), "a client task runs")
    await _first_answer(Way(Address(moorage.url), client, PORT, HOST))
    first = time.monotonic() - began
    await asyncio.to_thread(moorage.until, lambda: _stable(moorage), "both services are stable")
    return first, time.monotonic() - began


def _client(moorage: Place) -> str:
    """The id of the first task of the client service that is there."""
    try:
        found = moorage.ecs.list_tasks(cluster=CLUSTER, serviceName="client")["taskArns"]
    except (moorage.ecs.exceptions.ClusterNotFoundException, moorage.ecs.exceptions.ServiceNotFoundException):
        return ""
    return found[0].rpartition("/")[2] if found else ""


async def _first_answer(way: Way) -> None:
    """Ask by name, from inside the task, until the answer is 200."""
    end = time.monotonic() + 60
    async with Relay(way) as relay:
        while time.monotonic() < end:
            transport = httpx.AsyncHTTPTransport(uds=relay.socket_path)
            try:
                async with httpx.AsyncClient(transport=transport, timeout=5, trust_env=False) as client:
                    answer = await load.ask(client, f"http://{HOST}:{PORT}/")
            except Failure:
                continue
            if not answer.failure:
                return
            await asyncio.sleep(0.02)
    raise TimeoutError(f"{HOST} did not answer")


def _stable(moorage: Place) -> bool:
    try:
        found = moorage.ecs.describe_services(cluster=CLUSTER, services=["server", "client"])["services"]
    except moorage.ecs.exceptions.ClusterNotFoundException:
        return False
    return len(found) == 2 and all(
        len(each["deployments"]) == 1
        and each["deployments"][0]["rolloutState"] == "COMPLETED"
        and each["runningCount"] == each["desiredCount"]
        for each in found
    )


def _delete(moorage: Place) -> None:
    cloudformation = moorage.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    moorage.until(lambda: _is_gone(moorage), "the stack is deleted", within=120)


def _is_gone(moorage: Place) -> bool:
    try:
        found = moorage.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except moorage.client("cloudformation").exceptions.ClientError:
        return True
    return bool(found[0]["StackStatus"] == "DELETE_COMPLETE")


def _proxies(moorage: Place) -> list[float]:
    """The private memory of every Envoy of this daemon's tasks: its children's children."""
    ours = {task["taskArn"].rpartition("/")[2] for name in ("server", "client") for task in _running(moorage, name)}
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_envoy_of(entry, ours):
            found.append(machine.private(int(entry.name)))
    if len(found) != len(ours):
        raise RuntimeError(f"{len(ours)} tasks run, but {len(found)} proxies were found")
    return found


def _running(moorage: Place, service: str) -> list[dict[str, str]]:
    arns = moorage.ecs.list_tasks(cluster=CLUSTER, serviceName=service)["taskArns"]
    return list(moorage.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]) if arns else []


def _is_envoy_of(entry: Path, tasks: set[str]) -> bool:
    """Its bootstrap document, seen through its own root, names the task."""
    try:
        if not (entry / "comm").read_text().startswith("envoy"):
            return False
        document = (entry / "root/etc/envoy/bootstrap.json").read_text()
    except OSError:
        return False
    return any(task in document for task in tasks)
