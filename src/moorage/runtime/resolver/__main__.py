"""`python -m moorage.runtime.resolver UDP TCP ZONES`: serves names on two sockets that are open already, by number.

Ends with the supervisor that started it. What it answers with lies in the file ZONES and with the host's name servers.
"""

import asyncio
import socket
import sys
from pathlib import Path

from moorage import system
from moorage.runtime.resolver.forward import Forwarder
from moorage.runtime.resolver.reader import Reader
from moorage.runtime.resolver.server import NameServer
from moorage.runtime.supervisor import resolver


async def serve(udp: socket.socket, tcp: socket.socket, zones: Path) -> None:
    """Answer until the process ends."""
    server = NameServer(Reader(zones, system.sample).book, Forwarder(resolver.servers))
    listening = await asyncio.start_server(server.connection, sock=tcp)
    await asyncio.gather(server.datagrams(udp), listening.serve_forever())


def main() -> None:
    udp, tcp, zones = sys.argv[1:]
    sockets = [socket.socket(fileno=int(number)) for number in (udp, tcp)]
    for each in sockets:
        each.setblocking(False)
    asyncio.run(serve(sockets[0], sockets[1], Path(zones)))


if __name__ == "__main__":
    main()
