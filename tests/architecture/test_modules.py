"""Every module says what it is for, and none is a drawer for whatever has no place."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from architecture.sources import FOLDERS, ROOT, Source, sources

BANNED = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc", "shared"}
SILENCERS = ("type: ignore", "noqa", "pragma: no cover")
SKIPPING = {"skip", "skipif", "xfail", "importorskip"}


def test_every_module_of_the_program_opens_with_a_sentence() -> None:
    found = [source.name for source in sources("src", "generators") if not _opens_with_a_sentence(source)]
    assert not found, "\n".join(found)


def _opens_with_a_sentence(source: Source) -> bool:
    docstring = ast.get_docstring(source.tree) or ""
    return re.search(r"[\w`)\]][.:](\s|$)", docstring) is not None


def test_no_module_is_longer_to_introduce_than_to_read() -> None:
    found = [
        f"{source.name}: {lines} lines"
        for source in sources("src")
        if (lines := len((ast.get_docstring(source.tree) or "").splitlines())) > 12
    ]
    assert not found, "\n".join(found)


def test_no_module_has_a_name_that_says_nothing() -> None:
    found = [
        source.name
        for source in sources(*FOLDERS)
        if BANNED & {source.path.stem, *source.path.relative_to(ROOT).parent.parts}
    ]
    assert not found, "\n".join(found)


def silenced(source: Source) -> Iterator[str]:
    """Lines on which a check is switched off without a word why, there or on the line above."""
    lines = ["", *source.text.splitlines()]
    comments = {token.start[0]: token.string for token in _tokens(source) if token.type == tokenize.COMMENT}
    for number, comment in comments.items():
        for silencer in SILENCERS:
            if silencer not in comment:
                continue
            reason = re.sub(rf"({re.escape(silencer)})(\[[\w\-, ]*\]|: [A-Z0-9, ]+)?", "", comment)
            if not re.search(r"[a-z]{3}", reason) and not lines[number - 1].strip().startswith("#"):
                yield f"{source.name}:{number}: {comment}"


def _tokens(source: Source) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source.text).readline)


def test_no_check_is_switched_off_without_a_reason() -> None:
    found = [
        line for source in sources("src", "tests", "bench") if source.mentions(*SILENCERS) for line in silenced(source)
    ]
    assert not found, "\n".join(found)


def test_a_switched_off_check_is_found() -> None:
    text = (
        "x = 1  # type: ignore[attr]\n"
        "# the wheel has no types\ny = 1  # noqa: F401\n"
        "z = 1  # noqa: F401 for its effect\n"
    )
    found = [line.split(":")[1] for line in silenced(Source(ROOT / "made_up.py", text, ast.parse(text)))]
    assert found == ["1"]


def skipped(source: Source) -> Iterator[tuple[str, bool]]:
    """Every place that may leave a test out, and whether it says why."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in SKIPPING and _is_pytest(node.value):
            call = next((one for one in ast.walk(source.tree) if isinstance(one, ast.Call) and one.func is node), None)
            says = call is not None and (bool(call.args) or any(word.arg == "reason" for word in call.keywords))
            yield f"{source.name}:{node.lineno} {node.attr}", says


def _is_pytest(node: ast.expr) -> bool:
    return ast.unparse(node) in {"pytest", "pytest.mark"}


def test_no_test_is_expected_to_fail_or_skipped_without_a_reason() -> None:
    places = [place for source in sources("tests") if source.mentions(*SKIPPING) for place in skipped(source)]
    assert not [place for place, says in places if not says or place.endswith("xfail")]


@pytest.mark.parametrize(
    ("text", "says"), [("import pytest\npytest.skip()\n", False), ("import pytest\npytest.skip('no node')\n", True)]
)
def test_a_skip_without_a_reason_is_found(text: str, says: bool) -> None:
    assert [found for _, found in skipped(Source(ROOT / "made_up.py", text, ast.parse(text)))] == [says]
