"""What the program has is in its documentation, and what its documentation has is in the program."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import typer
from generators import operations
from starlette.routing import Route, WebSocketRoute

from docs.pages_read import ROOT, Page, page, pages
from moorage.api import local
from moorage.cli.main import app
from moorage.domain import records
from moorage.settings import PREFIX, Settings
from moorage.stacks.resources.catalog import TYPES

PASSED_THROUGH = {"curl", "exec"}
"""Commands whose options are another program's: `moorage curl -s`."""


def commands(group: Any = None, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command by its words, with typer's description of it."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        words = (*before, name)
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield words, command


COMMANDS = dict(commands())
GROUPS = {name[0] for name in COMMANDS if len(name) == 2}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_and_option_is_documented(words: tuple[str, ...]) -> None:
    text = page("docs/command-line.md").text
    assert re.search(rf"`(moorage )?{' '.join(words)}[ `]", text)
    sections = [line for line in text.splitlines() if f"moorage {words[0]}" in line or f"image {words[-1]}" in line]
    for option in _options(words):
        said = any(name in line for line in sections for name in option)
        assert said, f"{option} is on no line about moorage {' '.join(words)}"


def _options(words: tuple[str, ...]) -> list[list[str]]:
    """The options of a command, each by its names."""
    found = [[name for name in parameter.opts if name.startswith("-")] for parameter in COMMANDS[words].params]
    return [names for names in found if names and "--help" not in names]


def unknown(of: Page) -> list[str]:
    """The `moorage` commands of a page that are no commands, or have options that the command has not."""
    return [" ".join(words) for words in of.commands() if not _is_known(words)]


def _is_known(words: list[str]) -> bool:
    if not words or words[0].startswith("-"):
        return all(word in {"--help", "-h", "--version"} for word in words)
    name = tuple(words[:2]) if words[0] in GROUPS else (words[0],)
    if name not in COMMANDS:
        return False
    if name[0] in PASSED_THROUGH:
        return True
    known = {option for parameter in COMMANDS[name].params for option in parameter.opts} | {"--help", "-h"}
    return all(word.partition("=")[0] in known for word in words if re.match(r"--?[a-z]", word))


@pytest.mark.parametrize("of", [one for one in pages() if "moorage" in one.text], ids=lambda of: of.name)
def test_every_command_in_the_documentation_exists(of: Page) -> None:
    assert not unknown(of)


def test_a_command_that_does_not_exist_is_found() -> None:
    text = (
        "```\n$ moorage upp x\nmoorage ps --jsn\nmoorage ps --json\n```\n`moorage image drop x` `moorage curl a -q`\n"
    )
    assert unknown(Page(ROOT / "made-up.md", text)) == ["upp x", "ps --jsn", "image drop x"]


def test_every_operation_is_in_the_support_matrix() -> None:
    text = page("docs/support.md").text
    for service in operations.SERVICES:
        rows = operations.TABLE.operations[service]
        part = text.partition(f"<!-- generated: operations of {service} -->")[2].partition("<!-- end")[0]
        assert rows
        assert [name for name in rows if f"* **{name}**" not in part] == []
        assert [name for name in operations.refused_operations(service) if f"`{name}`" not in part] == []


def test_every_resource_type_and_setting_is_documented() -> None:
    assert [name for name in TYPES if f"### {name}\n" not in page("docs/cloudformation.md").text] == []
    names = [PREFIX + field.name.upper() for field in fields(Settings)]
    assert [name for name in names if f"`{name}`" not in page("docs/settings.md").text] == []


def test_every_variable_of_moorage_is_a_setting_or_explained() -> None:
    """Wherever a variable is mentioned, in code, tests or documentation, docs/settings.md knows it."""
    places = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), ROOT / "Makefile", ROOT / ".ci" / "run"]
    texts = [path.read_text() for path in places] + [one.text for one in pages()]
    mentioned = {name for text in texts for name in re.findall(r"\bMOORAGE_[A-Z][A-Z_]*[A-Z]\b", text)}
    explained = set(re.findall(r"`(MOORAGE_[A-Z_]+)`", page("docs/settings.md").text))
    assert mentioned <= explained


def test_every_route_is_documented() -> None:
    text = page("docs/command-line.md").text
    doors: Any = object()
    routes = local._Routes.application(_Unasked(doors)).routes  # type: ignore[arg-type]  # only its routes are read
    paths = [route.path for route in routes if isinstance(route, Route | WebSocketRoute)]
    assert "/_moorage/status" in paths
    for path in [*paths, "/_moorage/health"]:
        written = re.sub(r"\{(\w+)(:path)?\}", r"<\1>", path)
        assert f"{written}" in text, written


class _Unasked:
    """Stands for the routes' owner while they are listed; nothing is ever asked of it."""

    def __init__(self, doors: Any) -> None:
        self._doors = self
        self.runtime = doors

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def test_every_room_and_record_is_in_the_architecture() -> None:
    text = page("docs/architecture.md").text
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    assert "```\n" + "\n".join(layers) + "\n```" in text
    rooms = {room.strip() for layer in layers for room in layer.split("|")}
    assert [room for room in rooms if f"| `{room}` |" not in text] == []
    assert [kind.__name__ for kind in records.KINDS if f"`{kind.__name__}`" not in text] == []


def test_the_readme_has_a_row_for_every_system() -> None:
    text = page("README.md").text
    systems = ("ECS", "Service Connect", "Cloud Map", "ECS service discovery with Route 53 DNS")
    more = ("Elastic Load Balancing", "Envoy", "CloudFormation", "CDK", "App Mesh")
    assert [system for system in (*systems, *more) if f"| {system} |" not in text] == []


def test_the_readme_names_the_test_command_that_ci_runs() -> None:
    last = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    command = re.sub(r"^([A-Z_]+=\S+ )+", "", last)
    assert any(line.startswith(command) for fence in page("README.md").fences() for line in fence.splitlines())


def test_make_targets_in_the_documentation_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {name for one in pages() for name in re.findall(r"(?:^|`)make ([a-z]+)", one.text, re.MULTILINE)}
    assert used <= targets
