"""Questions on the wire: answers that fit, what is no question, and names that others are asked for."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage import system
from moorage.domain.zones import RecordSet, Zone, Zones
from moorage.runtime.resolver.answers import Book
from moorage.runtime.resolver.forward import Forwarder
from moorage.runtime.resolver.reader import Reader
from moorage.runtime.resolver.server import NameServer
from moorage.runtime.zone_file import NAME, ZoneFile

HERE = ("111122223333", "us-east-1", "vpc-1")
SETS = (
    RecordSet("web.sd.local", "A", 60, 8, tuple(f"10.0.0.{n}" for n in range(1, 11))),
    RecordSet("wide.sd.local", "SRV", 60, 8, tuple(f"1 1 80 {n:040d}.wide.sd.local." for n in range(8))),
    RecordSet("outer.sd.local", "CNAME", 5, 1, ("db.example.com.",)),
)
ZONES = Zones((Zone("sd.local", HERE, 15, SETS),), {})


@asynccontextmanager
async def listening(server: NameServer) -> AsyncIterator[int]:
    """The server on a UDP and a TCP port of loopback with one number."""
    tcp = socket.create_server(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    udp.setblocking(False)
    streams = await asyncio.start_server(server.connection, sock=tcp)
    datagrams = asyncio.create_task(server.datagrams(udp))
    try:
        yield port
    finally:
        datagrams.cancel()
        await asyncio.wait({datagrams})
        streams.close()
        udp.close()


def named(zones: Zones = ZONES, forwarder: Forwarder | None = None) -> NameServer:
    book = Book(zones, system.sample)
    return NameServer(lambda: book, forwarder or Forwarder(list))


async def asked(name: str, kind: str = "A", **forwarding: Forwarder) -> dns.message.Message:
    async with listening(named(**forwarding)) as port:
        return await dns.asyncquery.udp(dns.message.make_query(name, kind), "127.0.0.1", timeout=10, port=port)


async def test_an_answer_is_eight_of_ten_in_an_order_that_changes():
    async with listening(named()) as port:
        seen = []
        for _ in range(40):
            query = dns.message.make_query("web.sd.local", "A")
            answer = await dns.asyncquery.udp(query, "127.0.0.1", timeout=10, port=port)
            seen.append(tuple(item.to_text() for item in answer.answer[0]))
    assert {len(set(each)) for each in seen} == {8}
    assert len(set(seen)) > 1
    assert answer.flags & dns.flags.RA and not answer.flags & dns.flags.AA


async def test_what_does_not_fit_a_datagram_is_cut_and_whole_over_tcp():
    query = dns.message.make_query("wide.sd.local", "SRV", use_edns=False)
    async with listening(named()) as port:
        cut = await dns.asyncquery.udp(query, "127.0.0.1", timeout=10, port=port)
        whole = await dns.asyncquery.tcp(query, "127.0.0.1", timeout=10, port=port)
        large = dns.message.make_query("wide.sd.local", "SRV", payload=4096)
        fitting = await dns.asyncquery.udp(large, "127.0.0.1", timeout=10, port=port)
    assert cut.flags & dns.flags.TC
    assert len(whole.answer[0]) == len(fitting.answer[0]) == 8


async def test_a_name_that_is_not_there_and_one_without_such_records():
    assert (await asked("nobody.sd.local")).rcode() == dns.rcode.NXDOMAIN
    nothing = await asked("web.sd.local", "AAAA")
    assert (nothing.rcode(), nothing.answer, len(nothing.authority)) == (dns.rcode.NOERROR, [], 1)


async def test_other_names_are_asked_of_the_hosts_servers_and_so_is_where_a_cname_leads():
    told = Zones((Zone("example.com", HERE, 15, (RecordSet("db.example.com", "A", 9, 8, ("192.0.2.5",)),)),), {})
    async with listening(named(told)) as upstream:
        forwarder = Forwarder(lambda: ["127.0.0.1"], port=upstream)
        straight = await asked("db.example.com", forwarder=forwarder)
        followed = await asked("outer.sd.local", forwarder=forwarder)
        async with listening(named(forwarder=forwarder)) as port:
            query = dns.message.make_query("db.example.com", "A")
            over_tcp = await dns.asyncquery.tcp(query, "127.0.0.1", timeout=10, port=port)
    assert [str(each) for each in straight.answer] == ["db.example.com. 9 IN A 192.0.2.5"]
    assert over_tcp.answer == straight.answer
    assert [str(each) for each in followed.answer] == [
        "outer.sd.local. 5 IN CNAME db.example.com.",
        "db.example.com. 9 IN A 192.0.2.5",
    ]


async def test_a_server_that_is_silent_makes_room_for_the_next_and_none_is_a_failure_that_is_told():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        forwarder = Forwarder(lambda: ["127.0.0.1"], port=silent.getsockname()[1], timeout=0.05)
        assert (await asked("example.com", forwarder=forwarder)).rcode() == dns.rcode.SERVFAIL
    assert (await asked("example.com")).rcode() == dns.rcode.SERVFAIL


async def test_several_questions_over_one_connection():
    async with listening(named()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        wires = [dns.message.make_query(name, "A").to_wire() for name in ("web.sd.local", "nobody.sd.local")]
        writer.write(b"".join(struct.pack("!H", len(wire)) + wire for wire in wires))
        rcodes = []
        async with asyncio.timeout(10):
            for _ in wires:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                rcodes.append(dns.message.from_wire(await reader.readexactly(length)).rcode())
        writer.close()
    assert rcodes == [dns.rcode.NOERROR, dns.rcode.NXDOMAIN]


QUERY = dns.message.make_query("web.sd.local", "A", id=7).to_wire()


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        (b"", None),
        (QUERY[:11], None),
        (QUERY[:2] + b"\x80" + QUERY[3:], None),
        (QUERY[:14], dns.rcode.FORMERR),
        (QUERY[:4] + b"\0\2" + QUERY[6:] + QUERY[12:], dns.rcode.FORMERR),
        (QUERY[:2] + b"\x20" + QUERY[3:], dns.rcode.NOTIMP),
    ],
)
async def test_what_is_no_question_is_refused_or_dropped(wire: bytes, rcode: dns.rcode.Rcode | None):
    answer = await named().answer(wire, "100.64.0.9", stream=False)
    if rcode is None:
        assert answer is None
        return
    told = dns.message.from_wire(answer or b"")
    assert (told.id, told.rcode(), bool(told.flags & dns.flags.QR)) == (7, rcode, True)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(QUERY)))
def test_no_bytes_bring_it_down(noise: bytes, kept: int):
    answer = asyncio.run(named().answer(QUERY[:kept] + noise, "100.64.0.9", stream=True))
    assert answer is None or answer[:2] == (QUERY[:kept] + noise)[:2]


def test_the_file_is_read_again_when_there_is_another_one(tmp_path: Path):
    file, reader = ZoneFile(tmp_path), Reader(tmp_path / NAME, system.sample)

    def knows() -> bool:
        query = dns.message.make_query("web.sd.local", "A").question[0]
        return reader.book().find(query.name, query.rdtype, "") is not None

    assert not knows()
    file.tell(ZONES)
    assert knows()
    book = reader.book()
    assert reader.book() is book, "the same file is read once"
    file.tell(Zones((Zone("other.local", HERE, 15, ()),), {}))
    assert not knows()
    file.tell(Zones())
    assert not (tmp_path / NAME).exists() and not knows()
