"""Fetches what a task's containers take from elsewhere: secrets of SSM and Secrets Manager, environment files of S3.

Asked once, before the first container, and kept in memory as long as the task is; never written to the store. What
cannot be had ends the task, in ECS's words; a service that does not answer now is asked again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moorage.domain import firelens, secret_rules
from moorage.domain.changes import Key
from moorage.domain.secret_rules import FileReference, ParameterReference, SecretReference
from moorage.domain.task import Task
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition
from moorage.engine.ports import OperationFailed, Operations, Unavailable

PULLING = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to retrieve"
)
DOWNLOADING = "ResourceInitializationError: failed to download env files"
ROUTING = "ResourceInitializationError: unable to download firelens s3 config file"


class CannotInitialize(Exception):
    """The task cannot get what its definition refers to; `reason` is ECS's sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Fetched:
    """For one container: what its files say, which its own environment goes before, and its secrets.

    `log_options` are the values of its log driver's secret options; `external` is a log router's file of S3.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    log_options: Mapping[str, str] = field(default_factory=dict)
    external: str | None = None


class TaskSecrets:
    """Asks through the Operations port, as the task's own account. Raises CannotInitialize, Unavailable."""

    def __init__(self, operations: Operations | None) -> None:
        self._operations = operations
        self._held: dict[Key, dict[str, Fetched]] = {}

    async def of(self, task: Task, definition: TaskDefinition) -> Mapping[str, Fetched]:
        """By container; those that refer to nothing are not in it."""
        if task.key not in self._held:
            found = {}
            for container in definition.containers:
                document = _overridden(task, container)
                if _refers(document):
                    found[container.name] = await self._container(task, document)
            if not found:
                return {}
            self._held[task.key] = found
        return self._held[task.key]

    def forget(self, task: Task) -> None:
        """The task needs them no more."""
        self._held.pop(task.key, None)

    async def _container(self, task: Task, document: Mapping[str, Any]) -> Fetched:
        files: dict[str, str] = {}
        for each in document.get("environmentFiles", ()):
            files |= await self._file(task, secret_rules.file(each))
        if "repositoryCredentials" in document:
            # Nothing is pulled with them, but a task whose credentials are not there does not start on ECS.
            wanted = document["repositoryCredentials"]["credentialsParameter"]
            await self._secret(task, secret_rules.registry_secret(wanted))
        options = document.get("logConfiguration", {}).get("secretOptions", ())
        return Fetched(
            files,
            await self._secrets(task, document.get("secrets", ())),
            await self._secrets(task, options),
            await self._external(task, document),
        )

    async def _secrets(self, task: Task, wanted: Sequence[Mapping[str, str]]) -> dict[str, str]:
        secrets, missing = {}, []
        for each in wanted:
            try:
                secrets[each["name"]] = await self._secret(task, secret_rules.reference(each["valueFrom"]))
            except _MissingParameter:
                missing.append(each["valueFrom"])
        if missing:
            raise CannotInitialize(_retried("secrets from ssm", f"invalid parameters: {', '.join(missing)}"))
        return secrets

    async def _external(self, task: Task, document: Mapping[str, Any]) -> str | None:
        where = firelens.external(document.get("firelensConfiguration", {}))
        reference = firelens.s3_object(where[1]) if where is not None else None
        return None if reference is None else await self._object(task, reference, ROUTING)

    async def _secret(self, task: Task, reference: secret_rules.Reference) -> str:
        if isinstance(reference, ParameterReference):
            return await self._parameter(task, reference)
        asked = {"SecretId": reference.arn, "VersionStage": reference.stage, "VersionId": reference.version}
        given = {name: value for name, value in asked.items() if value}
        try:
            answer = await self._call(task, reference.region, "secretsmanager", "GetSecretValue", given)
        except OperationFailed as error:
            why = f"failed to fetch secret {reference.arn} from secrets manager: {error.code}: {error.message}"
            raise CannotInitialize(_retried("secret from asm", why)) from error
        return _value(reference, answer)

    async def _parameter(self, task: Task, reference: ParameterReference) -> str:
        arguments = {"Name": reference.name, "WithDecryption": True}
        try:
            answer = await self._call(task, reference.region, "ssm", "GetParameter", arguments)
        except OperationFailed as error:
            if error.code == "ParameterNotFound":
                raise _MissingParameter from error
            raise CannotInitialize(_retried("secrets from ssm", f"{error.code}: {error.message}")) from error
        value: str = answer["Parameter"]["Value"]
        return value

    async def _file(self, task: Task, reference: FileReference) -> dict[str, str]:
        return secret_rules.variables(await self._object(task, reference, DOWNLOADING))

    async def _object(self, task: Task, reference: FileReference, failing: str) -> str:
        asked = {"Bucket": reference.bucket, "Key": reference.key}
        try:
            body = (await self._call(task, "", "s3", "GetObject", asked))["Body"]
        except OperationFailed as error:
            where = f"{reference.bucket}/{reference.key}"
            raise CannotInitialize(f"{failing}: {where}: {error.code}: {error.message}") from error
        return body if isinstance(body, str) else bytes(body).decode(errors="replace")

    async def _call(
        self, task: Task, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An error of the service itself is no answer: the task waits for it."""
        if self._operations is None:
            raise Unavailable(f"there is nobody to ask for {operation} of {service}")
        try:
            return await self._operations.call(task.account, region or task.region, service, operation, arguments)
        except OperationFailed as error:
            if error.status >= 500:
                raise Unavailable(f"{service} does not answer {operation}: {error.message}") from error
            raise


def _refers(document: Mapping[str, Any]) -> bool:
    """Whether anything of the container has to be fetched."""
    options = document.get("logConfiguration", {}).get("secretOptions")
    external = firelens.external(document.get("firelensConfiguration", {}))
    remote = external is not None and firelens.s3_object(external[1]) is not None
    names = ("secrets", "environmentFiles", "repositoryCredentials")
    return bool(options or remote or any(document.get(name) for name in names))


class _MissingParameter(Exception):
    pass


def _value(reference: SecretReference, answer: Mapping[str, Any]) -> str:
    """The secret's text, or one value of it."""
    text = answer.get("SecretString")
    if text is None:
        raise CannotInitialize(_retried("secret from asm", f"secret {reference.arn} has no text: it is binary"))
    if not reference.json_key:
        return str(text)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise CannotInitialize(_retried("secret from asm", f"secret {reference.arn} is no JSON: {error}")) from error
    if not isinstance(document, dict) or reference.json_key not in document:
        why = f"retrieved secret from Secrets Manager did not contain json key {reference.json_key}"
        raise CannotInitialize(_retried("secret from asm", why))
    value = document[reference.json_key]
    return value if isinstance(value, str) else json.dumps(value)


def _retried(what: str, why: str) -> str:
    return f"{PULLING} {what}: service call has been retried 1 time(s): {why}"


def _overridden(task: Task, container: ContainerDefinition) -> Mapping[str, Any]:
    """The container's document with the environment files that the task gives it instead of its own."""
    for override in task.overrides.get("containerOverrides", ()):
        if override.get("name") == container.name and override.get("environmentFiles"):
            return {**container.document, "environmentFiles": override["environmentFiles"]}
    return container.document
