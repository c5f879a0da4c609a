"""What a reader must hold in mind at once has a limit. Complexity is ruff's part, which `make check` runs."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from architecture.sources import FOLDERS, ROOT, Function, Source, sources

FILE_LINES = 400
FUNCTION_LINES = 50
STATEMENTS = 30
PARAMETERS = 6
TOP_WORDS = ("TODO", "FIXME", "XXX", "HACK")


def too_large(source: Source) -> Iterator[str]:
    """What in this file is over a budget."""
    if source.lines > FILE_LINES:
        yield f"{source.name}: {source.lines} lines"
    for function in source.functions():
        place = f"{source.name}:{function.lineno} {function.name}"
        if (length := _length(function)) > FUNCTION_LINES:
            yield f"{place}: {length} lines"
        if (count := _statements(function)) > STATEMENTS:
            yield f"{place}: {count} statements"


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _statements(function: Function) -> int:
    """Statements of the body at every depth, without the docstring and without those of functions inside."""
    inner = {
        below for node in ast.walk(function) if isinstance(node, Function) and node is not function
        for below in ast.walk(node) if below is not node
    }  # fmt: skip
    found = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node not in inner]
    return len(found) - 1 - (ast.get_docstring(function) is not None)


def _parameters(function: Function) -> int:
    """What a caller may give: without self and cls, *args and **kwargs counted as one each."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    own = bool(named) and named[0].arg in {"self", "cls"}
    return len(named) - own + (arguments.vararg is not None) + (arguments.kwarg is not None)


def test_files_and_functions_fit_their_budgets() -> None:
    found = [line for source in sources(*FOLDERS) for line in too_large(source)]
    assert not found, "\n".join(found)


def test_functions_of_the_program_take_at_most_six_parameters() -> None:
    """Commands are an exception: their parameters are the options of the command line."""
    found = [
        f"{source.name}:{function.lineno} {function.name}: {_parameters(function)}"
        for source in sources("src")
        if "/cli/commands/" not in source.name
        for function in source.functions()
        if _parameters(function) > PARAMETERS
    ]
    assert not found, "\n".join(found)


def test_the_budgets_find_what_is_too_large() -> None:
    text = "def f(a, b, c, d, e, g, h):\n" + "    a = 1\n" * 51 + "\n" * 400
    source = Source(ROOT / "src" / "made_up.py", text, ast.parse(text))
    assert [line.rpartition(": ")[2] for line in too_large(source)] == ["452 lines", "52 lines", "51 statements"]
    assert [_parameters(function) for function in source.functions()] == [7]


@pytest.mark.parametrize("word", TOP_WORDS)
def test_nothing_is_left_for_later_in_a_comment(word: str) -> None:
    here = "tests/architecture/test_budgets.py"
    found = [
        f"{source.name}:{number}"
        for source in sources(*FOLDERS)
        if source.name != here
        for number, line in enumerate(source.text.splitlines(), 1)
        if f"# {word}" in line or f"{word}:" in line
    ]
    assert not found, "\n".join(found)


def test_ruff_and_the_formatter_find_nothing() -> None:
    """Complexity, banned clocks and randomness, `except Exception`, import order: all of it is in pyproject.toml."""
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", "-q", "."],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
