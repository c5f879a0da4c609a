"""AWS::S3::Bucket by CreateBucket and the operations on each side of it. Ref answers its name.

What a bucket says of encryption and of the life of its objects is kept by the support process; nothing follows there.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Made,
    Order,
    Request,
    ResourceType,
    Script,
    Step,
    already_exists,
    as_tags,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import TAGS, TEXT, TEXT_LIST, TRUTH, WHOLE, Exactly, ListOf, Object

TYPE = "AWS::S3::Bucket"
_HELD = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_BY_DEFAULT = Object({"KMSMasterKeyID": TEXT, "SSEAlgorithm": TEXT}, ("SSEAlgorithm",))
_ENCRYPTION = Object(
    {
        "ServerSideEncryptionConfiguration": ListOf(
            Object({"BucketKeyEnabled": TRUTH, "ServerSideEncryptionByDefault": _BY_DEFAULT})
        )
    },
    ("ServerSideEncryptionConfiguration",),
)
_RULE = Object(
    {
        "AbortIncompleteMultipartUpload": Object({"DaysAfterInitiation": WHOLE}),
        "ExpirationInDays": WHOLE,
        "Id": TEXT,
        "NoncurrentVersionExpiration": Object({"NewerNoncurrentVersions": WHOLE, "NoncurrentDays": WHOLE}),
        "Prefix": TEXT,
        "Status": TEXT,
    },
    ("Status",),
)
_PUBLIC = Object(
    {"BlockPublicAcls": TRUTH, "BlockPublicPolicy": TRUTH, "IgnorePublicAcls": TRUTH, "RestrictPublicBuckets": TRUTH}
)
_CORS = Object(
    {
        "AllowedHeaders": TEXT_LIST,
        "AllowedMethods": TEXT_LIST,
        "AllowedOrigins": TEXT_LIST,
        "ExposedHeaders": TEXT_LIST,
        "Id": TEXT,
        "MaxAge": WHOLE,
    },
    ("AllowedMethods", "AllowedOrigins"),
)


def _create(order: Order) -> Script:
    custom = order.properties.get("BucketName")
    name = custom or order.generated_name(63).lower()
    if custom and not order.resumed and (yield from _exists(name)):
        raise already_exists(TYPE, name)
    elsewhere = {} if order.region == "us-east-1" else {"LocationConstraint": order.region}
    request = ask("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=elsewhere or None)
    try:
        yield request
    except Declined as declined:
        if declined.code not in _HELD:
            raise
        if not order.resumed:
            raise already_exists(TYPE, name) from declined
    yield Made(name, _attributes(order, name))
    yield from _sides(name, order.properties, {})


def _exists(name: str) -> Generator[Step, Answer, bool]:
    """Where a bucket of one's own is made again, S3 in us-east-1 says nothing of it."""
    return (yield from unless({"404", "NoSuchBucket"}, ask("s3", "HeadBucket", Bucket=name))) is not None


def _attributes(order: Order, name: str) -> dict[str, str]:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{order.region}.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{order.region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{order.region}.amazonaws.com",
    }


@dataclass(frozen=True)
class _Side:
    """A property by the operation that sets it, what that is given, and the one that takes it away again."""

    put: str
    made: Callable[[str, Any], Mapping[str, Any]]
    clear: str
    cleared: Mapping[str, Any] = field(default_factory=dict)


def _sides(bucket: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> Generator[Step, Answer, None]:
    """Bring each side of a bucket from the old properties to the new ones."""
    for name, side in _SIDES.items():
        if new.get(name) == old.get(name):
            continue
        if name in new:
            yield Request("s3", side.put, {"Bucket": bucket, **side.made(name, new[name])})
        else:
            yield Request("s3", side.clear, {"Bucket": bucket, **side.cleared})


def _as_is(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def _tagging(_name: str, value: Any) -> dict[str, Any]:
    return {"Tagging": {"TagSet": as_tags({tag["Key"]: tag["Value"] for tag in value})}}


def _encryption(_name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {("Apply" + key if key == "ServerSideEncryptionByDefault" else key): one for key, one in rule.items()}
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _lifecycle(_name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_rule(rule) for rule in value["Rules"]]}}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    answer = {name: rule[name] for name in ("AbortIncompleteMultipartUpload", "Status") if name in rule}
    answer |= {name: rule[name] for name in ("NoncurrentVersionExpiration",) if name in rule}
    answer |= {"ID": rule["Id"]} if "Id" in rule else {}
    answer |= {"Expiration": {"Days": rule["ExpirationInDays"]}} if "ExpirationInDays" in rule else {}
    return {**answer, "Filter": {"Prefix": rule.get("Prefix", "")}}


def _cors(_name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    spelled = {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}
    rules = [{spelled.get(name, name): one for name, one in rule.items()} for rule in value["CorsRules"]]
    return {"CORSConfiguration": {"CORSRules": rules}}


_SIDES: Mapping[str, _Side] = {
    "BucketEncryption": _Side("PutBucketEncryption", _encryption, "DeleteBucketEncryption"),
    "CorsConfiguration": _Side("PutBucketCors", _cors, "DeleteBucketCors"),
    "LifecycleConfiguration": _Side("PutBucketLifecycleConfiguration", _lifecycle, "DeleteBucketLifecycle"),
    "OwnershipControls": _Side("PutBucketOwnershipControls", _as_is, "DeleteBucketOwnershipControls"),
    "PublicAccessBlockConfiguration": _Side("PutPublicAccessBlock", _as_is, "DeletePublicAccessBlock"),
    "Tags": _Side("PutBucketTagging", _tagging, "DeleteBucketTagging"),
    "VersioningConfiguration": _Side(
        "PutBucketVersioning",
        _as_is,
        "PutBucketVersioning",
        {"VersioningConfiguration": {"Status": "Suspended"}},
    ),
}


def _update(order: Order) -> Script:
    yield from _sides(order.physical_id, order.properties, order.old)


def _delete(order: Order) -> Script:
    yield from unless({"404", "NoSuchBucket"}, ask("s3", "DeleteBucket", Bucket=order.physical_id))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            "AccessControl": Exactly(TEXT, ("Private",), "nothing is shared from here"),
            "BucketEncryption": _ENCRYPTION,
            "BucketName": TEXT,
            "CorsConfiguration": Object({"CorsRules": ListOf(_CORS)}, ("CorsRules",)),
            "LifecycleConfiguration": Object({"Rules": ListOf(_RULE)}, ("Rules",)),
            "OwnershipControls": Object({"Rules": ListOf(Object({"ObjectOwnership": TEXT}))}, ("Rules",)),
            "PublicAccessBlockConfiguration": _PUBLIC,
            "Tags": TAGS,
            "VersioningConfiguration": Object({"Status": TEXT}, ("Status",)),
        }
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"BucketName"}),
    attributes=frozenset({"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"}),
    name="BucketName",
)
