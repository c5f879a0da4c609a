"""`moorage endpoints`: every Service Connect endpoint, what is behind it, who sees it and who is stale."""

from typing import Annotated, Any

import typer

from moorage.cli import address, render
from moorage.cli.address import Address


def endpoints(
    namespace: Annotated[str | None, typer.Argument(metavar="NAMESPACE", help="Only this namespace.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List Service Connect endpoints, and which services see them."""
    answer = fetch(address.find(), namespace)
    if as_json:
        render.document(answer)
        return
    if not answer["endpoints"]:
        render.note("There is no endpoint" + (f" in {namespace}." if namespace else "."))
    else:
        _show(answer["endpoints"])
    for line in warnings(answer):
        render.note(f"{render.paint('‼', render.YELLOW)} {line}")


def fetch(where: Address, namespace: str | None = None) -> dict[str, Any]:
    """The daemon's answer for the caller's account and region, narrowed to one namespace."""
    from moorage.cli.control import Control

    answer = Control(where).get("endpoints", account=where.account, region=where.region)
    return {
        kind: [item for item in answer[kind] if namespace in (None, item["namespace"])]
        for kind in ("endpoints", "ghosts")
    } | {"live": answer["live"]}


def warnings(answer: dict[str, Any]) -> list[str]:
    """What the freeze rule keeps from working, each with what to do."""
    stale: dict[str, list[str]] = {}
    for endpoint in answer["endpoints"]:
        for service in endpoint["stale"]:
            stale.setdefault(service, []).append(f"{endpoint['alias']}:{endpoint['port']}")
    lines = [
        f"{service} was deployed before {render.listed(names)} and does not see {'it' if len(names) == 1 else 'them'}: "
        f"{redeploy(service)}"
        for service, names in sorted(stale.items())
    ]
    return lines + [
        f"{ghost['service']} still knows {ghost['alias']}:{ghost['port']}, which nothing offers any more: "
        f"requests are answered 503 until it is deployed again"
        for ghost in answer["ghosts"]
    ]


def redeploy(service: str) -> str:
    cluster, _, name = service.partition("/")
    return f"aws ecs update-service --cluster {cluster} --service {name} --force-new-deployment"


def _show(found: list[dict[str, Any]]) -> None:
    several = len({endpoint["namespace"] for endpoint in found}) > 1
    rows = [
        [
            f"{endpoint['alias']}:{endpoint['port']}",
            endpoint["protocol"],
            *([endpoint["namespace"]] if several else []),
            endpoint["owner"],
            f"{len(endpoint['healthy'])}/{endpoint['desired']}",
            render.listed(_marked(endpoint)) or "-",
            render.listed(endpoint["stale"]) or "-",
        ]
        for endpoint in found
    ]
    heads = ["ENDPOINT", "PROTOCOL", *(["NAMESPACE"] if several else []), "OWNER", "HEALTHY", "SEEN BY", "STALE"]
    render.table(heads, rows)


def _marked(endpoint: dict[str, Any]) -> list[str]:
    """The services that see it, those with live names marked."""
    return [f"{name} (live)" if name in endpoint["live"] else name for name in endpoint["seen_by"]]
