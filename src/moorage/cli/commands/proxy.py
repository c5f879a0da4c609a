"""`moorage proxy config|stats|endpoints|log-level`: what the proxy of a task knows, as a table or as Envoy's JSON."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from moorage.cli import address, render

app = typer.Typer(help="What the proxy of a task knows.", no_args_is_help=True, rich_markup_mode=None)

Task = Annotated[str, typer.Argument(metavar="TASK", help="A task's id, its beginning or its ARN, or a service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Envoy's own JSON.")]


@app.command()
def config(task: Task, as_json: AsJson = False) -> None:
    """List the resources that the proxy holds."""
    answer = _asked(task, "config")
    _show(answer, as_json, ("KIND", "NAME", "VERSION"), resources(answer))


@app.command()
def stats(task: Task, as_json: AsJson = False) -> None:
    """List what the proxy has counted."""
    answer = _asked(task, "stats")
    rows = ((each["name"], str(each["value"])) for each in answer["stats"] if "value" in each)
    _show(answer, as_json, ("STATISTIC", "VALUE"), rows)


@app.command()
def endpoints(task: Task, as_json: AsJson = False) -> None:
    """List the tasks that the proxy sends to, and what it thinks of them."""
    answer = _asked(task, "endpoints")
    _show(answer, as_json, ("CLUSTER", "ADDRESS", "TASK", "ZONE", "HEALTH"), hosts(answer))


@app.command("log-level")
def log_level(
    task: Task, level: Annotated[str, typer.Argument(metavar="LEVEL", help="debug, info, warning, error …")]
) -> None:
    """Set how much the proxy of a running task writes, until it is set again."""
    from moorage.cli.control import Control

    where = address.find()
    Control(where, _called(task)).post(f"proxy/{_task(where, task)}/log-level", level=level)
    render.note(f"The proxy of {task} writes from {level} up now. A new task starts as its service says.")


def resources(dump: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The dynamic resources of a configuration dump: kind, name, version."""
    for part in dump["configs"]:
        for kind, place in _KINDS:
            for item in part.get(place, ()):
                body = item.get("active_state", item)
                inner: Mapping[str, Any] = next((body[name] for name in _BODIES if name in body), {})
                name = item.get("name") or inner.get("name") or inner.get("cluster_name", "")
                yield kind, name, body.get("version_info", "")


def hosts(clusters: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Each host of each cluster: where it is, whose it is, in which zone, and whether it gets traffic."""
    for cluster in clusters["cluster_statuses"]:
        for host in cluster.get("host_statuses", ()):
            place = host["address"].get("socket_address")
            if place is None:
                continue
            zone = host.get("locality", {}).get("zone", "")
            where = f"{place['address']}:{place['port_value']}"
            yield cluster["name"], where, host.get("hostname", "")[:12], zone, _health(host["health_status"])


_KINDS = (
    ("cluster", "dynamic_active_clusters"),
    ("endpoints", "dynamic_endpoint_configs"),
    ("listener", "dynamic_listeners"),
    ("route", "dynamic_route_configs"),
)
_BODIES = ("cluster", "endpoint_config", "listener", "route_config")


def _health(status: Mapping[str, Any]) -> str:
    if status.get("failed_outlier_check"):
        return "ejected"
    return str(status.get("eds_health_status", "UNKNOWN")).lower()


def _asked(task: str, about: str) -> dict[str, Any]:
    from moorage.cli.control import Control

    where = address.find()
    return Control(where, _called(task)).get(f"proxy/{_task(where, task)}/{about}")


def _called(task: str) -> str:
    return f"the proxy of {task}"


def _task(where: address.Address, name: str) -> str:
    from moorage.cli import lookup
    from moorage.cli.aws import Aws

    return lookup.runner(lookup.meant(Aws(where), name)).id


def _show(answer: object, as_json: bool, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    if as_json:
        render.document(answer)
    else:
        render.table(heads, sorted(rows))
