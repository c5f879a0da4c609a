import subprocess
import sys

import pytest

from moorage.wire import models, patterns


def test_documentation_is_left_out_and_members_of_that_name_stay() -> None:
    tree = {"documentation": "<p>text</p>", "members": {"documentation": {"shape": "S", "documentation": "x"}}}
    assert models._without_documentation(tree) == {"members": {"documentation": {"shape": "S"}}}
    assert models.operation("ecs", "CreateService").documentation == ""


def test_every_service_can_be_told_by_its_target_or_version() -> None:
    for entry in models.ENTRIES.values():
        metadata = models.service(entry.name).metadata
        if entry.protocol == models.JSON:
            assert entry.target == metadata["targetPrefix"]
        else:
            assert entry.version == metadata["apiVersion"]


def test_an_unknown_operation_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        models.operation("ecs", "BrewCoffee")


def test_no_model_is_loaded_before_it_is_needed() -> None:
    script = (
        "from moorage.wire import models, routing, fault_table\n"
        "assert models.service.cache_info().currsize == 0\n"
        "models.operation('sts', 'GetCallerIdentity')\n"
        "assert models.service.cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("java", "good", "bad"),
    [
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "Größe 1_.:/=+-@", "a#b"),
        (r"[\w-\/]+", "a-b/c", "a b"),
        (r"^[!-~]{1,3}$", "abc", "abcd"),
        (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF]*", "a é 😀", "tab\t"),
        (r"\p{Print}+", "cpu policy!", "é"),
    ],
)
def test_java_s_patterns_mean_the_same_here(java: str, good: str, bad: str) -> None:
    assert patterns.compiled(java).fullmatch(good)
    assert not patterns.compiled(java).fullmatch(bad)


def test_a_pattern_that_is_not_understood_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(patterns.PatternUnknown):
        patterns.compiled(r"\p{Han}+")
