"""AWS::SecretsManager::Secret by CreateSecret, UpdateSecret and DeleteSecret. Ref answers the ARN.

A generated value is asked of GetRandomPassword when the secret is made, and again when what it shall be like changes.
"""

import json
from collections.abc import Generator, Mapping
from typing import Any

from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Failed,
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
from moorage.stacks.resources.shapes import NONE, TAGS, TEXT, TRUTH, WHOLE, Object, Shape
from moorage.stacks.resources.tagging import retag_secret

TYPE = "AWS::SecretsManager::Secret"
_PASSWORD: Mapping[str, Shape] = {
    "ExcludeCharacters": TEXT,
    "ExcludeLowercase": TRUTH,
    "ExcludeNumbers": TRUTH,
    "ExcludePunctuation": TRUTH,
    "ExcludeUppercase": TRUTH,
    "IncludeSpace": TRUTH,
    "PasswordLength": WHOLE,
    "RequireEachIncludedType": TRUTH,
}
_GENERATED = Object({**_PASSWORD, "GenerateStringKey": TEXT, "SecretStringTemplate": TEXT})
PROPERTIES = Object(
    {
        "Description": TEXT,
        "GenerateSecretString": _GENERATED,
        "KmsKeyId": TEXT,
        "Name": TEXT,
        "ReplicaRegions": NONE,
        "SecretString": TEXT,
        "Tags": TAGS,
    }
)


def _create(order: Order) -> Script:
    name = order.properties.get("Name") or order.generated_name(512)
    value = yield from _value(order.properties)
    try:
        answer = yield ask(
            "secretsmanager",
            "CreateSecret",
            Name=name,
            Description=order.properties.get("Description"),
            KmsKeyId=order.properties.get("KmsKeyId"),
            SecretString=value,
            Tags=as_tags({**order.tags(), **order.system_tags()}),
        )
    except Declined as declined:
        if declined.code != "ResourceExistsException":
            raise
        answer = yield ask("secretsmanager", "DescribeSecret", SecretId=name)
        if not order.may_take({tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}):
            raise already_exists(TYPE, name) from declined
    yield Made(answer["ARN"], {"Id": answer["ARN"]})


def _value(properties: Mapping[str, Any]) -> Generator[Step, Answer, str | None]:
    """The value that is given or made; None for a secret without one."""
    wanted = properties.get("GenerateSecretString")
    if wanted is None:
        return properties.get("SecretString")
    if "SecretString" in properties:
        raise Failed("You can't specify both GenerateSecretString and SecretString.", "InvalidRequest")
    template, key = wanted.get("SecretStringTemplate"), wanted.get("GenerateStringKey")
    if (template is None) != (key is None):
        raise Failed("SecretStringTemplate and GenerateStringKey must be given together.", "InvalidRequest")
    asked = {name: wanted[name] for name in _PASSWORD if name in wanted}
    answer = yield ask("secretsmanager", "GetRandomPassword", **asked)
    password: str = answer["RandomPassword"]
    return password if template is None else json.dumps({**_parsed(template), str(key): password})


def _parsed(template: str) -> dict[str, Any]:
    try:
        document = json.loads(template)
    except json.JSONDecodeError as error:
        raise Failed(f"SecretStringTemplate is not valid JSON: {error}.", "InvalidRequest") from error
    if not isinstance(document, dict):
        raise Failed("SecretStringTemplate must be a JSON object.", "InvalidRequest")
    return document


def _update(order: Order) -> Script:
    value = None
    if order.changed("SecretString", "GenerateSecretString"):
        value = yield from _value(order.properties)
    if value is not None or order.changed("Description", "KmsKeyId"):
        yield ask(
            "secretsmanager",
            "UpdateSecret",
            SecretId=order.physical_id,
            Description=order.properties.get("Description", ""),
            KmsKeyId=order.properties.get("KmsKeyId"),
            SecretString=value,
        )
    yield from retag_secret(order)


def _delete(order: Order) -> Script:
    request = ask("secretsmanager", "DeleteSecret", SecretId=order.physical_id, ForceDeleteWithoutRecovery=True)
    yield from unless({"ResourceNotFoundException"}, request)


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Name"}),
    attributes=frozenset({"Id"}),
    name="Name",
)
