"""The endpoint as an ASGI application: one address for every AWS service, and the routes under /_moorage/.

The pipeline of a request: size, origin, signature, service and operation, support table, validation, operation,
answer or fault. The server adds Date; what an operation does is its handler's.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from moorage.api import answers, dispatch, exec_sessions, origin, sending, sessions
from moorage.api.answers import Answers
from moorage.api.dispatch import Call, Dispatcher
from moorage.api.reading import Reading
from moorage.domain.errors import DomainError
from moorage.domain.role_session import RoleSession
from moorage.wire import credentials, fault_table, limits, routing, sigv4
from moorage.wire.credentials import Scope
from moorage.wire.faults import Fault, Rejected, reject
from moorage.wire.message import Request, Response
from moorage.wire.sigv4 import KeyPair

log = logging.getLogger(__name__)

Scopes = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scopes, Receive, Send], Awaitable[None]]

OWN_PATH = "/_moorage/"
DRAIN_LIMIT = 64 * limits.MAX_BODY
"""How much of an oversized body is read and thrown away, so that its sender gets to read the refusal."""

_HOP_BY_HOP = frozenset({"date", "server", "content-length", "connection", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True)
class Endpoint:
    """How the endpoint is set up.

    `mounts` are ASGI applications by path prefix below /_moorage/ (HTTP and WebSocket), behind the same checks.
    `dns_name` is the user's own name for it: pages of that origin are not foreign.
    `keys` are set when the endpoint listens beyond loopback: then everything but the health route must be signed.
    """

    version: str
    default_region: str = "us-east-1"
    keys: KeyPair | None = None
    mounts: Mapping[str, ASGIApp] = field(default_factory=dict)
    dns_name: str = ""


class App:
    """The ASGI application."""

    def __init__(self, dispatcher: Dispatcher, endpoint: Endpoint) -> None:
        self._dispatcher = dispatcher
        self._endpoint = endpoint
        self._answers = Answers()

    async def __call__(self, scope: Scopes, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scopes, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        try:
            request = _request(scope, headers, await _read_body(headers, receive))
            self._admit(request)
        except Rejected as error:
            bodiless = _request(scope, headers, b"")
            await sending.send(send, receive, self._refuse(bodiless, error.fault, "", self._dispatcher.ids.uuid()))
            return
        if not request.path.startswith(OWN_PATH):
            await sending.send(send, receive, await self.answer(request))
            return
        mount = self._mount(request.path)
        if mount is not None:
            await mount(scope, _replay(request.body, receive), send)
        else:
            await sending.send(send, receive, self._own(request))

    async def _websocket(self, scope: Scopes, receive: Receive, send: Send) -> None:
        mount = self._mount(scope["path"])
        try:
            if scope["path"].startswith(exec_sessions.PATH):
                origin.check(_headers(scope))  # its own token opens the stream of a session
            else:
                self._admit(_request({**scope, "method": "GET"}, _headers(scope), b""))
        except Rejected:
            mount = None
        if mount is None:
            await send({"type": "websocket.close", "code": 1008})
        else:
            await mount(scope, receive, send)

    def _admit(self, request: Request) -> None:
        """Refuse what does not come from this endpoint's own tools and pages, or is not signed where it must be."""
        origin.check(request.headers, self._endpoint.dns_name)
        keys = self._endpoint.keys
        if keys is not None and request.path != OWN_PATH + "health":
            session = self._session(request, credentials.scope(request))
            known = keys if session is None else KeyPair(session.access_key, session.secret_key)
            sigv4.check(request, known, self._dispatcher.clock.now())

    def _mount(self, path: str) -> ASGIApp | None:
        return next((app for prefix, app in self._endpoint.mounts.items() if path.startswith(prefix)), None)

    def _own(self, request: Request) -> Response:
        if request.path != OWN_PATH + "health":
            return _json(404, {"message": f"There is no {request.path[:200]}."})
        if request.method not in ("GET", "HEAD"):
            return _json(405, {"message": "GET only."}).with_headers(("allow", "GET, HEAD"))
        return _json(200, {"status": "running", "version": self._endpoint.version})

    async def answer(self, request: Request) -> Response:
        """The answer to an AWS request that was admitted."""
        request_id = self._dispatcher.ids.uuid()
        service = ""
        try:
            scope = credentials.scope(request)
            target = routing.target(request, scope)
            service = target.service
            session = self._session(request, scope)
            if self._dispatcher.table.is_passed_on(service, target.operation):
                return await self._forward(service, _in_account(request, scope, session))
            call = Call(*self._caller(scope, session), service, target.operation, request_id, session)
            if self._dispatcher.repeatable(call):
                return await self._read(call, request)
            return await self._perform(call, request)
        except (Rejected, DomainError) as error:
            return self._refuse(request, dispatch.fault(error, service), service, request_id)
        except Exception:  # whatever is wrong with us, the caller hears of it in its own protocol
            log.exception("the request %s to %s failed", request_id, service or "no service")
            return self._refuse(request, fault_table.internal(service), service, request_id)

    def _session(self, request: Request, scope: Scope | None) -> RoleSession | None:
        """The temporary credentials that the request was made with; Rejected if they are over or not whole."""
        found = sessions.of_key(self._dispatcher.store, scope.access_key) if scope is not None else None
        if found is not None:
            sessions.check(found, request, self._dispatcher.clock.now())
        return found

    def _caller(self, scope: Scope | None, session: RoleSession | None) -> tuple[str, str]:
        """Account and region. On loopback a request may come unsigned, as from curl."""
        if scope is None:
            return credentials.DEFAULT_ACCOUNT, self._endpoint.default_region
        return scope.account if session is None else session.account, scope.region

    async def _read(self, call: Call, request: Request) -> Response:
        """The answer of a repeatable operation: as it was, if nothing has changed of what it was read from."""
        asked = answers.question(call.account, call.region, call.service, call.operation, request)
        known = self._answers.find(asked, self._dispatcher.store.snapshot(), call.request_id)
        if known is not None:
            return known
        reading = Reading(self._dispatcher.store)
        response = await self._perform(call, request, reading)
        self._answers.keep(asked, reading.read, response)
        return response

    async def _perform(self, call: Call, request: Request, reading: Reading | None = None) -> Response:
        codec = routing.codec(request)
        outcome = await self._dispatcher.perform(call, lambda model: codec.parse(model, request), reading)
        response = codec.answer(outcome.model, outcome.output, call.request_id)
        return response.with_headers(*_hint_headers(call.operation, outcome.hints)) if outcome.hints else response

    async def _forward(self, service: str, request: Request) -> Response:
        if self._dispatcher.forward is None:
            raise Rejected(dispatch.not_forwarded(service))
        response = await self._dispatcher.forward(service, request)
        # The length of what HEAD does not give is the object's own.
        dropped = _HOP_BY_HOP - {"content-length"} if request.method == "HEAD" else _HOP_BY_HOP
        kept = tuple((name, value) for name, value in response.headers if name.lower() not in dropped)
        return Response(response.status, kept, response.body)

    def _refuse(self, request: Request, fault: Fault, service: str, request_id: str) -> Response:
        response = routing.codec(request).refuse(fault, request_id, service)
        hints = (fault.hint,) if fault.hint else ()
        closing = (("connection", "close"),) if fault.status == 413 else ()
        return response.with_headers(*_hint_headers(fault.code, hints), *closing)


