from pathlib import Path

import pytest

from moorage.cli import curl_arguments
from moorage.cli.commands import curl
from moorage.cli.failure import Failure


def test_a_plain_url_is_a_get_over_http() -> None:
    asked = curl_arguments.parse(["server:5000/x"])
    assert (asked.verb, asked.url, asked.content) == ("GET", "http://server:5000/x", b"")


@pytest.mark.parametrize(
    ("arguments", "verb"),
    [(["-d", "a"], "POST"), (["-I"], "HEAD"), (["-X", "PUT", "-d", "a"], "PUT"), (["--request=PATCH"], "PATCH")],
)
def test_the_method_is_the_one_that_curl_infers(arguments: list[str], verb: str) -> None:
    assert curl_arguments.parse([*arguments, "u"]).verb == verb


def test_letters_may_stand_together_and_the_last_may_take_a_value() -> None:
    asked = curl_arguments.parse(["-sSfo", "out", "-w%{http_code}", "-m1.5", "u"])
    assert (asked.silent, asked.show_error, asked.fail, asked.output) == (True, True, True, "out")
    assert (asked.write_out, asked.max_time) == ("%{http_code}", 1.5)


def test_data_is_joined_and_a_file_loses_its_line_breaks_unless_it_is_binary(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"a=1\nb\r\n")
    assert curl_arguments.parse(["-d", "x=1", "-d", f"@{file}", "u"]).content == b"x=1&a=1b"
    assert curl_arguments.parse(["--data-binary", f"@{file}", "u"]).content == b"a=1\nb\r\n"
    assert curl_arguments.parse(["--data-raw", "@x", "u"]).content == b"@x"


def test_json_sets_both_types() -> None:
    asked = curl_arguments.parse(["--json", "{}", "u"])
    assert (asked.content_type, asked.accept, asked.verb) == ("application/json", "application/json", "POST")


def test_a_header_keeps_its_value_and_one_without_a_value_is_taken_away() -> None:
    asked = curl_arguments.parse(["-H", "X-A: b:c", "-H", "Accept:", "u"])
    assert asked.headers == [("X-A", "b:c"), ("Accept", "")]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["-k", "u"], 2, "-k"),
        (["-sL", "u"], 2, "-L"),
        (["--compressed", "u"], 2, "--compressed"),
        (["-X"], 2, "needs a value"),
        ([], 2, "no URL"),
        (["a", "b"], 2, "one URL at a time"),
        (["-I", "-d", "x", "u"], 2, "two different requests"),
        (["-m", "soon", "u"], 2, "not a number"),
        (["-H", "broken", "u"], 2, "NAME: VALUE"),
        (["ftp://x/"], 3, "not an http"),
        (["http://x:port/"], 3, "not an http"),
        (["-d", "@/no/such/file", "u"], 26, "No such file"),
    ],
)
def test_what_is_not_understood_is_refused_by_name_with_curls_exit_code(
    arguments: list[str], code: int, named: str
) -> None:
    with pytest.raises(Failure) as refused:
        curl_arguments.parse(arguments)
    assert refused.value.code == code
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("url", "port"), [("http://a/", 80), ("https://a/", 443), ("http://a:5000/x", 5000), ("http://[::1]:7/", 7)]
)
def test_the_port_follows_from_the_url(url: str, port: int) -> None:
    assert curl.destination(url)[1] == port
