"""A whole Moorage on virtual time, without its API: store, engine, fake runtime, simulated proxies, and traffic.

Traffic goes the way real requests go: each client proxy picks among the endpoints that it has acknowledged, tries two
more on a refused connection, and a request that its server cuts off has failed.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from proxies import SimulatedProxies

from moorage.domain.changes import Expect, Put, Stale, Write
from moorage.domain.claim import ALIAS, Claim
from moorage.domain.connect import ConnectEndpoint, freeze
from moorage.domain.impossible import contradictions
from moorage.domain.network import Subnet
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.engine.engine import Engine, Outside
from moorage.engine.ports import Commit, Operations
from moorage.engine.tasks import Envoy
from moorage.planning.actions import PROXY_IMAGE
from moorage.planning.situation import Patience
from moorage.runtime.fake import Behaviour, FakeRuntime, by_image
from moorage.runtime.faults import ChanceFaults, Odds
from moorage.store.memory import MemoryStore
from worlds import CLUSTER, HOME, NAMESPACE, NOON, deployment, exposing, rollout, service, world_with

SERVER = (*HOME, CLUSTER, "web")
CLIENT = (*HOME, CLUSTER, "client")


class SimulatedClock:
    """Wall time is the loop's time since the simulation began."""

    def __init__(self) -> None:
        self._began = asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time() - self._began)


class SeededIds:
    """Ids of one seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def hex32(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def digits(self, count: int) -> str:
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def letters(self, count: int) -> str:
        return "".join(self._random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count))

    def uuid(self) -> str:
        return f"{self._random.getrandbits(128):032x}"


class JudgedStore(MemoryStore):
    """A MemoryStore that now and then calls a commit stale, and looks for contradictions after each."""

    def __init__(self, world: World, chance: Callable[[], float], stale: float) -> None:
        super().__init__(world=world)
        self._chance = chance
        self._stale = stale
        self.trace: list[str] = []

    async def commit(self, writes: Sequence[Write], expect: Expect) -> Commit:
        await asyncio.sleep(0)
        if expect and self._chance() < self._stale:
            raise Stale(next(iter(expect)), 0, 1)
        commit = await super().commit(writes, expect)
        self.trace.append(f"{asyncio.get_running_loop().time():.6f} {commit.sequence} {writes!r}")
        problems = contradictions(self.snapshot())
        assert not problems, problems
        return commit

    def restarted(self) -> None:
        self._listeners.clear()


@dataclass
class Requests:
    """What became of the requests: how many were answered, and why others were not."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    held: Tally[str] = field(default_factory=Tally)


