"""The composition root: the only file that names concrete adapters. Builds the daemon from Settings and runs it.

SIGTERM ends the daemon and leaves its tasks running; SIGINT and a request to stop end the tasks, too. What happens to
a request or a task is decided in other rooms; here they are put together.
"""

import asyncio
import contextlib
import ipaddress
import logging
import math
import os
import shutil
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import uvicorn
import uvloop
from starlette.applications import Starlette

from moorage import __version__, system
from moorage.api import data_channel, exec_sessions, local, measuring, operations, proxies
from moorage.api.app import App, Endpoint
from moorage.api.cloudmap import progress
from moorage.api.cloudwatch.reading import Sources
from moorage.api.data_channel import DataChannels
from moorage.api.dispatch import Dispatcher
from moorage.api.ecs import container_instances, machine
from moorage.api.exec_sessions import Sessions
from moorage.api.inside import Inside
from moorage.api.inside_listener import InsideListener
from moorage.domain.changes import Delete
from moorage.engine.engine import Engine, Outside
from moorage.engine.exposition import exposition
from moorage.engine.log_shipping import LogShipping
from moorage.engine.loop import Controller
from moorage.engine.metering import Metering
from moorage.engine.metrics import Metrics
from moorage.engine.ports import Unavailable
from moorage.engine.served_names import ServedNames
from moorage.engine.stacks import Stacks
from moorage.engine.tasks import Envoy
from moorage.mesh import bootstrap
from moorage.mesh.configuration import bundle_of
from moorage.mesh.policies import Policies
from moorage.mesh.view import View
from moorage.planning.sidecar import PROXY_BOOTSTRAP, PROXY_DIRECTORY, PROXY_USER
from moorage.planning.situation import Patience
from moorage.runtime.images import ImageCatalog
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.zone_file import ZoneFile
from moorage.settings import Settings
from moorage.store.key_pair import key_pair
from moorage.store.log_events import SqliteLogEvents
from moorage.store.metrics import SqliteMetrics
from moorage.store.sqlite import SqliteStore
from moorage.support.process import SupportProcess
from moorage.xds.hub import Hub

log = logging.getLogger("moorage")

GRACE: Final = 3.0
"""Seconds that requests under way have when the daemon ends."""


class CannotBegin(Exception):
    """The daemon refuses to start; its text is a sentence for the user."""


def run(settings: Settings, listening: socket.socket) -> int:
    """Run the daemon on a socket that is bound already; return its exit code. StoreRefused, CannotBegin."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(_run(settings, listening))


def bind(host: str, port: int) -> socket.socket:
    """The socket that the endpoint listens on; OSError when the port is taken or the address is not this host's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(False)
    return listening


def _new_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@dataclass(frozen=True)
class Meters:
    """What gathers metrics, what archives them once a minute, and the archive."""

    points: SqliteMetrics
    metrics: Metrics
    metering: Metering

    def sources(self) -> Sources:
        """Where CloudWatch's readings come from."""
        return Sources(self.points, self.metering)

    async def clear(self) -> None:
        """Forget everything that was measured."""
        await self.points.clear()
        self.metering.forget()


