"""Runs benchmarks, prints what they found as a table with the machine, and writes the raw figures as JSON."""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import machine
from bench.figure import Figure

RESULTS = Path(__file__).parent / "results"

BENCHMARKS: Mapping[str, str] = {
    "startup": "daemon start and idle memory",
    "deploy": "a template to answers by name; an idle proxy's memory",
    "rolling": "a rolling deployment under load",
    "fire": "rolling deployments under every kind of traffic",
    "propagation": "an endpoint change to 20 Envoys and 1,000 and 10,000 streams",
    "hops": "what two proxies add to a request, beside other configurations",
    "memory": "what a proxy holds by the endpoints of its namespace",
    "hundred": "a hundred tasks: deploying, at rest, in memory, their metrics read",
    "generation": "configuration of many names",
    "growth": "one changed endpoint among ever more services",
    "describe": "DescribeServices beside Moto and a bare handler; RegisterTaskDefinition on disk",
    "scale": "calls among 1,000 services and 10,000 tasks beside 10 and 100",
}


def main() -> int:
    wanted = _arguments()
    console = Console()
    facts = machine.describe()
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()))
    found: dict[str, list[Figure]] = {}
    for name in wanted.names or BENCHMARKS:
        with console.status(f"{name}: {BENCHMARKS[name]}"):
            found[name] = importlib.import_module(f"bench.{name}").measure(wanted.quick)
        console.print(_table(name, found[name]))
        _write(facts, name, found[name], wanted.quick)
    missed = [figure.name for figures in found.values() for figure in figures if figure.met is False]
    if missed:
        console.print(f"[red]{len(missed)} aims were missed:[/red] {'; '.join(missed)}")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    listed = "; ".join(f"{name}: {what}" for name, what in BENCHMARKS.items())
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *BENCHMARKS], help=listed)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a look, not a measurement")
    return parser.parse_args()


def _table(name: str, figures: list[Figure]) -> Table:
    table = Table("measured", "value", "aim", "", "how", title=f"{name}: {BENCHMARKS[name]}", title_justify="left")
    for figure in figures:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:,.4g} {figure.unit}", figure.aim, verdict, figure.note)
    return table


def _write(facts: dict[str, str], name: str, figures: list[Figure], quick: bool) -> None:
    RESULTS.mkdir(exist_ok=True)
    document = {"machine": facts, "quick": quick, "figures": [asdict(figure) for figure in figures]}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
