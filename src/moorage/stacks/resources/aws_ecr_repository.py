"""AWS::ECR::Repository by CreateRepository, the operations on its policies, and DeleteRepository. Ref answers its name.

A repository is a record: no image can be pushed to it, and tasks take their images from `moorage image`.
"""

import json
from collections.abc import Generator, Mapping
from typing import Any

from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Made,
    Order,
    ResourceType,
    Script,
    Step,
    already_exists,
    as_tags,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import DOCUMENT, TAGS, TEXT, TRUTH, Object
from moorage.stacks.resources.tagging import retag_ecr

TYPE = "AWS::ECR::Repository"
_GONE = frozenset({"RepositoryNotFoundException", "RepositoryPolicyNotFoundException"})
_NO_RULES = frozenset({*_GONE, "LifecyclePolicyNotFoundException"})


def _create(order: Order) -> Script:
    name = order.properties.get("RepositoryName") or order.generated_name(256).lower()
    scanning = order.properties.get("ImageScanningConfiguration")
    try:
        answer = yield ask(
            "ecr",
            "CreateRepository",
            repositoryName=name,
            imageTagMutability=order.properties.get("ImageTagMutability"),
            imageScanningConfiguration={"scanOnPush": scanning["ScanOnPush"]} if scanning else None,
            encryptionConfiguration=_encryption(order.properties.get("EncryptionConfiguration")),
            tags=as_tags({**order.tags(), **order.system_tags()}),
        )
        repository = answer["repository"]
    except Declined as declined:
        if declined.code != "RepositoryAlreadyExistsException":
            raise
        repository = (yield ask("ecr", "DescribeRepositories", repositoryNames=[name]))["repositories"][0]
        found = yield ask("ecr", "ListTagsForResource", resourceArn=repository["repositoryArn"])
        if not order.may_take({tag["Key"]: tag["Value"] for tag in found["tags"]}):
            raise already_exists(TYPE, name) from declined
    yield Made(name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]})
    yield from _policies(order, name)


def _encryption(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {name[0].lower() + name[1:]: value for name, value in given.items()} if given else None


def _policies(order: Order, name: str) -> Generator[Step, Answer, None]:
    """Set the policies that are new, and take away those that are no more."""
    if order.changed("RepositoryPolicyText"):
        document = order.properties.get("RepositoryPolicyText")
        if document is None:
            yield from unless(_GONE, ask("ecr", "DeleteRepositoryPolicy", repositoryName=name))
        else:
            yield ask("ecr", "SetRepositoryPolicy", repositoryName=name, policyText=json.dumps(document))
    if order.changed("LifecyclePolicy"):
        text = order.properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
        if text is None:
            yield from unless(_NO_RULES, ask("ecr", "DeleteLifecyclePolicy", repositoryName=name))
        else:
            yield ask("ecr", "PutLifecyclePolicy", repositoryName=name, lifecyclePolicyText=text)


def _update(order: Order) -> Script:
    name = order.physical_id
    if order.changed("ImageTagMutability"):
        mutability = order.properties.get("ImageTagMutability", "MUTABLE")
        yield ask("ecr", "PutImageTagMutability", repositoryName=name, imageTagMutability=mutability)
    if order.changed("ImageScanningConfiguration"):
        on_push = order.properties.get("ImageScanningConfiguration", {}).get("ScanOnPush", False)
        scanning = {"scanOnPush": on_push}
        yield ask("ecr", "PutImageScanningConfiguration", repositoryName=name, imageScanningConfiguration=scanning)
    yield from _policies(order, name)
    yield from retag_ecr(order, order.attributes["Arn"])


def _delete(order: Order) -> Script:
    emptied = order.properties.get("EmptyOnDelete", False)
    yield from unless(_GONE, ask("ecr", "DeleteRepository", repositoryName=order.physical_id, force=emptied))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            "EmptyOnDelete": TRUTH,
            "EncryptionConfiguration": Object({"EncryptionType": TEXT, "KmsKey": TEXT}, ("EncryptionType",)),
            "ImageScanningConfiguration": Object({"ScanOnPush": TRUTH}, ("ScanOnPush",)),
            "ImageTagMutability": TEXT,
            "LifecyclePolicy": Object({"LifecyclePolicyText": TEXT}, ("LifecyclePolicyText",)),
            "RepositoryName": TEXT,
            "RepositoryPolicyText": DOCUMENT,
            "Tags": TAGS,
        }
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"EncryptionConfiguration", "RepositoryName"}),
    attributes=frozenset({"Arn", "RepositoryUri"}),
    name="RepositoryName",
)
