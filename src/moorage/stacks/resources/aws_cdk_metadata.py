"""AWS::CDK::Metadata: what the CDK reports about itself. Nothing is made and nothing is recorded of it."""

from moorage.stacks.resources.script import Made, Order, ResourceType, Script, nothing
from moorage.stacks.resources.shapes import TEXT, Object


def _create(order: Order) -> Script:
    yield Made(order.generated_name())


RESOURCE = ResourceType(
    type="AWS::CDK::Metadata",
    properties=Object({"Analytics": TEXT, "Modules": TEXT}),
    create=_create,
    delete=nothing,
    update=nothing,
)
