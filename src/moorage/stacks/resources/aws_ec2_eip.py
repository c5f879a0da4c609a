"""AWS::EC2::EIP by AllocateAddress and ReleaseAddress. Ref answers the public address."""

from moorage.stacks.resources.ec2_marks import found, marks, removed
from moorage.stacks.resources.script import Made, Order, ResourceType, Script, ask
from moorage.stacks.resources.shapes import TAGS, TEXT, Object
from moorage.stacks.resources.tagging import retag_ec2


def _create(order: Order) -> Script:
    address = yield from found(order, "DescribeAddresses", "Addresses", "PublicIp")
    if address is None:
        address = yield ask("ec2", "AllocateAddress", Domain="vpc", TagSpecifications=marks(order, "elastic-ip"))
    attributes = {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}
    yield Made(address["PublicIp"], attributes)


def _update(order: Order) -> Script:
    yield from retag_ec2(order, order.attributes["AllocationId"])


def _delete(order: Order) -> Script:
    allocation = order.attributes["AllocationId"]
    return removed("ReleaseAddress", "InvalidAllocationID.NotFound", AllocationId=allocation)


RESOURCE = ResourceType(
    type="AWS::EC2::EIP",
    properties=Object({"Domain": TEXT, "Tags": TAGS}),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Domain"}),
    attributes=frozenset({"AllocationId", "PublicIp"}),
)
