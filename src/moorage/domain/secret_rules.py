"""`secrets` and `environmentFiles` of a container: what they refer to, and what a task definition must keep to.

A reference is read here and resolved when a task starts. The rules and texts are those of RegisterTaskDefinition.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.domain import arns
from moorage.domain.errors import ClientMistake

MAX_FILES = 10
OBJECT = re.compile(r"arn:aws:s3:::([a-z0-9.-]{3,63})/(.+\.env)")


@dataclass(frozen=True)
class ParameterReference:
    """A parameter of SSM, by its name or ARN. `region` is empty where the task's own is meant."""

    name: str
    region: str = ""


@dataclass(frozen=True)
class SecretReference:
    """A secret of Secrets Manager: the whole of it, or the value of one key of its JSON; the current version or one."""

    arn: str
    region: str
    json_key: str = ""
    stage: str = ""
    version: str = ""


@dataclass(frozen=True)
class FileReference:
    """An object of S3 with lines of NAME=VALUE."""

    bucket: str
    key: str


Reference = ParameterReference | SecretReference


def reference(value: str) -> Reference:
    """What `valueFrom` means. ClientMistake for an ARN that neither service has."""
    arn = arns.parse(value)
    if arn is None:
        return ParameterReference(value)
    words = arn.resource.split(":")
    if arn.service == "ssm" and arn.resource.startswith("parameter/"):
        return ParameterReference(value, arn.region)
    if arn.service != "secretsmanager" or words[0] != "secret" or len(words) not in (2, 5):
        raise ClientMistake(f"Invalid secret valueFrom: {value} names neither a parameter of SSM nor a secret.")
    whole = str(arns.Arn(arn.service, arn.region, arn.account, ":".join(words[:2])))
    return SecretReference(whole, arn.region, *words[2:])


def registry_secret(value: str) -> SecretReference:
    """The secret of `repositoryCredentials`: by its ARN, or by its name in the task's own region."""
    found = reference(value)
    return found if isinstance(found, SecretReference) else SecretReference(value, "")


def file(document: Mapping[str, Any]) -> FileReference:
    """What an environment file refers to. ClientMistake."""
    if document.get("type") != "s3":
        raise ClientMistake("The type of an environment file must be s3.")
    found = OBJECT.fullmatch(document.get("value", ""))
    if found is None:
        raise ClientMistake("The value of an environment file must be the ARN of an S3 object that ends in .env.")
    return FileReference(found[1], found[2])


def check(document: Mapping[str, Any]) -> None:
    """ClientMistake unless every reference of the task definition makes sense and an execution role may follow it."""
    containers: Sequence[Mapping[str, Any]] = document["containerDefinitions"]
    for container in containers:
        _check_container(container)
        _check_registry(container, document)
    if any(container.get("secrets") for container in containers) and not document.get("executionRoleArn"):
        raise ClientMistake(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )


def _check_container(container: Mapping[str, Any]) -> None:
    taken = {pair["name"] for pair in container.get("environment", ()) if "name" in pair}
    for secret in container.get("secrets", ()):
        if secret["name"] in taken:
            raise ClientMistake(
                "The secret name must be unique and not shared with any new or existing environment variables set on "
                f"the container, such as '{secret['name']}'."
            )
        taken.add(secret["name"])
        reference(secret["valueFrom"])
    check_files(container.get("environmentFiles", ()))


def _check_registry(container: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    if "repositoryCredentials" not in container:
        return
    registry_secret(container["repositoryCredentials"]["credentialsParameter"])
    if not document.get("executionRoleArn"):
        raise ClientMistake(
            "When you are specifying repositoryCredentials, you must also specify a value for 'executionRoleArn'."
        )


def check_files(files: Sequence[Mapping[str, Any]]) -> None:
    """ClientMistake unless these can be the environment files of a container."""
    if len(files) > MAX_FILES:
        raise ClientMistake(f"A container can have at most {MAX_FILES} environment files.")
    for each in files:
        file(each)


def variables(text: str) -> dict[str, str]:
    """The values in an environment file, whose lines are NAME=VALUE as it stands, or a comment, or nothing."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() and not line.lstrip().startswith("#"):
            found[name.strip()] = value.strip()
    return found
