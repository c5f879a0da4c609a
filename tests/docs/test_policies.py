"""The table of policies names tests that exist, and leaves out none of those that prove a policy."""

import ast
import re
from pathlib import Path

from docs.pages_read import ROOT, page

POLICIES = ROOT / "tests" / "e2e" / "policies"


def proofs(folder: Path) -> set[str]:
    """The names of all test functions below a folder."""
    trees = [ast.parse(path.read_text()) for path in folder.rglob("test_*.py")]
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {
        each.name for tree in trees for each in tree.body if isinstance(each, kinds) and each.name.startswith("test")
    }


def named() -> set[str]:
    return set(re.findall(r"`(test_\w+)`", page("docs/service-connect.md").text))


def test_every_test_that_the_table_names_exists() -> None:
    assert named() <= proofs(ROOT / "tests" / "e2e")


def test_every_test_of_a_policy_is_in_the_table() -> None:
    assert proofs(POLICIES) <= named()
