"""One xDS resource: its bytes, the version that follows from them, and what it needs of other resources.

Sealed when it is made; how resources go together is `bundle`'s and `consistency`'s to say.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2, message


@dataclass(frozen=True)
class References:
    """What a resource needs or claims.

    `clusters`, `endpoints`, `routes`: names of other resources; `clusters` includes those that its routes lead to.
    `addresses`: hosts it sends traffic to. `ports`: what a listener binds. `matches`: the (address, port) pairs that
    its filter chains take, repeated if claimed twice.
    """

    clusters: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    ports: tuple[int, ...] = ()
    matches: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Resource:
    """One xDS resource. Equal content has an equal version, so equality is by type, name and version."""

    type_url: str
    name: str
    version: str
    content: bytes = field(compare=False, repr=False)
    references: References = field(compare=False, repr=False, default=References())

    @cached_property
    def wire(self) -> bytes:
        """A whole response that carries this resource and says nothing else; made once for all streams.

        Put behind one another, such messages are read as one that holds the resources of all: that is protobuf's rule
        for repeated fields.
        """
        body = any_pb2.Any(type_url=self.type_url, value=self.content)
        carried = discovery_pb2.Resource(name=self.name, version=self.version, resource=body)
        whole: bytes = discovery_pb2.DeltaDiscoveryResponse(resources=[carried]).SerializeToString()
        return whole

    @cached_property
    def weight(self) -> int:
        """What it adds to the version of a bundle: a number of 64 bits that its type, name and version decide."""
        identity = f"{self.type_url}\n{self.name}\n{self.version}".encode()
        return int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "big")


def resource(type_url: str, name: str, body: message.Message, references: References = References()) -> Resource:
    """Seal a message: its bytes are fixed and hashed now, and nobody can change it afterwards."""
    content = body.SerializeToString(deterministic=True)
    version = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Resource(type_url, name, version, content, references)
