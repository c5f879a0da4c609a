import os
import socket
import sys

import pytest

from moorage.cli import address, aws_cli, port_holder, render
from moorage.cli.failure import Failure


def test_the_holder_of_a_port_is_named_with_its_pid() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = port_holder.holder(listening.getsockname()[1])
    assert found is not None
    assert f"(pid {os.getpid()})" in found
    assert sys.argv[0].rsplit("/", 1)[-1] in found or "python" in found


def test_a_free_port_has_no_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert port_holder.holder(port) is None


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("aws-cli/2.13.0 Python/3.11.4 Linux/6.1", "ok"),
        ("aws-cli/2.12.7 Python/3.11.4 Linux/6.1", "warning"),
        ("aws-cli/1.29.0 Python/3.9 Linux/6.1 botocore/1.31.0", "ok"),
        ("aws-cli/1.27.9 Python/3.9 Linux/6.1 botocore/1.29.0", "warning"),
        ("aws-cli/3.0.0 Python/3.14", "ok"),
        ("something else", "warning"),
    ],
)
def test_an_aws_cli_that_does_not_know_the_variable_is_told(output: str, status: str) -> None:
    assert aws_cli.judge(output)[0] == status


def test_the_daemon_is_where_the_variable_says_else_on_port_4566(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.1.2.3:99/")
    found = address.find()
    assert (found.url, found.port, found.is_loopback) == ("http://10.1.2.3:99", 99, False)
    assert address.find(4570).url == "http://127.0.0.1:4570"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert address.find().url == "http://127.0.0.1:4566"


def test_a_variable_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:4566")
    with pytest.raises(Failure, match="is not an http:// address"):
        address.find()


def test_a_twelve_digit_key_is_the_account() -> None:
    assert address.Address("http://x", access_key="111122223333").account == "111122223333"
    assert address.Address("http://x", access_key="AKIAX").account == "000000000000"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [("http://127.0.0.1:1", True), ("http://localhost:1", True), ("http://[::1]:1", True), ("http://host:1", False)],
)
def test_loopback_is_told_from_elsewhere(url: str, loopback: bool) -> None:
    assert address.Address(url).is_loopback is loopback


def test_a_table_has_aligned_columns_and_no_trailing_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    render.table(["NAME", "STATUS", "LAST"], [["a", "RUNNING", ""], ["longer", "-", "x y"]])
    assert capsys.readouterr().out == "NAME    STATUS   LAST\na       RUNNING\nlonger  -        x y\n"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172800, "2d")])
def test_an_age_is_one_number_and_its_unit(seconds: int, text: str) -> None:
    from datetime import timedelta

    assert render.duration(timedelta(seconds=seconds)) == text
