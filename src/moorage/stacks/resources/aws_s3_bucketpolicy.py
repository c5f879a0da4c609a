"""AWS::S3::BucketPolicy by PutBucketPolicy and DeleteBucketPolicy. Ref answers the bucket's name."""

import json

from moorage.stacks.resources.script import Made, Order, ResourceType, Script, ask, unless
from moorage.stacks.resources.shapes import DOCUMENT, TEXT, Object

TYPE = "AWS::S3::BucketPolicy"


def _create(order: Order) -> Script:
    bucket = order.properties["Bucket"]
    yield ask("s3", "PutBucketPolicy", Bucket=bucket, Policy=json.dumps(order.properties["PolicyDocument"]))
    yield Made(bucket)


def _update(order: Order) -> Script:
    document = json.dumps(order.properties["PolicyDocument"])
    yield ask("s3", "PutBucketPolicy", Bucket=order.physical_id, Policy=document)


def _delete(order: Order) -> Script:
    gone = {"404", "NoSuchBucket", "NoSuchBucketPolicy"}
    yield from unless(gone, ask("s3", "DeleteBucketPolicy", Bucket=order.physical_id))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object({"Bucket": TEXT, "PolicyDocument": DOCUMENT}, ("Bucket", "PolicyDocument")),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Bucket"}),
)
