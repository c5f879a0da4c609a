"""AWS::IAM::InstanceProfile by CreateInstanceProfile and the operations on its role."""

from collections.abc import Generator

from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Made,
    Order,
    ResourceType,
    Script,
    Step,
    already_exists,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import TEXT, TEXT_LIST, Object

TYPE = "AWS::IAM::InstanceProfile"
_GONE = frozenset({"NoSuchEntity"})


def _create(order: Order) -> Script:
    name = order.properties.get("InstanceProfileName") or order.generated_name(128)
    try:
        answer = yield ask("iam", "CreateInstanceProfile", InstanceProfileName=name, Path=order.properties.get("Path"))
    except Declined as declined:
        if declined.code != "EntityAlreadyExists":
            raise
        if not order.resumed or "InstanceProfileName" in order.properties:
            raise already_exists(TYPE, name) from declined
        answer = yield ask("iam", "GetInstanceProfile", InstanceProfileName=name)
    yield Made(name, {"Arn": answer["InstanceProfile"]["Arn"]})
    there = [role["RoleName"] for role in answer["InstanceProfile"].get("Roles", [])]
    yield from _set_roles(name, there, order.properties["Roles"])


def _set_roles(profile: str, old: list[str], new: list[str]) -> Generator[Step, Answer, None]:
    for role in [role for role in old if role not in new]:
        request = ask("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=profile, RoleName=role)
        yield from unless(_GONE, request)
    for role in [role for role in new if role not in old]:
        yield ask("iam", "AddRoleToInstanceProfile", InstanceProfileName=profile, RoleName=role)


def _update(order: Order) -> Script:
    yield from _set_roles(order.physical_id, order.old["Roles"], order.properties["Roles"])


def _delete(order: Order) -> Script:
    yield from _set_roles(order.physical_id, order.properties["Roles"], [])
    yield from unless(_GONE, ask("iam", "DeleteInstanceProfile", InstanceProfileName=order.physical_id))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object({"InstanceProfileName": TEXT, "Path": TEXT, "Roles": TEXT_LIST}, ("Roles",)),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"InstanceProfileName", "Path"}),
    attributes=frozenset({"Arn"}),
    name="InstanceProfileName",
)
