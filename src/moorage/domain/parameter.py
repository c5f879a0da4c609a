"""Parameter: a value in the SSM parameter store, by name and with its versions; the rules of names and values.

Rules and sentences follow the Systems Manager user guide ("About requirements and constraints for parameter names").
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

from moorage.domain import arns, errors, parameter_errors
from moorage.domain.changes import Key, Link

STRING = "String"
STRING_LIST = "StringList"
SECURE = "SecureString"
STANDARD = "Standard"
ADVANCED = "Advanced"
INTELLIGENT = "Intelligent-Tiering"
VERSIONS_KEPT = 100
LABELS = 10
"""So many labels may a version have."""

_MAX_VALUE = {STANDARD: 4096, ADVANCED: 8192}
_NAME = re.compile(r"/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*", re.ASCII)
_LABEL = re.compile(r"(?!aws|ssm|\d)[a-z\d._-]{1,100}", re.ASCII | re.IGNORECASE)
_MAX_LEVELS = 15
_MAX_NAME = 1011


@dataclass(frozen=True)
class Parameter:
    """`type` is String, StringList or SecureString; of the last, `value` is the ciphertext under the key `key_id`."""

    table: ClassVar[str] = "parameter"

    account: str
    region: str
    name: str
    type: str
    value: str
    version: int
    modified_at: datetime
    description: str = ""
    data_type: str = "text"
    tier: str = STANDARD
    allowed_pattern: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    key_id: str = ""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return str(arns.Arn("ssm", self.region, self.account, f"parameter/{self.name.lstrip('/')}"))

    def links(self) -> tuple[Link, ...]:
        return ()

    def past(self) -> "ParameterVersion":
        """What is kept of this version."""
        return ParameterVersion(replace(self, tags={}))


@dataclass(frozen=True)
class ParameterVersion:
    """A version of a parameter, the newest among them. A label is at one version of a parameter at most."""

    table: ClassVar[str] = "parameter_version"

    parameter: Parameter
    labels: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        # Keys sort as text; ten digits keep the versions in order.
        return (*self.parameter.key, f"{self.parameter.version:010}")

    def links(self) -> tuple[Link, ...]:
        return (("parameter", self.parameter.key),)


def check_name(name: str) -> None:
    """InvalidParameter or HierarchyTooDeep unless a parameter may be given this name."""
    if "/" in name and not name.startswith("/"):
        raise errors.InvalidParameter("Parameter name must be a fully qualified name.")
    if name.lstrip("/").lower().startswith(("aws", "ssm")):
        raise errors.InvalidParameter('Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).')
    if not _NAME.fullmatch(name):
        raise errors.InvalidParameter(
            "Invalid parameter name. Only a mix of letters, numbers and the following 4 symbols are allowed: . - _ /"
        )
    if len(name) > _MAX_NAME:
        raise errors.InvalidParameter(f"Parameter name is longer than {_MAX_NAME} characters.")
    if name.count("/") > _MAX_LEVELS:
        raise parameter_errors.HierarchyTooDeep(name)


def is_label(text: str) -> bool:
    """Whether a version may have this label (Systems Manager user guide, "Working with parameter labels")."""
    return _LABEL.fullmatch(text) is not None


def check_value(name: str, value: str, tier: str, pattern: str) -> None:
    """InvalidParameter or a pattern error unless the value is one that the parameter may hold."""
    if not value:
        raise errors.InvalidParameter("Parameter value must have at least one character.")
    if "{{" in value and "}}" in value.split("{{", 1)[1]:
        raise errors.InvalidParameter('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.')
    limit = _MAX_VALUE[tier]
    if len(value) > limit:
        more = " To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
        raise errors.InvalidParameter(
            f"{tier} tier parameters support a maximum parameter value of {limit} characters."
            + (more if tier == STANDARD else "")
        )
    if pattern and not _allowed(pattern).fullmatch(value):
        raise parameter_errors.PatternMismatch(name, pattern)


def _allowed(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise parameter_errors.PatternInvalid(pattern) from error


def effective_tier(asked: str, value: str, current: str = "") -> str:
    """The tier that a value is kept in. An advanced parameter never becomes a standard one again by itself."""
    if asked == INTELLIGENT:
        needs_more = len(value) > _MAX_VALUE[STANDARD] or current == ADVANCED
        return ADVANCED if needs_more else STANDARD
    tier = asked or current or STANDARD
    if tier == STANDARD and current == ADVANCED:
        raise errors.InvalidParameter(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
            "advanced-parameter tier to the standard-parameter tier."
        )
    return tier


def split_selector(reference: str) -> tuple[str, str]:
    """Name and selector (empty, the number of a version or a label) of `name`, `name:3`, or an ARN that may end so."""
    arn = arns.parse(reference)
    if arn is not None and arn.service == "ssm" and arn.resource.startswith("parameter/"):
        path = arn.resource.removeprefix("parameter/")
        name, _, selector = path.partition(":")
        return (f"/{name}" if "/" in name else name), selector
    name, _, selector = reference.partition(":")
    return name, selector


def also_called(reference: str) -> tuple[str, ...]:
    """Names beside that of `split_selector`: the ARN of `/name` does not differ from that of `name`."""
    name, _ = split_selector(reference)
    return (f"/{name}",) if reference.startswith("arn:") and "/" not in name else ()