@dataclass
class Simulation:
    """One seed's Moorage: `web` with `desired` tasks behind web.demo:80, and one `client` that keeps asking."""

    seed: int
    odds: Odds = field(default_factory=Odds)
    stale: float = 0.0
    desired: int = 3
    percents: tuple[int, int] = (100, 200)
    behaviour: Behaviour = field(default_factory=lambda: Behaviour(listens=frozenset({5000}), listens_after=0.4))

    operations: Operations | None = None
    subnets: tuple[Subnet, ...] = ()

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.clock = SimulatedClock()
        self.ids = SeededIds(self.random)
        self.requests = Requests()
        self.store = JudgedStore(
            _first_world(self.desired, *self.percents, self.subnets), self.random.random, self.stale
        )
        self.images = {"web": self.behaviour, PROXY_IMAGE: Behaviour()}
        faults = ChanceFaults(self.random.random, self.odds)
        self.runtime = FakeRuntime(self.clock, by_image(self.images), faults, prepare_after=0.05)
        self.proxies = SimulatedProxies(self.random, lambda task: self.requests.held[task])
        self.engine = self._engine()

    def _engine(self) -> Engine:
        outside = Outside(self.store, self.runtime, self.proxies, self.clock, self.ids, self.operations)
        envoy = Envoy(bootstrap=lambda view: "", arguments=lambda view, drain: ("envoy",))
        return Engine(outside, envoy, lambda view, last: view, Patience())

    async def restart_daemon(self) -> None:
        """SIGKILL and a new start: the store, the runtime and the proxies are all that is left."""
        await self.engine.pause()
        self.store.restarted()
        self.proxies.restarted()
        self.runtime.forget_watchers()
        self.engine = self._engine()
        self.engine.start()

    # --- what callers do ---

    async def deploy(self, key: tuple[str, ...] = SERVER, definition: TaskDefinition | None = None) -> None:
        """As UpdateService with forceNewDeployment, and with a task definition of its own if one is given."""
        world = self.store.snapshot()
        spec = world.get(Service, key)
        old = world.get(Deployment, (*key, spec.deployment_id))
        new = replace(
            old,
            id=f"ecs-svc/{self.ids.digits(19)}",
            created_at=self.clock.now(),
            replaces=old.id,
            known=freeze(world.all(ConnectEndpoint)),
            task_definition=definition.key if definition else old.task_definition,
        )
        defined = [Put(definition)] if definition else []
        await self.store.commit([*defined, Put(new), Put(rollout(new)), Put(replace(spec, deployment_id=new.id))], {})

    async def scale(self, count: int) -> None:
        spec = self.store.snapshot().get(Service, SERVER)
        await self.store.commit([Put(replace(spec, desired_count=count))], {})

    async def delete(self) -> None:
        spec = self.store.snapshot().get(Service, SERVER)
        await self.store.commit([Put(replace(spec, desired_count=0, deleted_at=self.clock.now()))], {})

    # --- what is seen ---

    def states(self, key: tuple[str, ...] = SERVER) -> list[tuple[Task, TaskState | None]]:
        world = self.store.snapshot()
        return [(task, world.get(TaskState, task.key)) for task in world.linked(Task, "service", key)]

    def serving(self, key: tuple[str, ...] = SERVER) -> list[Task]:
        return [t for t, s in self.states(key) if s and s.status is Status.RUNNING and s.healthy_at and not t.stop]

    async def until(self, fact: Callable[[], bool], within: float = 600) -> None:
        """Let virtual time pass until `fact`; fail when it does not come true."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while not fact():
            assert loop.time() < end, f"seed {self.seed}: not true within {within} s: {self.states()}"
            await asyncio.sleep(0.05)

    def settled(self) -> bool:
        """The wanted number of tasks serve, all of the primary deployment, and nothing else is left."""
        spec = self.store.snapshot().get(Service, SERVER)
        serving = [task for task in self.serving() if task.deployment_id == spec.deployment_id]
        left = [s for t, s in self.states() if t not in serving and (s is None or s.status is not Status.STOPPED)]
        return len(serving) == spec.desired_count and not left

    def known_to_clients(self) -> bool:
        """Every client's proxy knows exactly the tasks that serve."""
        serving = {task.id for task in self.serving()}
        known = [{e.task_id for e in self.proxies.endpoints(client.id)} for client in self.serving(CLIENT)]
        return bool(known) and all(each == serving for each in known)

    # --- traffic ---

    async def send_requests(self, every: float = 0.04) -> None:
        """Keep sending through the client's proxy, for ever."""
        async with asyncio.TaskGroup() as group:
            turn = 0
            while True:
                for client in self.serving(CLIENT):
                    turn += 1
                    group.create_task(self._request(client.id, turn))
                await asyncio.sleep(every)

    async def _request(self, client: str, turn: int) -> None:
        endpoints = self.proxies.endpoints(client)
        tried = [endpoints[(turn + attempt) % len(endpoints)].task_id for attempt in range(3)] if endpoints else []
        for server in dict.fromkeys(tried):
            if self.runtime.accepts(server, 5000):
                await self._serve(server)
                return
        self.requests.failures.append(f"{self.clock.now():%M:%S.%f} no server among {tried}")

    async def _serve(self, server: str) -> None:
        self.requests.held[server] += 1
        await asyncio.sleep(self.random.choice((0.001, 0.01, 0.05, 0.4, 3.0)))
        self.requests.held[server] -= 1
        if self.runtime.accepts(server, 5000):
            self.requests.answered += 1
        else:
            self.requests.failures.append(f"{self.clock.now():%M:%S.%f} cut off by {server}")


def _first_world(desired: int, minimum: int, maximum: int, subnets: tuple[Subnet, ...]) -> World:
    server = service("web", desired, minimum, maximum, recorded={"availabilityZoneRebalancing": "ENABLED"})
    records, first = exposing(server)
    first = replace(first, subnets=subnets)
    endpoint = next(record for record in records if isinstance(record, ConnectEndpoint))
    alias = Claim(*HOME, ALIAS, (NAMESPACE, "web.demo:80"), server.arn)
    client = service("client", 1)
    client_first = deployment("client", 1, connect={"enabled": True}, namespace_id=NAMESPACE, known=freeze([endpoint]))
    world = world_with(server, first).apply([Put(record) for record in [*records, alias]])
    both = world_with(client, client_first)
    return world.apply([Put(record) for table in both.tables.values() for record in table.values()])
