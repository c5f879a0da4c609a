"""Takes questions over UDP and TCP, and gives each the answer of the zones, else that of the host's name servers.

What the zones answer is decided in `answers`. A question that is none gets FORMERR; what cannot be answered SERVFAIL.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rrset

from moorage.runtime.resolver import answers
from moorage.runtime.resolver.answers import Book, Found
from moorage.runtime.resolver.forward import Forwarder, NoAnswer

MOST_AT_ONCE: Final = 256
"""Questions that may be under way; more than that are dropped over UDP, and wait over TCP."""

IDLE: Final = 10.0
"""Seconds that a TCP connection may ask nothing."""

_HEADER: Final = 12
_LARGEST: Final = 65535
_PLAIN_UDP: Final = 512
"""What fits without EDNS (RFC 1035 section 4.2.1)."""


class NameServer:
    """Answers queries. `book` gives the zones as they are now."""

    def __init__(self, book: Callable[[], Book], forwarder: Forwarder) -> None:
        self._book = book
        self._forwarder = forwarder
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._busy: set[asyncio.Task[None]] = set()

    async def answer(self, wire: bytes, asker: str, stream: bool) -> bytes | None:
        """The answer's bytes; None for what is not even the beginning of a question."""
        if len(wire) < _HEADER or wire[2] & 0x80:
            return None
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return _refusal(wire, dns.rcode.FORMERR)
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return _refusal(wire, dns.rcode.NOTIMP if query.opcode() != dns.opcode.QUERY else dns.rcode.FORMERR)
        found = self._find(query, asker)
        try:
            if found is None:
                return await self._forwarder.ask(wire, stream)
            if found.elsewhere is not None:
                found = await self._followed(query, found, stream)
        except NoAnswer:
            return _refusal(wire, dns.rcode.SERVFAIL)
        return _fitting(answers.respond(query, found), query, stream)

    def _find(self, query: dns.message.Message, asker: str) -> Found | None:
        question = query.question[0]
        if question.rdclass != dns.rdataclass.IN:
            return None
        return self._book().find(question.name, question.rdtype, asker)

    async def _followed(self, query: dns.message.Message, found: Found, stream: bool) -> Found:
        """With what the host's name servers say of the name that a CNAME record leads to. NoAnswer."""
        further = dns.message.make_query(found.elsewhere or "", query.question[0].rdtype)
        try:
            told = dns.message.from_wire(await self._forwarder.ask(further.to_wire(), stream))
        except dns.exception.DNSException as error:
            raise NoAnswer from error
        return Found(told.rcode(), (*found.answer, *told.answer), tuple(told.authority))

    # --- UDP ---

    async def datagrams(self, bound: socket.socket) -> None:
        """Answer what comes to a UDP socket, each question in a task of its own, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            wire, address = await loop.sock_recvfrom(bound, _LARGEST)
            if not self._room.locked():
                task = asyncio.ensure_future(self._reply(bound, wire, address))
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)

    async def _reply(self, bound: socket.socket, wire: bytes, address: tuple[str, int]) -> None:
        async with self._room:
            answer = await self.answer(wire, address[0], stream=False)
        if answer is not None:
            with suppress(OSError):  # who asked is gone
                await asyncio.get_running_loop().sock_sendto(bound, answer, address)

    # --- TCP ---

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over a connection, one question after the other (RFC 7766)."""
        asker = writer.get_extra_info("peername")[0]
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            while True:
                async with asyncio.timeout(IDLE):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    wire = await reader.readexactly(length)
                async with self._room:
                    answer = await self.answer(wire, asker, stream=True)
                if answer is None:
                    break
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        writer.close()


def _fitting(response: dns.message.Message, query: dns.message.Message, stream: bool) -> bytes:
    """The response's bytes; over UDP cut to what the asker takes, and marked so, for it to ask again over TCP."""
    if stream:
        return response.to_wire()
    return response.to_wire(max_size=max(_PLAIN_UDP, query.payload), prefer_truncation=True)


def _refusal(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """An answer without records: the question's header, turned round (RFC 1035 section 4.1.1)."""
    flags = struct.unpack("!H", wire[2:4])[0] & (0x7800 | dns.flags.RD)
    header = struct.pack("!HHHHH", flags | dns.flags.QR | dns.flags.RA | rcode, 0, 0, 0, 0)
    return wire[:2] + header
