"""AWS::Logs::LogGroup by CreateLogGroup, PutRetentionPolicy, DeleteRetentionPolicy and DeleteLogGroup."""

from moorage.stacks.resources.script import Declined, Made, Order, ResourceType, Script, already_exists, ask, unless
from moorage.stacks.resources.shapes import OFF, TAGS, TEXT, WHOLE, Exactly, Object
from moorage.stacks.resources.tagging import retag_logs

TYPE = "AWS::Logs::LogGroup"


def _create(order: Order) -> Script:
    name = order.properties.get("LogGroupName") or order.generated_name(512)
    try:
        yield ask(
            "logs",
            "CreateLogGroup",
            logGroupName=name,
            logGroupClass=order.properties.get("LogGroupClass"),
            tags=order.tags() or None,
        )
    except Declined as declined:
        if declined.code != "ResourceAlreadyExistsException":
            raise
        if not order.resumed:
            raise already_exists(TYPE, name) from declined
    yield Made(name, {"Arn": f"{_arn(order, name)}:*"})
    if "RetentionInDays" in order.properties:
        days = order.properties["RetentionInDays"]
        yield ask("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)


def _arn(order: Order, name: str) -> str:
    return f"arn:aws:logs:{order.region}:{order.account}:log-group:{name}"


def _update(order: Order) -> Script:
    if order.changed("RetentionInDays"):
        days = order.properties.get("RetentionInDays")
        if days is None:
            yield ask("logs", "DeleteRetentionPolicy", logGroupName=order.physical_id)
        else:
            yield ask("logs", "PutRetentionPolicy", logGroupName=order.physical_id, retentionInDays=days)
    yield from retag_logs(order, _arn(order, order.physical_id))


def _delete(order: Order) -> Script:
    request = ask("logs", "DeleteLogGroup", logGroupName=order.physical_id)
    yield from unless({"ResourceNotFoundException"}, request)


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            "DeletionProtectionEnabled": OFF,
            "LogGroupClass": Exactly(TEXT, ("STANDARD",)),
            "LogGroupName": TEXT,
            "RetentionInDays": WHOLE,
            "Tags": TAGS,
        }
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"LogGroupName"}),
    attributes=frozenset({"Arn"}),
    name="LogGroupName",
)