def _in_account(request: Request, scope: Scope | None, session: RoleSession | None) -> Request:
    """The request for who knows nothing of temporary credentials."""
    return request if session is None or scope is None else credentials.in_name_of(request, scope, session.account)


def _hint_headers(about: str, hints: tuple[str, ...]) -> list[tuple[str, str]]:
    """Hints as headers, which hold neither line breaks nor letters beyond ASCII. The log has them too."""
    for hint in hints:
        log.info("%s: %s", about, hint)
    return [("x-moorage-hint", " ".join(hint.encode("ascii", "replace").decode().split())) for hint in hints]


def _json(status: int, body: dict[str, str]) -> Response:
    return Response(status, (("content-type", "application/json"),), orjson.dumps(body))


def _headers(scope: Scopes) -> dict[str, str]:
    """Headers by name; one that comes several times is joined by commas."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _request(scope: Scopes, headers: Mapping[str, str], body: bytes) -> Request:
    raw_path, query = scope.get("raw_path") or b"", scope["query_string"]
    return Request(scope["method"], scope["path"], query.decode("latin-1"), headers, body, raw_path.decode("latin-1"))


async def _read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The body, counted while it arrives. What is too large is not kept."""
    limit, declared = limits.body_limit(headers.get("authorization", "")), headers.get("content-length", "")
    too_large = declared.isdigit() and int(declared) > limit
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= limit + DRAIN_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise reject("MalformedRequest", "The request body ended early.")
        more = message.get("more_body", False)
        chunk = message.get("body", b"")
        size += len(chunk)
        too_large = too_large or size > limit
        if too_large:
            chunks.clear()
        else:
            chunks.append(chunk)
    if too_large:
        raise limits.body_too_large(limit)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body that was read already, then whatever comes (a disconnect)."""
    pending = [body]

    async def next_message() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return next_message


async def _live(receive: Receive, send: Send) -> None:
    """Answer the server's lifespan messages; there is nothing to start or stop here."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
