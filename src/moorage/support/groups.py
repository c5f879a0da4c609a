"""Has Moto's EC2 refuse unknown security groups in EC2's words: it names the first that there is not, and no other.

Moto names all that were asked for, as a set of Python's, the known ones among them. ECS passes the sentence on, so
users read it there, too. Called once EC2 is loaded; changes nothing else.
"""

from collections.abc import Iterable
from functools import wraps
from typing import Any


def apply() -> None:
    """Look for each name and id that a request gives before Moto does."""
    from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
    from moto.ec2.models.security_groups import SecurityGroupBackend

    describe = SecurityGroupBackend.describe_security_groups

    def check(asked: Iterable[str], known: set[str]) -> None:
        for each in asked:
            if each not in known:
                raise InvalidSecurityGroupNotFoundError(each)

    @wraps(describe)
    def describe_security_groups(
        backend: Any, group_ids: list[str] | None = None, groupnames: list[str] | None = None, filters: Any = None
    ) -> Any:
        groups = [group for of_vpc in backend.groups.values() for group in of_vpc.values()]
        check(group_ids or (), {group.id for group in groups})
        check(groupnames or (), {group.name for group in groups})
        return describe(backend, group_ids, groupnames, filters)

    SecurityGroupBackend.describe_security_groups = describe_security_groups
