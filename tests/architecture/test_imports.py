"""Arrows point down: the contracts of pyproject.toml hold, and they cover every room there is."""

import subprocess
import sys
import tomllib
from pathlib import Path

from architecture.sources import PACKAGE, ROOT

CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def _lint(arguments: list[str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={"PYTHONPATH": "src"})


def test_every_import_contract_holds() -> None:
    done = _lint([], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(CONFIGURATION['contracts'])} kept, 0 broken" in done.stdout


def test_an_arrow_that_points_up_is_found(tmp_path: Path) -> None:
    """The same contract as the first of ours, over two modules that break it."""
    package = tmp_path / "src" / "moorage"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "domain.py").write_text("from moorage import cli\n")
    (package / "cli.py").write_text("")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = moorage\n"
        "[importlinter:contract:layers]\nname = layers\ntype = layers\nlayers =\n  moorage.cli\n  moorage.domain\n"
    )
    done = _lint(["--no-cache"], tmp_path)
    assert done.returncode == 1
    assert "moorage.domain -> moorage.cli" in done.stdout


def test_every_room_has_its_layer() -> None:
    layers = CONFIGURATION["contracts"][0]
    placed = {room.strip() for layer in layers["layers"] for room in layer.split("|")} | set(
        layers["exhaustive_ignores"]
    )
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} == placed


def test_what_decides_may_not_touch_the_outside() -> None:
    pure = CONFIGURATION["contracts"][1]
    assert set(pure["source_modules"]) == {f"moorage.{room}" for room in ("domain", "planning", "stacks", "mesh")}
