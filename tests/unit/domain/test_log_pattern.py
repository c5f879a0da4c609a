"""Filter patterns: which messages they match, what they extract, and which are refused.

The examples over JSON and columns are those of AWS's guide; others show how CloudWatch was seen to answer
TestMetricFilter.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import log_pattern
from moorage.domain.errors import InvalidParameter

TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "cluster.name": "c",
        "ThisFlag": True,
        "status": 404,
        "latency": 12.0,
        "empty": "",
        "digits": "12",
    }
)
USERS = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    }
)
ACCESS = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] x", True),
        ("ERROR", "error", False),
        ("ERROR disk", "ERROR on disk", True),
        ("ERROR disk", "ERROR on net", False),
        ('"on disk"', "ERROR on disk", True),
        ('"on disk"', "disk on", False),
        ("?ERROR ?WARN", "WARN x", True),
        ("?ERROR ?WARN", "INFO x", False),
        ("ERROR -disk", "ERROR net", True),
        ("ERROR -disk", "ERROR disk", False),
        ('-"GET /health"', "GET /health 200", False),
        ('"a \\"b\\""', 'a "b"', True),
        ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        (r"%\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}%", "from 10.0.0.7", True),
        ("%[Ee]rror|[Ff]ail%", "Failed", True),
        ("%^ERROR%", "an ERROR", False),
    ],
)
def test_a_pattern_matches_by_words_or_by_one_expression(pattern: str, message: str, matches: bool) -> None:
    assert log_pattern.parse(pattern).matches(message) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{$.eventType=UpdateTrail}",
        "{ $.eventType = *Trail }",
        "{ $.eventType = %Trail$% }",
        '{ $.eventType != "No" && $.eventType = Upd* }',
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.111.* }",
        '{ $.arrayKey[0] = "value" }',
        '{ $.arrayKey[*] = "another value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[*].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.ThisFlag = true }",
        "{ $.['cluster.name'] = \"c\" }",
        "{ $.status >= 400 && $.status < 5e2 }",
        "{ $.status = 404.0 }",
        '{ $.status = "404" }',
        '{ $.status != "404.0" }',
        "{ $.status = 4* }",
        "{ $.latency = 12 }",
        '{ $.latency != "12" }',
        '{ $.empty = "*" }',
        "{ $.digits = 12 }",
        "{ $.eventType != 111 }",
    ],
)
def test_a_pattern_over_json_matches(pattern: str) -> None:
    assert log_pattern.parse(pattern).matches(TRAIL)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "updateTrail" }',
        "{ $.eventType = Up*Trail }",
        "{ $.arrayKey = * }",
        "{ $.objectList != 1 }",
        "{ $.objectList[7].id = 2 }",
        "{ $.SomeObject = * }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.eventType IS NULL }",
        "{ $.Nowhere IS NULL }",
        "{ $.Nowhere != x }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.eventType > 1 }",
        "{ $.digits > 1 }",
        "{ $.status > 404 }",
        "{ $.eventType.deeper = 1 }",
    ],
)
def test_a_pattern_over_json_does_not_match(pattern: str) -> None:
    assert not log_pattern.parse(pattern).matches(TRAIL)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        ('{ $.user.email = "John.*" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }', True),
        ('{ ($.user.email = "John.*" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }', False),
        ("{ $.coordinates[2][0] = 7 }", True),
    ],
)
def test_and_binds_stronger_than_or_and_parentheses_strongest(pattern: str, matches: bool) -> None:
    assert log_pattern.parse(pattern).matches(USERS) is matches


@pytest.mark.parametrize("message", ["no json", "[1, 2]", '{"a": 1', "{" * 50_000, '{"a": NaN}', ""])
def test_what_is_no_json_object_matches_no_pattern_over_json(message: str) -> None:
    assert not log_pattern.parse("{ $.b NOT EXISTS }").matches(message)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", True),
        ("[..., request =*.html*, status_code = 4*, bytes]", True),
        ("[..., status_code = 4* && status_code != 403, bytes]", True),
        ("[..., status_code = 404 || status_code = 410, bytes]", True),
        ("[..., bytes > 1000]", True),
        ("[..., bytes > 1534]", False),
        ("[ip, user > 1, ...]", False),
        ("[ip, user = Prod, ..., bytes]", True),
        (r"[ip=%127\.0\.0\.[1-9]%, ...]", True),
        ('[..., timestamp = "10/Oct/2000:13*", request, status, bytes]', True),
        ("[a, b, c, d, e, f, g, ...]", True),
        ("[a, b, c, d, e, f, g, h, ...]", False),
        ("[..., request=*.html*, status_code=4*,]", True),
    ],
)
def test_a_pattern_over_columns_matches_by_place(pattern: str, matches: bool) -> None:
    assert log_pattern.parse(pattern).matches(ACCESS) is matches


def test_words_of_an_event_are_columns_to_be_compared_in_either_way() -> None:
    for message, matches in (("ERROR message", True), ("WARN message", False), ("ERROR WARN message", False)):
        assert log_pattern.parse("[w1=ERROR, w2]").matches(message) is matches
    assert not log_pattern.parse("[w1=!ERROR&&w1=!WARN, w2]").matches("WARN message")
    assert log_pattern.parse("[w1=!ERROR&&w1=!WARN, w2]").matches("INFO message")
    assert log_pattern.parse("[a, b, c]").matches('[open "quote x')


def test_what_a_pattern_names_is_extracted() -> None:
    columns = log_pattern.parse("[..., request=*.html*, status_code=4*,]").extracted(ACCESS)
    assert columns == {
        "$1": "127.0.0.1",
        "$2": "Prod",
        "$3": "frank",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0",
        "$status_code": "404",
        "$7": "1534",
    }
    over_json = log_pattern.parse("{ $.status = * || $.Nowhere = 1 || $.SomeObject IS NULL }")
    assert over_json.extracted(TRAIL) == {"$.status": "404"}
    assert log_pattern.parse("ERROR").extracted("ERROR") == {}


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("GET/health", "Invalid character(s) in term '/'"),
        ('"open', "Invalid filter pattern"),
        ('a"b"', "Invalid filter pattern"),
        ("%a b%", "' '"),
        ("%a% b", "Invalid filter pattern"),
        ("{}", "Invalid filter pattern"),
        ("{ $.a = 1", "Invalid filter pattern"),
        ("{ $.a }", "Invalid character(s) in term '$.a'"),
        ('{ $."a" = 1 }', "Invalid character(s) in term '$'"),
        ("{ a = 1 }", "Invalid character(s) in term 'a'"),
        ('{ $.level "ERROR" }', "Invalid character(s) in term"),
        ('{ $.a > "123" }', "Invalid character(s) in term '\"123\"'"),
        ("{ $.a > b }", "Invalid character(s) in term 'b'"),
        ('{ $.a = "x", $.b = "y" }', "Invalid character(s) in term ','"),
        ("{ ($.a = 1 }", "ends too early"),
        ("{ $.a = 1 && }", "Invalid character(s)"),
        ("{ $.a IS GONE }", "Invalid character(s) in term 'IS'"),
        ("{ $.a[*][*] = 1 }", "$.a[*][*]"),
        ("{ $.a[*]=1 || $.b[*]=1 || $.c[*]=1 || $.d[*]=1 }", "[*]"),
        ("{ $.a=%x% || $.a=%y% || $.a=%z% }", "regular expressions"),
        ("{ $.a = %(x)% }", "'('"),
        ("{ " + "(" * 60 + "$.a = 1" + ")" * 60 + " }", "nested"),
        ("[]", "Invalid filter pattern"),
        ("[a, ..., ...]", "Invalid filter pattern"),
        ("[a = 1 && b = 2]", "Invalid character(s)"),
        ("[a = ]", "Invalid character(s)"),
        ("[a", "Invalid filter pattern"),
    ],
)
def test_what_is_no_pattern_is_refused_by_name(pattern: str, what: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        log_pattern.parse(pattern)
    assert what in refused.value.message


@given(st.text(min_size=1))
def test_any_text_in_quotes_finds_itself(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert log_pattern.parse(quoted).matches(f"before {text} after")
    assert log_pattern.parse(f"{{ $.a = {quoted} }}").matches(json.dumps({"a": text.replace("*", "")})) or "*" in text


SELECTED = ("$.a", "$.a[0]", "$.a[*].b", "$")
MARKS = ("=", "!=", ">", "<=", "=!", "&&", "||", "(", ")", ",", "...", "[", "]", "{", "}", "?", "-")
VALUES = ("1", "-2e3", "x*", "w", '"q"', "%x+%", "%(%", "IS", "NULL", "NOT", "EXISTS", "é")
PIECES = st.sampled_from((*SELECTED, *MARKS, *VALUES))


@given(st.sampled_from(["{%s}", "[%s]", "%s"]), st.lists(PIECES, max_size=12).map(" ".join), st.text())
def test_any_pieces_are_a_pattern_that_answers_or_are_refused(frame: str, pieces: str, message: str) -> None:
    try:
        pattern = log_pattern.parse(frame.replace("%s", pieces))
    except InvalidParameter as refused:
        assert refused.message
        return
    for event in (message, '{"a": [{"b": 1}]}', "w 1 x"):
        if pattern.matches(event):
            assert all(isinstance(value, str) for value in pattern.extracted(event).values())
