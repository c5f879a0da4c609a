"""Holds one network namespace for the tests: hands out sockets of it and runs programs in it until its caller leaves.

Run with the number of a Unix socket it inherited. Each request is one JSON line; a socket travels beside its answer.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.nfnetlink.nftsocket import NFPROTO_IPV4
from pyroute2.nftables.expressions import genex
from pyroute2.nftables.main import NFTables

CLONE_NEWNET, CLONE_NEWUSER, PR_SET_PDEATHSIG = 0x40000000, 0x10000000, 1


def enter() -> None:
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNET if user == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    with IPRoute() as routes:
        routes.link("set", index=1, state="up")


def redirect(port: int, second: int) -> None:
    """TCP to 127.`second`.0.0/16 goes to `port`; with 255 as in a task's namespace."""

    def data(value: bytes) -> dict:
        return {"attrs": [("NFTA_DATA_VALUE", value)]}

    tables = NFTables(nfgen_family=NFPROTO_IPV4)
    tables.table("add", name="egress")
    tables.chain("add", table="egress", name="output", hook="output", type="nat", policy=1)
    rule = [
        genex("meta", {"KEY": 16, "DREG": 1}),
        genex("cmp", {"SREG": 1, "OP": 0, "DATA": data(bytes([socket.IPPROTO_TCP]))}),
        genex("payload", {"DREG": 1, "BASE": 1, "OFFSET": 16, "LEN": 2}),
        genex("cmp", {"SREG": 1, "OP": 0, "DATA": data(bytes([127, second]))}),
        genex("immediate", {"DREG": 1, "DATA": data(struct.pack("!H", port))}),
        genex("redir", {"REG_PROTO_MIN": 1}),
    ]
    tables.rule("add", table="egress", chain="output", expressions=(rule,))
    tables.close()


def spawn(argv: list[str], output: str) -> int:
    with Path(output).open("ab") as sink:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink).pid


def serve(control: socket.socket) -> None:
    with control.makefile("r") as requests:
        for line in requests:
            request = json.loads(line)
            made = []
            answer: object = None
            if request["do"] == "socket":
                made = [socket.socket()]
            elif request["do"] == "spawn":
                answer = spawn(request["argv"], request["output"])
            elif request["do"] == "signal":
                # It may have ended by itself, and been reaped, in the meantime.
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(request["pid"], request["signal"])
                    answer = os.waitpid(request["pid"], 0)[1] if request["wait"] else None
            elif request["do"] == "redirect":
                answer = redirect(request["port"], request["second"])
            socket.send_fds(control, [(json.dumps(answer) + "\n").encode()], [each.fileno() for each in made])
            for each in made:
                each.close()


if __name__ == "__main__":
    children_group = os.setpgid(0, 0)
    enter()
    with socket.socket(fileno=int(sys.argv[1])) as caller:
        serve(caller)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    os.killpg(0, signal.SIGKILL)
