"""Performs calls for a test with the AWS CLI: one JSON request a line on stdin, one JSON answer a line on stdout.

It runs in the CLI's own environment and enters the CLI where the `aws` program does, once for each call.
"""

import contextlib
import io
import json
import re
import sys
from typing import Any

from awscli.clidriver import create_clidriver
from botocore import xform_name

ERROR = re.compile(
    r"An error occurred \((?P<code>\w+)\) when calling the \w+ operation[^:]*: (?P<message>.*)", re.DOTALL
)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if waiter := request.get("waiter"):
        words = [request["service"], "wait", xform_name(waiter, "-")]
    else:
        words = [request["service"], xform_name(request["operation"], "-")]
    words += ["--cli-input-json", json.dumps(request["input"]), "--output", "json", "--no-paginate"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = create_clidriver().main(words)
    if code != 0:
        found = ERROR.search(err.getvalue().strip())
        return {"error": found.groupdict() if found else {"code": str(code), "message": err.getvalue()}}
    return {"output": json.loads(out.getvalue() or "{}")}


def main() -> None:
    out = sys.stdout
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


main()
