"""A log router: listens where its configuration says, and writes each event that it is sent as a JSON line."""

import json
import os
import re
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from forward_protocol import events

CONFIGURATION = Path("/fluent-bit/etc/fluent-bit.conf")
SECRET = "apikey_1"


def serve(listening: socket.socket) -> None:
    while True:
        connected, _ = listening.accept()
        threading.Thread(target=write, args=[connected], daemon=True).start()


def write(connected: socket.socket) -> None:
    with connected, connected.makefile("rb") as source:
        for event in events(source):
            tell(event)


def tell(what: dict[str, Any]) -> None:
    """A line by one write: several threads do so, and theirs must not come in between."""
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> None:
    text = CONFIGURATION.read_text()
    tell({"configuration": text, "secret": os.environ.get(SECRET)})
    (path,) = re.findall(r"unix_path (\S+)", text)
    for family, address in ((socket.AF_UNIX, path), (socket.AF_INET, ("127.0.0.1", 24224))):
        listening = socket.socket(family)
        listening.bind(address)
        listening.listen()
        threading.Thread(target=serve, args=[listening], daemon=True).start()
    signal.sigwait({signal.SIGTERM})


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
main()
