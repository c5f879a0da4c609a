"""Courses of events that simulations share. `stories.py SEED` runs one of them and prints each commit."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from sim import CLIENT, Simulation

from moorage.runtime.faults import Odds

NASTY = Odds(outage=0.01, lost_answer=0.01, delay=0.05, longest_delay=0.3, lost_nudge=0.1, doubled_nudge=0.1)


@contextlib.asynccontextmanager
async def running(simulation: Simulation, traffic: bool = True) -> AsyncIterator[Simulation]:
    simulation.engine.start()
    sender: asyncio.Task[None] | None = None
    try:
        await simulation.until(lambda: simulation.settled() and bool(simulation.serving(CLIENT)))
        await simulation.until(lambda: bool(simulation.proxies.endpoints(simulation.serving(CLIENT)[0].id)))
        if traffic:
            sender = asyncio.create_task(simulation.send_requests())
        yield simulation
    finally:
        if sender is not None:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        await simulation.engine.pause()


async def rolled_and_scaled(seed: int) -> Simulation:
    """A service that is deployed again and scaled, several times, often before the last change is through."""
    async with running(Simulation(seed, odds=NASTY, stale=0.05)) as simulation:
        for _ in range(4):
            if simulation.random.random() < 0.6:
                await simulation.deploy()
            await simulation.scale(simulation.random.randint(1, 5))
            await asyncio.sleep(simulation.random.uniform(0.0, 40))
        await simulation.until(simulation.settled)
    return simulation


def main() -> None:
    import looptime

    with contextlib.closing(looptime.patch_event_loop(asyncio.new_event_loop(), start=0, noop_cycles=0)) as loop:
        simulation = loop.run_until_complete(rolled_and_scaled(int(sys.argv[1])))
    print("\n".join(simulation.store.trace))


if __name__ == "__main__":
    main()
