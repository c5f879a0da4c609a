"""The support process and the daemon may be killed at any moment: nothing that was answered is lost."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from moorage.support.process import SupportProcess

Client = Callable[..., Any]

DAEMON = """
import asyncio, pathlib, sys
from moorage.support.process import SupportProcess
from moorage.system import SystemIds
from moorage.wire.message import Request

async def main():
    here = pathlib.Path(sys.argv[1])
    support = SupportProcess(here / "data", here / "support.sock", SystemIds())
    form = {"content-type": "application/x-www-form-urlencoded", "host": "ec2.us-east-1.amazonaws.com", "authorization":
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=none"}
    answer = await support.forward("ec2", Request("POST", "/", headers=form, raw_path="/",
        body=b"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.9.0.0%2F16"))
    assert answer.status == 200, answer
    print(support.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def ends(pidfd: int) -> bool:
    """True once the process behind the descriptor has ended; False if it has not after 20 seconds."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(20_000))


@contextlib.contextmanager
def closed(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def daemon(directory: Path) -> Iterator[int]:
    """A process of its own that uses a support process, by that one's id. Killed in the end."""
    process = subprocess.Popen([sys.executable, "-c", DAEMON, str(directory)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def test_it_dies_with_the_daemon_and_the_next_daemon_finds_everything(client: Client, tmp_path: Path) -> None:
    with daemon(tmp_path) as pid:
        pidfd = os.pidfd_open(pid)
    with closed(pidfd):
        assert await asyncio.to_thread(ends, pidfd)
    answer = await asyncio.to_thread(client("ec2").describe_vpcs)
    assert "10.9.0.0/16" in {vpc["CidrBlock"] for vpc in answer["Vpcs"]}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_was_answered_before_a_kill_is_there_after_it(
    support: SupportProcess, client: Client, seed: int
) -> None:
    ec2 = client("ec2")
    await asyncio.to_thread(ec2.describe_vpcs)
    answered: set[str] = set()
    enough = asyncio.Event()

    async def create(number: int) -> None:
        try:
            made = await asyncio.to_thread(ec2.create_vpc, CidrBlock=f"10.{number}.0.0/16")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ServiceUnavailable"
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        else:
            answered.add(made["Vpc"]["VpcId"])
            if len(answered) > 3 * seed:
                enough.set()

    async def kill() -> None:
        # A different moment of the child's work for each seed: when so many have been answered.
        pid = support.pid
        await enough.wait()
        assert pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    await asyncio.gather(kill(), *(create(number) for number in range(20)))
    kept = {vpc["VpcId"] for vpc in (await asyncio.to_thread(ec2.describe_vpcs))["Vpcs"]}
    assert len(answered) > 3 * seed
    assert answered < kept


async def test_a_stop_leaves_no_process_and_no_socket(support: SupportProcess, client: Client, tmp_path: Path) -> None:
    await asyncio.to_thread(client("ec2").describe_vpcs)
    assert support.pid is not None
    pidfd = os.pidfd_open(support.pid)
    assert (tmp_path / "s" / "support.sock").is_socket()
    await support.stop()
    with closed(pidfd):
        assert ends(pidfd)
    assert list((tmp_path / "s").iterdir()) == []


async def test_only_its_owner_can_read_what_it_keeps(client: Client, tmp_path: Path) -> None:
    await asyncio.to_thread(client("iam").create_user, UserName="u")
    assert (tmp_path / "data" / "support.state").stat().st_mode & 0o077 == 0
    assert (tmp_path / "s" / "support.sock").stat().st_mode & 0o077 == 0
