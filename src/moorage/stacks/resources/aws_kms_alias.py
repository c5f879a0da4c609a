"""AWS::KMS::Alias by CreateAlias, UpdateAlias and DeleteAlias. Ref answers the alias's name."""

from moorage.stacks.resources.script import Declined, Made, Order, ResourceType, Script, already_exists, ask, unless
from moorage.stacks.resources.shapes import TEXT, Object

TYPE = "AWS::KMS::Alias"


def _create(order: Order) -> Script:
    name, key = order.properties["AliasName"], order.properties["TargetKeyId"]
    try:
        yield ask("kms", "CreateAlias", AliasName=name, TargetKeyId=key)
    except Declined as declined:
        if declined.code != "AlreadyExistsException":
            raise
        if not order.resumed:
            raise already_exists(TYPE, name) from declined
    yield Made(name)


def _update(order: Order) -> Script:
    yield ask("kms", "UpdateAlias", AliasName=order.physical_id, TargetKeyId=order.properties["TargetKeyId"])


def _delete(order: Order) -> Script:
    yield from unless({"NotFoundException"}, ask("kms", "DeleteAlias", AliasName=order.physical_id))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object({"AliasName": TEXT, "TargetKeyId": TEXT}, ("AliasName", "TargetKeyId")),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"AliasName"}),
    name="AliasName",
)
