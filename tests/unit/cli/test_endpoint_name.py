from dataclasses import replace
from pathlib import Path

import pytest

from moorage.cli import endpoint_name
from moorage.cli.commands.daemon import configured
from moorage.cli.failure import Failure
from moorage.settings import Settings


@pytest.mark.parametrize("name", ["", "moorage.test", "moorage", "a-b.c-d", "moorage.localhost", "1.a"])
def test_a_dns_name_is_taken(name: str, tmp_path: Path) -> None:
    assert configured(data_dir=tmp_path, dns_name=name).dns_name == name


@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "a b", "http://a", "Upper.test", "a..b", "-a", "a.", "a:80", "a" * 60, "a." * 130 + "a", "é.a"],
)
def test_what_is_no_dns_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="is not a DNS name"):
        configured(data_dir=tmp_path, dns_name=name)


def test_names_that_do_not_resolve_are_told_with_the_line_that_helps() -> None:
    settings = replace(Settings(), dns_name="nowhere.invalid")
    said, line = endpoint_name.advice(settings)
    assert said.startswith("nowhere.invalid and data-nowhere.invalid cannot be resolved here")
    assert line == "127.0.0.1 nowhere.invalid data-nowhere.invalid"


def test_without_a_name_there_is_no_advice() -> None:
    assert endpoint_name.advice(Settings()) == []
