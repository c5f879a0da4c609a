"""nftables rules over netlink: a task's redirects, published ports, masquerading for the uplink of root mode.

pyroute2 speaks to the kernel; the `nft` program is not needed. Which ports are redirected is said by the caller.
Source of the redirects: docs/reference/service-connect.md section 2.3.
"""

import errno
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.nftables.expressions import genex, masq
from pyroute2.nftables.main import NFTables

TABLE = "moorage"
OUTSIDE = "eth0"
"""The name of a task's one interface to the other tasks."""

_ALIASES = bytes([127, 255])
"""127.255.0.0/16 are the client aliases: two leading bytes of the destination are enough to know one."""

_REGISTER, _SECOND_REGISTER = 1, 2
_PORTS = "moorage"
"""The table of the instance's own namespace."""
_EQUAL, _UNEQUAL = 0, 1
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_META_IIFNAME, _META_OIFNAME, _META_L4PROTO = 6, 7, 16
_CT_STATUS, _DESTINATION_CHANGED = 2, 0x20
_TO_ANOTHER_DESTINATION = 1
_DESTINATION_NAT, _SOURCE_NAT = -100, 100
_TABLE_OWNED = 0x2
"""NFT_TABLE_F_OWNER: the kernel removes the table when the socket that made it closes, however the process ended."""

Expressions = list[dict[str, Any]]


@dataclass(frozen=True)
class Published:
    """A port of the instance, and the container's that it leads to. `protocol` is tcp or udp."""

    protocol: str
    host_port: int
    address: IPv4Address
    port: int


def redirect(egress_port: int | None, ingress: Sequence[tuple[int, int]]) -> None:
    """Add the task's redirects to the network namespace that the process is in."""
    if egress_port is None and not ingress:
        return
    nft = NFTables()
    try:
        nft.table("add", name=TABLE)
        if egress_port is not None:
            _add_chain(nft, TABLE, "output", _DESTINATION_NAT)
            _add_rule(nft, TABLE, "output", [*_to_aliases(), *_tcp(), *_redirect_to(egress_port)])
        if ingress:
            _add_chain(nft, TABLE, "prerouting", _DESTINATION_NAT)
        for container_port, listener_port in ingress:
            arriving = [*_name_is(_META_IIFNAME, OUTSIDE), *_tcp(), *_port_is(container_port)]
            _add_rule(nft, TABLE, "prerouting", [*arriving, *_redirect_to(listener_port)])
    finally:
        nft.close()


def redirect_arriving_aliases(egress_port: int) -> None:
    """Take what other containers of the task send to aliases: for the namespace of a proxy that is apart from them.

    The redirect happens here and not where the connection begins, since only here Envoy can ask where it was bound.
    """
    nft = NFTables()
    try:
        nft.table("add", name=f"{TABLE}-aliases")
        _add_chain(nft, f"{TABLE}-aliases", "prerouting", _DESTINATION_NAT)
        arriving = [*_name_is(_META_IIFNAME, OUTSIDE), *_to_aliases(), *_tcp()]
        _add_rule(nft, f"{TABLE}-aliases", "prerouting", [*arriving, *_redirect_to(egress_port)])
    finally:
        nft.close()


def publish(table: str, instance: IPv4Address, ports: Sequence[Published]) -> None:
    """Lead ports of the instance's address to containers, for those who come from elsewhere and for the instance."""
    if not ports:
        return
    nft = NFTables()
    try:
        nft.table("add", name=table)
        for chain in ("prerouting", "output"):
            _add_chain(nft, table, chain, _DESTINATION_NAT)
            for each in ports:
                match = [*_destination_is(instance), *_protocol(each.protocol), *_port_is(each.host_port)]
                _add_rule(nft, table, chain, [*match, *_send_to(each.address, each.port)])
    finally:
        nft.close()


def answer_through_instance() -> None:
    """Make answers of published ports come back the way that the requests took, whoever asked.

    A container that reaches its neighbour by the instance's port would else be answered by an address it never asked.
    """
    nft = NFTables()
    try:
        nft.table("add", name=_PORTS)
        _add_chain(nft, _PORTS, "postrouting", _SOURCE_NAT)
        _add_rule(nft, _PORTS, "postrouting", [*_destination_was_changed(), *masq()])
    finally:
        nft.close()


