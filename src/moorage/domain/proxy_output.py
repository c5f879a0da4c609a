"""What a service asks of its proxies' output: where it goes, the access log, how much else the proxy says.

Reads `logConfiguration`, `accessLogConfiguration` and `containerConfigurations` of `serviceConnectConfiguration`
(reference sections 1.1 and 5.3). How an access log looks is decided in `mesh/access_logs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.domain.errors import InvalidParameter

JSON = "JSON"
LOG_LEVEL = "info"
"""How much a proxy says where no entry of `containerConfigurations` asks for something else."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class AccessLog:
    """A line for every request and every TCP connection. `query_parameters`: whether paths keep their query."""

    format: str
    query_parameters: bool


def access_log(connect: Document | None) -> AccessLog | None:
    """The access log that a Service Connect configuration asks for, or None."""
    asked = (connect or {}).get("accessLogConfiguration")
    return AccessLog(asked["format"], asked.get("includeQueryParameters") == "ENABLED") if asked else None


def log_level(connect: Document | None) -> str:
    """Envoy's log level for the proxies of a configuration."""
    level: str = next((each["logLevel"] for each in (connect or {}).get("containerConfigurations") or ()), LOG_LEVEL)
    return level


def log_configuration(connect: Document | None) -> Document:
    """The `logConfiguration` of the proxies; empty where there is none."""
    return (connect or {}).get("logConfiguration") or {}


def check(connect: Document) -> None:
    """InvalidParameter when the parts do not fit together; single values were checked against the model."""
    driver = log_configuration(connect)
    if connect.get("accessLogConfiguration") is not None and not driver:
        raise InvalidParameter("accessLogConfiguration requires a logConfiguration in serviceConnectConfiguration.")
    if driver.get("logDriver") == "awslogs":
        for option in ("awslogs-group", "awslogs-region"):
            if not driver.get("options", {}).get(option):
                raise InvalidParameter(f"Log driver awslogs requires options: {option}")
    _check_containers(connect.get("containerConfigurations") or ())


def _check_containers(entries: Any) -> None:
    if any(set(entry) != {"logLevel"} for entry in entries):
        raise InvalidParameter("Each entry of containerConfigurations must set exactly one member.")
    if len(entries) > 1:
        raise InvalidParameter("logLevel cannot be specified more than once in containerConfigurations.")