@dataclass
class Daemon:
    """Everything that runs, put together. `ending` is set when the daemon shall end; `stop_tasks` says how."""

    settings: Settings
    store: SqliteStore
    runtime: NetnsRuntime
    hub: Hub
    support: SupportProcess
    archive: SqliteLogEvents
    meters: Meters
    images: ImageCatalog
    engine: Engine
    shipping: LogShipping
    dispatcher: Dispatcher
    sessions: Sessions
    ending: asyncio.Event
    stop_tasks: bool = False

    def app(self, port: int) -> App:
        """The endpoint."""
        doors = local.Doors(
            store=self.store,
            runtime=self.runtime,
            images=self.images,
            checks=self._checks,
            explain=self.hub.explain,
            answers=self.hub.answers,
            reset=self.reset,
            stop=self._asked_to_stop,
            version=__version__,
            names=self.settings.names,
            facts={
                "runtime": "netns",
                "data_dir": str(self.settings.data_dir),
                "endpoint": f"http://{self.settings.host}:{port}",
                "pid": os.getpid(),
                **({"dns_name": self.settings.dns_name} if self.settings.dns_name else {}),
            },
        )
        channels = DataChannels(self.sessions, self.runtime.attach, self.dispatcher.clock, self.dispatcher.ids)
        endpoint = Endpoint(
            version=__version__,
            default_region=self.settings.default_region,
            keys=None if _is_loopback(self.settings.host) else key_pair(self.settings.data_dir, system.SystemIds()),
            mounts={**local.mounts(doors), **data_channel.mounts(channels), **self._proxy_mounts()},
            dns_name=self.settings.dns_name,
        )
        return App(self.dispatcher, endpoint)

    def inside(self) -> InsideListener:
        """What tasks reach of this: AWS's services and the agent's answers, none of Moorage's own routes."""
        endpoint = App(self.dispatcher, Endpoint(version=__version__, default_region=self.settings.default_region))
        clock = self.dispatcher.clock
        app = Inside(self.store, self.dispatcher, self.runtime.usage, clock, self.dispatcher.ids, endpoint)
        return InsideListener(self.runtime, app, _configuration)

    def _proxy_mounts(self) -> dict[str, Starlette]:
        """What the proxies themselves say: their statistics, and each one's admin interface."""

        async def text() -> str:
            return exposition(await self.meters.metrics.gather())

        return {**measuring.mounts(text), **proxies.mounts(self.store, self.hub.question)}

    async def reset(self) -> None:
        """Stop every task and forget everything, as for the next test."""
        await self.engine.pause()
        await self.shipping.stop()
        for task in sorted(await self.runtime.tasks()):
            await self.runtime.remove(task)
            await self.hub.close(task)
        world = self.store.snapshot()
        await self.store.commit([Delete(table, key) for table, key in world.versions], {})
        await self.support.reset()
        await self.archive.clear()
        await self.meters.clear()
        self.engine.start()
        self.shipping.start()

    async def _asked_to_stop(self) -> None:
        self.end(stop_tasks=True)

    def end(self, stop_tasks: bool) -> None:
        self.stop_tasks = self.stop_tasks or stop_tasks
        self.ending.set()

    async def _checks(self) -> Sequence[local.Check]:
        # Not at the top: it needs 10 MB of netlink that the daemon itself never uses.
        from moorage.runtime.supervisor.prerequisites import prerequisites

        findings = await asyncio.to_thread(prerequisites)
        return [local.Check(name, status, detail) for name, status, detail in findings]


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address. A name may come to mean another address: it does not count."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _run(settings: Settings, listening: socket.socket) -> int:
    async with AsyncExitStack() as stack:
        port: int = listening.getsockname()[1]
        daemon = await _assemble(settings, port, stack)
        system.spare_the_collector()
        for number, stop_tasks in ((signal.SIGTERM, False), (signal.SIGINT, True)):
            asyncio.get_running_loop().add_signal_handler(number, daemon.end, stop_tasks)
        server = _Server(_configuration(daemon.app(port)))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        daemon.engine.start()
        daemon.shipping.start()
        inside = asyncio.create_task(daemon.inside().keep())
        log.info("moorage %s listens on http://%s:%d", __version__, settings.host, port)
        await asyncio.wait({serving, asyncio.create_task(daemon.ending.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await daemon.engine.pause()
        await daemon.shipping.stop()
        inside.cancel()
        await asyncio.wait({inside})
        if daemon.stop_tasks:
            await _stop_tasks(daemon)
        server.should_exit = True
        await serving
    if daemon.stop_tasks:
        _leave(settings)
    return 0


async def _stop_tasks(daemon: Daemon) -> None:
    """End every task at once: who asks for this wants the machine back."""
    for task in sorted(await daemon.runtime.tasks()):
        await daemon.hub.close(task)
    await daemon.runtime.close(stop_tasks=True)
    # Files of images that were removed or made anew stay for the tasks that ran with them: there are none any more.
    await asyncio.to_thread(daemon.images.prune, frozenset())


async def _assemble(settings: Settings, port: int, stack: AsyncExitStack) -> Daemon:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock, ids = system.SystemClock(), system.SystemIds()
    store = SqliteStore.open(settings.data_dir)
    stack.push_async_callback(store.close)
    # Only now: a data directory that is refused leaves nothing behind.
    fresh = not settings.run_dir.exists()
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    images = ImageCatalog(settings.data_dir / "images")
    runtime = _runtime(settings, images)
    stack.push_async_callback(runtime.close, stop_tasks=False)
    await _claim(runtime, settings, fresh)
    hub = Hub(settings.run_dir / "p", owner=int(PROXY_USER) if os.geteuid() == 0 else None)
    stack.push_async_callback(hub.shut)
    support = _support(settings)
    stack.push_async_callback(support.close)
    archive = SqliteLogEvents(settings.data_dir)
    stack.push_async_callback(archive.close)
    meters = _meters(settings, store, hub, runtime)
    stack.push_async_callback(meters.points.close)
    sessions = Sessions(exec_sessions.origin(settings.host, port), clock, ids)
    dispatcher = Dispatcher(operations.table(archive, sessions, meters.sources()), store, clock, ids, support.forward)
    stack.push_async_callback(dispatcher.settle)
    dispatcher.later(progress.resume(store, clock))
    dispatcher.machine = machine.registered(settings.instance_cpu, settings.instance_memory)
    dispatcher.later(container_instances.register_again(store, dispatcher.machine))
    outside = Outside(store, runtime, hub, clock, ids, dispatcher)
    more: list[tuple[str, Controller]] = [
        ("stacks", Stacks(store, dispatcher, clock, ids)),
        ("metering", meters.metering),
        ("zones", ServedNames(store, clock, ZoneFile(settings.run_dir))),
    ]
    bundle = partial(bundle_of, policies=Policies.of(settings))
    engine = Engine(outside, _envoy(), bundle, _patience(settings), more, settings.names)
    return Daemon(
        settings,
        store,
        runtime,
        hub,
        support,
        archive,
        meters,
        images,
        engine,
        LogShipping(store, runtime, dispatcher),
        dispatcher,
        sessions,
        asyncio.Event(),
    )


async def _claim(runtime: NetnsRuntime, settings: Settings, fresh: bool) -> None:
    """Have a supervisor that understands, and the range that was asked for: with another, tasks would surprise."""
    if another := await runtime.misunderstood():
        raise CannotBegin(f"{another} (`moorage start` and `moorage stop` of that version)")
    if not settings.network:
        return
    try:
        held = ipaddress.ip_network((await runtime.facts())["pool"])
    except Unavailable as error:
        if fresh:
            _leave(settings)
        reason = error.reason.removeprefix("moorage-supervisor: ")
        raise CannotBegin(
            f"MOORAGE_NETWORK={settings.network} cannot be had: {reason}. `ip route` shows what is routed; "
            "without the variable a free range is found"
        ) from error
    if held != ipaddress.ip_network(settings.network):
        raise CannotBegin(
            f"MOORAGE_NETWORK is {settings.network}, but tasks that run have addresses of {held}: start with that "
            "range, `moorage stop`, and start with the new one"
        )


def _leave(settings: Settings) -> None:
    """Take the run directory away, and that of all instances with the last of them."""
    shutil.rmtree(settings.run_dir, ignore_errors=True)
    with contextlib.suppress(OSError):
        settings.run_dir.parent.rmdir()


def _runtime(settings: Settings, images: ImageCatalog) -> NetnsRuntime:
    tasks = settings.data_dir / "tasks"
    return NetnsRuntime(settings.run_dir, tasks, settings.instance, images.resolve, pool=settings.network or None)


def _support(settings: Settings) -> SupportProcess:
    socket_ = settings.run_dir / "support.sock"
    return SupportProcess(settings.data_dir / "support", socket_, system.SystemIds(), settings.default_region)


def _meters(settings: Settings, store: SqliteStore, hub: Hub, runtime: NetnsRuntime) -> Meters:
    points, metrics = SqliteMetrics(settings.data_dir), Metrics(store, hub.statistics)
    return Meters(points, metrics, Metering(store, metrics.gather, runtime.usage, points, system.SystemClock()))


def _patience(settings: Settings) -> Patience:
    return Patience(
        acknowledgement=settings.acknowledgement,
        drain=settings.drain,
        stop=timedelta(seconds=settings.stop_seconds),
        start=timedelta(seconds=settings.start_seconds),
        listen=timedelta(seconds=settings.listen_seconds),
        steady=timedelta(seconds=settings.steady_seconds),
    )


def _envoy() -> Envoy:
    def document(view: View) -> str:
        identity = bootstrap.Identity(view.node_id, view.cluster, view.region, view.zone)
        return bootstrap.document(identity, PROXY_DIRECTORY)

    def arguments(view: View, drain: timedelta) -> tuple[str, ...]:
        # Whole seconds, at least one: with none Envoy would shut its listeners before it has said goodbye.
        seconds = max(1, math.ceil(drain.total_seconds()))
        return bootstrap.arguments(PROXY_BOOTSTRAP, view.log_level, seconds)

    return Envoy(bootstrap=document, arguments=arguments)


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: what a signal means is decided here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(app: Callable[..., Awaitable[None]]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(GRACE),
        backlog=2048,
    )
