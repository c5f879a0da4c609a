"""The daemon's side of the support process: starts it when it is first needed, passes requests on, starts it again.

What the child does is `server.py`; which operations it is asked at all says `operations.py`.
"""

import asyncio
import contextlib
import os
import re
import string
import sys
from pathlib import Path
from urllib.parse import quote

import httpx

from moorage.engine.ports import Ids
from moorage.support import faults, operations
from moorage.support.headers import ACCOUNT, FAULT, OPERATION, REGION, SERVICE
from moorage.wire import credentials, models, rest, routing, translation
from moorage.wire.credentials import Scope
from moorage.wire.faults import Rejected, reject
from moorage.wire.message import Request, Response

_START_SECONDS = 60.0
_ANSWER_SECONDS = 60.0
_LOG_BYTES = 1 << 20
_BUCKET_HOST = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3[.-]")
_NOT_PASSED_ON = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te"})
_NOT_PASSED_BACK = frozenset({"date", "server", "connection", "content-length", "transfer-encoding"})
_SETTINGS = {
    # Stacks attach AWS's managed policies by ARN.
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # No instance can be started, so there is no image to start one from; and they are 99 % of the state.
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}


class SupportProcess:
    """Moto in a child process. `directory` keeps its state and its log, `socket` is where it listens.

    `region` is that of unsigned requests, which name none.
    """

    def __init__(self, directory: Path, socket: Path, ids: Ids, region: str = "us-east-1") -> None:
        self._directory = directory
        self._socket = socket
        self._ids = ids
        self._region = region
        self._child: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)), timeout=_ANSWER_SECONDS, trust_env=False
        )

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    async def forward(self, service: str, request: Request) -> Response:
        """The answer of `service`; never fails, for every error has its form in the service's protocol."""
        try:
            return await self._answer(service, _on_path(service, request))
        except Rejected as error:
            return faults.refusal(service, request, error.fault, self._ids.uuid())

    async def _answer(self, service: str, request: Request) -> Response:
        scope = credentials.scope(request)
        operation = routing.target(request, scope).operation or _rest(service, request)
        if not operations.passed_on(service, operation):
            raise reject("InvalidAction", f"The operation {operation[:200]} of {service} is not supported by Moorage.")
        response = await self._in_its_protocol(service, operation, request)
        hint = operations.HINTS.get(operation, "") if response.status < 300 else ""
        return response.with_headers(("x-moorage-hint", hint)) if hint else response

    async def _in_its_protocol(self, service: str, operation: str, request: Request) -> Response:
        """The child's answer. It knows no CBOR: such a request goes to it in JSON, and its answer back in CBOR."""
        if not translation.is_due(request):
            return await self._from_child(service, operation, request)
        model = models.operation(service, operation)
        answer = await self._from_child(service, operation, translation.to_json(model, request))
        return translation.from_json(model, answer, self._ids.uuid())

    async def _from_child(self, service: str, operation: str, request: Request) -> Response:
        caller = self._caller(credentials.scope(request))
        outgoing = _outgoing(request, {SERVICE: service, OPERATION: operation, ACCOUNT: caller[0], REGION: caller[1]})
        child = await self._running()
        try:
            return await self._asked(outgoing)
        except httpx.TransportError as error:
            # The child is dying or dead. What never reached it, or would have changed nothing, is asked once more.
            await self._gone(child)
            if not isinstance(error, httpx.ConnectError) and not operations.repeatable(service, operation):
                raise _unavailable(error) from error
        child = await self._running()
        try:
            return await self._asked(outgoing)
        except httpx.TransportError as error:
            await self._gone(child)
            raise _unavailable(error) from error

    async def _asked(self, outgoing: httpx.Request) -> Response:
        """The child's answer, its body as it came: an object may have an encoding of its own."""
        answer = await self._client.send(outgoing, stream=True)
        try:
            body = b"".join([chunk async for chunk in answer.aiter_raw()])
        finally:
            await answer.aclose()
        return _incoming(answer, body)

    async def stop(self) -> None:
        """End the child; what it answered is on disk."""
        async with self._starting:
            child, self._child = self._child, None
            if child is not None:
                with contextlib.suppress(ProcessLookupError):
                    child.terminate()
                await child.wait()
            self._socket.unlink(missing_ok=True)

    async def reset(self) -> None:
        """Forget everything."""
        await self.stop()
        self._state.unlink(missing_ok=True)

    async def close(self) -> None:
        """Stop for good."""
        await self.stop()
        await self._client.aclose()

    @property
    def _state(self) -> Path:
        return self._directory / "support.state"

    @property
    def _log(self) -> Path:
        return self._directory / "support.log"

    def _caller(self, scope: Scope | None) -> tuple[str, str]:
        return (credentials.DEFAULT_ACCOUNT, self._region) if scope is None else (scope.account, scope.region)

    async def _gone(self, child: asyncio.subprocess.Process) -> None:
        """Make sure that a child which does not answer is no more. Another may have taken its place meanwhile."""
        async with self._starting:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
            await child.wait()
            if self._child is child:
                self._child = None

    async def _running(self) -> asyncio.subprocess.Process:
        """The child, started if there is none."""
        async with self._starting:
            if self._child is None or self._child.returncode is not None:
                self._child = await self._start()
            return self._child

    async def _start(self) -> asyncio.subprocess.Process:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._log.open("ab") as log:
            if log.tell() > _LOG_BYTES:
                log.truncate(0)
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "moorage.support.server", "--socket", str(self._socket)),
                *("--state", str(self._state), "--parent", str(os.getpid())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=_environment(),
            )
        try:
            await self._hear_ready(child)
        except BaseException:
            if child.returncode is None:
                child.kill()
            await child.wait()
            raise
        return child

    async def _hear_ready(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        try:
            said = await asyncio.wait_for(child.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            said = b""
        if said.strip() != b"ready":
            raise reject("ServiceUnavailable", f"the support process did not start: {self._last_words()}", 503)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"


def _unavailable(error: httpx.TransportError) -> Rejected:
    """The request may or may not have been carried out: the caller hears of it as AWS says it, and tries again."""
    sentence = "The service is unavailable. Please try again shortly."
    return reject("ServiceUnavailable", sentence, 503, hint=type(error).__name__)


def _environment() -> dict[str, str]:
    """Ours without what steers AWS clients, which Moto would take for its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    return kept | _SETTINGS


def _outgoing(request: Request, about: dict[str, str]) -> httpx.Request:
    """The request as Moto shall see it: under the service's own host name, from which it takes the region."""
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in _NOT_PASSED_ON and not name.startswith(("x-moto-", "x-moorage-"))
    }
    headers |= about | {"host": operations.host(about[SERVICE], about[REGION])}
    target = (request.raw_path or request.path) + (f"?{request.query}" if request.query else "")
    url = httpx.URL(scheme="http", host="support", raw_path=quote(target, safe=string.punctuation).encode("ascii"))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return httpx.Request(request.method, url, headers=raw, content=request.body)


def _on_path(service: str, request: Request) -> Request:
    """S3's bucket may stand before the host; one way is enough for all that follows."""
    found = _BUCKET_HOST.match(request.header("host")) if service == "s3" else None
    if found is None:
        return request
    raw = request.raw_path or quote(request.path)
    return request._replace(path=f"/{found[1]}{request.path}", raw_path=f"/{found[1]}{raw}")


def _rest(service: str, request: Request) -> str:
    return rest.operation(service, request) if service in operations.REST else ""


def _incoming(answer: httpx.Response, body: bytes) -> Response:
    code = answer.headers.get(FAULT)
    if code is not None:
        raise reject(code, body.decode(), answer.status_code)
    if answer.status_code == 500 and answer.headers.get("content-type", "").startswith("text/html"):
        raise reject(
            "InternalFailure", "The request processing has failed because of an error in the support process.", 500
        )
    dropped = _NOT_PASSED_BACK - {"content-length"} if answer.request.method == "HEAD" else _NOT_PASSED_BACK
    headers = tuple((name, value) for name, value in answer.headers.multi_items() if name not in dropped)
    return Response(answer.status_code, headers, body)
