"""The hosts file of a container: what it says, and that it is found in the container's own tree only."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.runtime import syscalls
from moorage.runtime.supervisor import hosts


def test_the_task_and_its_names_follow_the_machine() -> None:
    text = hosts.text("100.64.0.2", hosts.Own("the-task", [("10.0.0.1", "extra")]), [("127.255.0.1", "api")], True)
    assert text.splitlines()[:2] == ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    assert text.endswith("100.64.0.2 the-task\n127.255.0.1 api\n10.0.0.1 extra\n")


def test_localhost_is_no_address_that_a_machine_without_ipv6_lacks() -> None:
    text = hosts.text("100.64.0.2", hosts.Own("the-task"), [], ipv6=False)
    assert text == "127.0.0.1 localhost\n100.64.0.2 the-task\n"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A directory that stands for the root of a container, beside a file that it must not reach."""
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "outside").write_text("not yours")
    descriptor = os.open(tmp_path / "root", os.O_PATH | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_a_file_is_found_as_if_the_directory_were_the_root(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/etc/hosts").write_text("found")
    for path in ("etc/hosts", "/etc/hosts", "../../../etc/hosts"):
        with os.fdopen(syscalls.open_within(root, path, os.O_RDONLY)) as file:
            assert file.read() == "found"


@pytest.mark.parametrize("target", ["../../outside", "hosts-of-another", "/proc/self/status"])
def test_no_link_is_followed(root: int, tmp_path: Path, target: str) -> None:
    (tmp_path / "root/etc/hosts-of-another").write_text("in the same tree")
    (tmp_path / "root/etc/hosts").symlink_to(target)
    with pytest.raises(OSError, match="etc/hosts"):
        syscalls.open_within(root, "etc/hosts", os.O_RDONLY)


def test_nor_one_on_the_way(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/etc").rename(tmp_path / "root/really")
    (tmp_path / "root/really/hosts").write_text("there")
    (tmp_path / "root/etc").symlink_to("really")
    with pytest.raises(OSError, match="etc/hosts"):
        syscalls.open_within(root, "etc/hosts", os.O_RDONLY)
