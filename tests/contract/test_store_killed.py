"""SIGKILL of the process that holds a store, at random moments: what it answered is there, and no half commit."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moorage.domain.claim import Claim
from moorage.store.sqlite import SqliteStore

# Eight writers; each commit puts one number into two records, and is told to stdout once it was answered.
CHILD = """
import asyncio, os, sys
from pathlib import Path
from moorage.domain.changes import Put
from moorage.domain.claim import Claim
from moorage.store.sqlite import SqliteStore

async def write(store, writer):
    key = ("0", "r", "left", str(writer))
    known = store.snapshot().get(Claim, key)
    number = 0 if known is None else int(known.owner)
    while True:
        number += 1
        pair = [Put(Claim("0", "r", side, (str(writer),), str(number))) for side in ("left", "right")]
        await store.commit(pair, {})
        os.write(1, f"{writer} {number}\\n".encode())

async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    await asyncio.gather(*(write(store, writer) for writer in range(8)))

asyncio.run(main())
"""


def answered_until_killed(directory: Path, delay: float) -> dict[str, int]:
    """Run the child, kill it `delay` seconds after its first answer, and give the last number each writer was told."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(directory)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = b""
    try:
        assert select.select([child.stdout], [], [], 30)[0], "the child never answered"
        end = time.monotonic() + delay
        while (left := end - time.monotonic()) > 0:
            if select.select([child.stdout], [], [], left)[0]:
                told += os.read(child.stdout.fileno(), 65536)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        told += child.stdout.read()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    # A line that the kill cut short was still answered, but its number cannot be read.
    lines = [line.split() for line in told.decode().split("\n")[:-1]]
    return {writer: int(number) for writer, number in lines}


@pytest.mark.parametrize("seed", range(3))
async def test_after_sigkill_every_answered_commit_is_there_and_no_half_one(tmp_path: Path, seed: int) -> None:
    delays = random.Random(seed)
    sequence = 0
    for _ in range(3):
        answered = answered_until_killed(tmp_path, delays.uniform(0, 0.25))
        assert answered
        store = SqliteStore.open(tmp_path)
        world = store.snapshot()
        await store.close()
        left = {record.name[0]: int(record.owner) for record in world.all(Claim) if record.kind == "left"}
        right = {record.name[0]: int(record.owner) for record in world.all(Claim) if record.kind == "right"}
        assert left == right
        # Each writer waits for its answer: at most one commit more than it was told of can be there.
        for writer, number in answered.items():
            assert left[writer] in {number, number + 1}
        assert world.sequence == sum(left.values())
        assert world.sequence > sequence
        sequence = world.sequence
