"""The support process: Moto's answers for the supporting services, one request at a time, over a Unix socket.

`python -m moorage.support.server --socket S --state F --parent PID`, started by `process.py` and dying with it. What a
request changed is on disk before its answer leaves. Which operations may be asked at all is the API's support table.
"""

import argparse
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask
from moto import backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from moorage.support import bucket_policies, composites, groups, less, state
from moorage.support.headers import ACCOUNT, FAULT, OPERATION, REGION, SERVICE
from moorage.support.operations import only_reads

_PR_SET_PDEATHSIG = 1

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Application:
    """WSGI: picks Moto's application for the service, lets it answer, saves, passes the answer on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._applications: dict[str, Flask] = {}
        self._saved = state.places()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: Environ) -> Response:
        request = Request(environ)
        service, region = request.headers[SERVICE], request.headers[REGION]
        backend = backends.get_backend(service)[request.headers[ACCOUNT]]
        if region not in backend.regions and "aws" not in backend.regions:
            return _fault("InvalidParameterValue", f"{service} knows no region {region}", 400)
        application = self._application(service)
        answer = Response.from_app(application, environ, buffered=True)
        if not only_reads(service, request.headers[OPERATION]) or state.places() != self._saved:
            self._save()
        return answer

    def _save(self) -> None:
        """Save; what cannot be saved must not be seen by later requests either, so this process ends with it."""
        done = False
        try:
            state.save(self._file)
            done = True
        finally:
            if not done:
                traceback.print_exc()
                os._exit(1)
        self._saved = state.places()

    def _application(self, service: str) -> Flask:
        if service not in self._applications:
            self._applications[service] = _application(service)
        return self._applications[service]


def _application(service: str) -> Flask:
    backend = backends.get_backend(service)
    known = set(backend)
    application = create_backend_app(service)
    if service == "application-autoscaling":
        # Moto would look for ECS services in itself, where there are none.
        from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

        ApplicationAutoscalingBackend._ecs_service_exists_for_target = lambda _backend, _identifier: True
    if service == "ec2":
        groups.apply()
    if service == "s3":
        bucket_policies.apply()
    if service == "cloudwatch":
        composites.apply()
    # Moto makes an account only to look at the service's paths; it must not be taken for one that somebody uses.
    if DEFAULT_ACCOUNT_ID not in known:
        del backend[DEFAULT_ACCOUNT_ID]
    application.debug = False
    application.register_error_handler(NotImplementedError, _not_implemented)
    return application


def _not_implemented(error: NotImplementedError) -> Response:
    return _fault("InvalidAction", str(error), 400)


def _fault(code: str, message: str, status: int) -> Response:
    return Response(message, status=status, headers={FAULT: code}, content_type="text/plain")


class _Handler(WSGIRequestHandler):
    """Says nothing of requests that went well."""

    def log_request(self, *_arguments: object) -> None:
        return


def _die_with(parent: int) -> None:
    """Be killed when the daemon dies: it would not find this process again, and two would write one file."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the daemon died before the support process was ready")


def main() -> None:
    parser = argparse.ArgumentParser(prog="moorage.support.server")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    _die_with(arguments.parent)
    os.umask(0o077)
    less.apply()
    try:
        state.load(arguments.state)
    except state.StateUnreadable as error:
        sys.exit(str(error))
    arguments.socket.unlink(missing_ok=True)
    server = make_server(f"unix://{arguments.socket}", 0, Application(arguments.state), request_handler=_Handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