def masquerade(table: str, pool: IPv4Network, uplink: str) -> Any:
    """Hide `pool` behind this host's address wherever it leaves by another way than `uplink`.

    Returns the netlink socket that owns the table: the rules live as long as it stays open.
    """
    nft = NFTables()
    try:
        try:
            nft.table("add", name=table, nfta_table_flags=_TABLE_OWNED)
        except NetlinkError as error:
            if error.code not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            nft.table("add", name=table)  # Linux before 5.12: `forget` removes it, at the latest after the next start
        _add_chain(nft, table, "postrouting", _SOURCE_NAT)
        leaving = [*_source_in(pool), *_name_is(_META_OIFNAME, uplink, _UNEQUAL)]
        _add_rule(nft, table, "postrouting", [*leaving, *masq()])
    except NetlinkError:
        nft.close()
        raise
    return nft


def forget(table: str) -> None:
    """Remove a table, if it is there."""
    nft = NFTables()
    try:
        nft.table("del", name=table)
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
    finally:
        nft.close()


def _add_chain(nft: Any, table: str, hook: str, priority: int) -> None:
    nft.chain("add", table=table, name=hook, hook=hook, type="nat", priority=priority)


def _add_rule(nft: Any, table: str, chain: str, expressions: Expressions) -> None:
    nft.rule("add", table=table, chain=chain, expressions=(expressions,))


def _to_aliases() -> Expressions:
    return [_load(_NETWORK_HEADER, 16, len(_ALIASES)), _compare(_ALIASES)]


def _source_in(pool: IPv4Network) -> Expressions:
    mask, nothing = pool.netmask.packed, bytes(4)
    return [
        _load(_NETWORK_HEADER, 12, 4),
        genex(
            "bitwise", {"sreg": _REGISTER, "dreg": _REGISTER, "len": 4, "mask": _value(mask), "xor": _value(nothing)}
        ),
        _compare(pool.network_address.packed),
    ]


def _destination_is(address: IPv4Address) -> Expressions:
    return [_load(_NETWORK_HEADER, 16, 4), _compare(address.packed)]


def _destination_was_changed() -> Expressions:
    mask, nothing = struct.pack("=I", _DESTINATION_CHANGED), bytes(4)
    status = genex("ct", {"dreg": _REGISTER, "key": _CT_STATUS})
    bit = {"sreg": _REGISTER, "dreg": _REGISTER, "len": 4, "mask": _value(mask), "xor": _value(nothing)}
    return [status, genex("bitwise", bit), _compare(nothing, _UNEQUAL)]


def _tcp() -> Expressions:
    return _protocol("tcp")


def _protocol(name: str) -> Expressions:
    number = socket.IPPROTO_UDP if name == "udp" else socket.IPPROTO_TCP
    return [genex("meta", {"dreg": _REGISTER, "key": _META_L4PROTO}), _compare(bytes([number]))]


def _name_is(key: int, name: str, operator: int = _EQUAL) -> Expressions:
    return [genex("meta", {"dreg": _REGISTER, "key": key}), _compare(name.encode().ljust(16, b"\0"), operator)]


def _port_is(port: int) -> Expressions:
    return [_load(_TRANSPORT_HEADER, 2, 2), _compare(struct.pack("!H", port))]


def _redirect_to(port: int) -> Expressions:
    return [
        genex("immediate", {"dreg": _REGISTER, "data": _value(struct.pack("!H", port))}),
        genex("redir", {"reg_proto_min": _REGISTER}),
    ]


def _send_to(address: IPv4Address, port: int) -> Expressions:
    where = {"reg_addr_min": _REGISTER, "reg_proto_min": _SECOND_REGISTER}
    return [
        genex("immediate", {"dreg": _REGISTER, "data": _value(address.packed)}),
        genex("immediate", {"dreg": _SECOND_REGISTER, "data": _value(struct.pack("!H", port))}),
        genex("nat", {"type": _TO_ANOTHER_DESTINATION, "family": socket.AF_INET, **where}),
    ]


def _load(header: int, offset: int, length: int) -> dict[str, Any]:
    return genex("payload", {"dreg": _REGISTER, "base": header, "offset": offset, "len": length})  # type: ignore[no-any-return]  # pyroute2 is untyped


def _compare(value: bytes, operator: int = _EQUAL) -> dict[str, Any]:
    return genex("cmp", {"sreg": _REGISTER, "op": operator, "data": _value(value)})  # type: ignore[no-any-return]  # pyroute2 is untyped


def _value(value: bytes) -> dict[str, Any]:
    return {"attrs": [("NFTA_DATA_VALUE", value)]}
