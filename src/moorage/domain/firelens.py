"""FireLens in a task definition: which container routes logs, which send to it, and what either may say.

A router has a `firelensConfiguration`; containers with the log driver `awsfirelens` send to it. Source: ECS developer
guide, "Send logs to an AWS service or third party with FireLens", and the ECS agent. What is generated for a router is
decided in `planning/firelens`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.domain import arns, secret_rules
from moorage.domain.errors import ClientMistake, Unsupported

Document = Mapping[str, Any]

DRIVER = "awsfirelens"
FLUENTBIT, FLUENTD = "fluentbit", "fluentd"
METADATA, FILE_TYPE, FILE_VALUE = "enable-ecs-log-metadata", "config-file-type", "config-file-value"
BUFFER_LIMIT = "log-driver-buffer-limit"
"""An option of the driver, not of the router's output: how many records wait for the router."""

LIMITS = (1, 536870912)
"""Of BUFFER_LIMIT, by the ECS developer guide."""

_ELSEWHERE = "it sends to a server elsewhere: route it there by awsfirelens, whose routers can"
REFUSED_DRIVERS = {
    "fluentd": "its address would be this machine's: send to a router of the task by awsfirelens",
    "gelf": _ELSEWHERE,
    "journald": "a task cannot write to the journal of this machine: use json-file",
    "logentries": _ELSEWHERE,
    "splunk": _ELSEWHERE,
    "syslog": "a task cannot write to the log of this machine: use json-file, or awsfirelens for a server elsewhere",
}
"""The log drivers of ECS that are not here, and what to do instead."""


def router(containers: Sequence[Document]) -> Document | None:
    """The container that routes logs."""
    return next((each for each in containers if "firelensConfiguration" in each), None)


def sends(container: Document) -> bool:
    """Whether the container's output goes to the router."""
    return bool(container.get("logConfiguration", {}).get("logDriver") == DRIVER)


def implied(container: Document, containers: Sequence[Document]) -> tuple[Document, ...]:
    """The dependencies of a container, with the one on the router that it sends to.

    As the ECS agent has it: not where the router itself depends on something, or the container names it anyway.
    """
    own = tuple(container.get("dependsOn", ()))
    found = router(containers)
    if found is None or found is container or not sends(container) or found.get("dependsOn"):
        return own
    if any(each["containerName"] == found["name"] for each in own):
        return own
    return (*own, {"containerName": found["name"], "condition": "START"})


def external(configuration: Document) -> tuple[str, str] | None:
    """Where the router's further configuration is: ("file", its path in the container) or ("s3", the object's ARN)."""
    options = configuration.get("options", {})
    return (options[FILE_TYPE], options[FILE_VALUE]) if FILE_TYPE in options else None


def check(document: Document) -> None:
    """ClientMistake or Unsupported unless logs can go where the task definition sends them."""
    containers = document["containerDefinitions"]
    routers = [each["name"] for each in containers if "firelensConfiguration" in each]
    if len(routers) > 1:
        raise ClientMistake(f"Only one container can have a firelensConfiguration: {', '.join(routers)} do.")
    for container in containers:
        _check_driver(container, document, routed=bool(routers))
    found = router(containers)
    if found is not None:
        _check_router(found)


def check_fargate(container: Document) -> None:
    """ClientMistake for what a router cannot have on Fargate."""
    where = external(container.get("firelensConfiguration", {}))
    if where is not None and where[0] != "file":
        raise ClientMistake("Tasks using the Fargate launch type only support the config-file-type 'file'.")


def _check_driver(container: Document, document: Document, *, routed: bool) -> None:
    configuration = container.get("logConfiguration", {})
    driver, secrets = configuration.get("logDriver", ""), configuration.get("secretOptions", ())
    if driver in REFUSED_DRIVERS:
        raise Unsupported(f"The log driver '{driver}' of container '{container['name']}'", REFUSED_DRIVERS[driver])
    if driver != DRIVER:
        if secrets:
            raise Unsupported(f"A secret option of the log driver {driver}", "awsfirelens has them.")
        return
    if not routed:
        raise ClientMistake(
            f"Container '{container['name']}' has the log driver awsfirelens, and no container of the task definition "
            "has a firelensConfiguration."
        )
    if secrets and not document.get("executionRoleArn"):
        raise ClientMistake(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    for each in secrets:
        secret_rules.reference(each["valueFrom"])
    _check_limit(configuration.get("options", {}).get(BUFFER_LIMIT))


def _check_limit(limit: str | None) -> None:
    low, high = LIMITS
    if limit is not None and not (limit.isdecimal() and low <= int(limit) <= high):
        raise ClientMistake(f"The log option {BUFFER_LIMIT} must be a number between {low} and {high}.")


def _check_router(container: Document) -> None:
    options = container["firelensConfiguration"].get("options", {})
    where = f"Invalid 'firelensConfiguration' setting for container '{container['name']}':"
    unknown = options.keys() - {METADATA, FILE_TYPE, FILE_VALUE}
    if unknown:
        raise ClientMistake(f"{where} there is no option {', '.join(sorted(unknown))}.")
    if options.get(METADATA, "true") not in ("true", "false"):
        raise ClientMistake(f"{where} {METADATA} must be true or false.")
    if (FILE_TYPE in options) != (FILE_VALUE in options):
        raise ClientMistake(f"{where} {FILE_TYPE} and {FILE_VALUE} go together.")
    kind, value = options.get(FILE_TYPE, "file"), options.get(FILE_VALUE, "/")
    if kind not in ("file", "s3"):
        raise ClientMistake(f"{where} {FILE_TYPE} must be s3 or file.")
    if kind == "file" and not value.startswith("/"):
        raise ClientMistake(f"{where} {FILE_VALUE} must be an absolute path in the container.")
    if kind == "s3" and s3_object(value) is None:
        raise ClientMistake(f"{where} {FILE_VALUE} must be the ARN of an S3 object.")


def s3_object(arn: str) -> secret_rules.FileReference | None:
    """The object of an ARN."""
    parsed = arns.parse(arn)
    bucket, _, key = parsed.resource.partition("/") if parsed and parsed.service == "s3" else ("", "", "")
    return secret_rules.FileReference(bucket, key) if bucket and key else None
