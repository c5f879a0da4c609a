import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.cli import control, credentials
from moorage.cli.address import Address
from moorage.cli.failure import Failure
from moorage.store.key_pair import FILE, key_pair
from moorage.system import SystemIds

LOCAL = Address("http://127.0.0.1:4566")
FAR = Address("http://10.1.2.3:4566")


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_pair_is_made_once_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    made = key_pair(tmp_path, SystemIds())
    assert key_pair(tmp_path, SystemIds()) == made
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_env_reads_the_pair_that_the_daemon_made(tmp_path: Path) -> None:
    made = key_pair(tmp_path, SystemIds())
    for where in (LOCAL, FAR):
        found = credentials.applied(where, tmp_path)
        assert (found.access_key, found.secret_key) == (made.access_key, made.secret_key)


def test_without_a_pair_loopback_takes_any_key_and_elsewhere_the_file_is_named(tmp_path: Path) -> None:
    found = credentials.applied(Address(LOCAL.url, "AKIAREAL", "secret"), tmp_path)
    assert (found.access_key, found.secret_key) == ("test", "test")
    account = Address(LOCAL.url, "111122223333", "x")
    assert credentials.applied(account, tmp_path) == account
    with pytest.raises(Failure, match=FILE):
        credentials.applied(FAR, tmp_path)


def test_a_damaged_pair_is_said_so(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(Failure, match="cannot be read"):
        credentials.applied(LOCAL, tmp_path)


def test_requests_are_signed_unless_the_key_means_nobody_and_the_daemon_is_near() -> None:
    assert control.signature(LOCAL, "GET", LOCAL.url + "/_moorage/status") == {}
    assert "Authorization" in control.signature(FAR, "GET", FAR.url + "/_moorage/status")
    keyed = Address(LOCAL.url, "MOORX", "y")
    assert "Authorization" in control.signature(keyed, "GET", LOCAL.url + "/_moorage/status")
