"""The router: everything a relay answers, for any FastAPI application."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse

from .answers import RefusalBody, preflight_response, read_body, route_class
from .auth import Authenticate, bearer_of, check_origin, page_origin
from .codes import Refusal
from .config import Settings
from .drain import draining_at_signals
from .functions import Function, FunctionCall, FunctionEndpoint
from .handshake import check_handshake
from .log import hide_queries
from .relay import Relay, refuse_upgrade
from .routes import PROVIDERS, ProviderPath, Route, deepgram_path, route_to
from .session import SessionLimits
from .token_models import HealthReport, RefreshRequest, TokenAnswer, TokenRequest

# All that a client could try, so that each gets an answer of the protocol's.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

FindRoute = Callable[[str, str], Route | None]
"""The route for a path and a query; None where there is none."""

Answer = Callable[[Request], Awaitable[Response]]


def create_voice_agent_router(
    settings: Settings,
    authenticate: Authenticate | None = None,
    *,
    functions: Mapping[str, Function] | None = None,
    openai_session: Mapping[str, Any] | None = None,
    limits: SessionLimits | None = None,
    handle_signals: bool = True,
) -> APIRouter:
    """
    Makes a router with the relay, its token service and its health, to be mounted under any prefix:
    ``app.include_router(create_voice_agent_router(settings, authenticate), prefix="/voice")``.

    It connects and ends with the application's lifespan.

    :param settings: As :func:`voicewire_fastapi.read_settings` reads them; ``host``, ``port`` and ``relay_prefix``
        are the application's own here.
    :param authenticate: Asks the application who sent a request: for tokens, and for upgrades without a ticket.
        Without it pages get tokens outside production, and nobody in it.
    :param functions: What the model can have the backend do, by ``POST /function-call``.
    :param openai_session: What is in OpenAI's direct tokens beside the model.
    :param limits: A session's bounds where the settings have none.
    :param handle_signals: Whether SIGTERM lets sessions finish for ``DRAIN_SECONDS`` before the server ends.
    :raises ConfigurationError: Where nobody could get in, or Redis is wanted and its client is not installed.
    """
    relay = Relay(settings, authenticate, limits=limits, openai_session=openai_session)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        hide_queries()
        async with relay.running():
            if not handle_signals:
                yield
                return
            with draining_at_signals(relay, settings.drain_seconds):
                yield

    router = APIRouter(
        route_class=route_class(relay.origins, relay.log),
        lifespan=lifespan,
        tags=["voice agent"],
        responses={"4XX": {"model": RefusalBody}, "5XX": {"model": RefusalBody}},
    )
    _add_sessions(router, relay)
    _add_health(router, relay)
    if relay.tokens.available:
        _add_tokens(router, relay)
    if settings.metrics_token is not None:
        _add_metrics(router, relay, settings.metrics_token.get_secret_value())
    if functions is not None:
        _add_functions(router, FunctionEndpoint(relay, functions, authenticate), relay)
    return router


def _add_sessions(router: APIRouter, relay: Relay) -> None:
    for path in PROVIDERS:
        _add_session(router, relay, path, _always(path))
    _add_session(router, relay, "/realtime", _always("/v1/realtime"))
    _add_session(router, relay, "/deepgram-proxy", _alias)
    _add_session(router, relay, "/deepgram-proxy/{rest:path}", _alias)


def _always(path: ProviderPath) -> FindRoute:
    return lambda _asked, query: route_to(path, query)


def _alias(asked: str, query: str) -> Route | None:
    path = deepgram_path(asked, query)
    return None if path is None else route_to(path, query)


def _add_session(router: APIRouter, relay: Relay, path: str, find: FindRoute) -> None:
    async def serve(websocket: WebSocket) -> None:
        route = find(websocket.scope["path"], websocket.scope["query_string"].decode("latin-1"))
        if route is None:
            await refuse_upgrade(websocket, _not_found(), None, relay.origins)
        else:
            await relay.serve(websocket, route)

    async def answer(request: Request) -> Response:
        route = find(request.scope["path"], request.scope["query_string"].decode("latin-1"))
        if route is None:
            raise _not_found()
        if "upgrade" in request.headers:  # a handshake that the server did not take for one
            _refuse_handshake(request, relay, route)
        if request.method in ("GET", "HEAD"):
            # Browsers cannot read a refused upgrade; this they can.
            return await relay.admissions.preview(request, route)
        return _other_method(request, "GET")

    router.add_api_websocket_route(path, serve)
    router.add_api_route(path, answer, methods=_METHODS, include_in_schema=False, response_model=None)


def _refuse_handshake(request: Request, relay: Relay, route: Route) -> None:
    try:
        check_handshake(request.method, request.scope["http_version"], request.headers)
    except Refusal as refusal:
        relay.log_refusal(request, route, refusal)
        refusal.headers["Connection"] = "close"
        raise
    raise Refusal(400, "bad_request", "The server takes no WebSockets")


def _add_health(router: APIRouter, relay: Relay) -> None:
    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        await relay.admissions.check_capacity()
        return JSONResponse({"status": "ready"})

    for path, answer in (("/health", health), ("/ready", ready)):
        router.add_api_route(path, _only("GET", answer), methods=_METHODS, include_in_schema=False)


def _add_tokens(router: APIRouter, relay: Relay) -> None:
    def check(request: Request) -> None:
        check_origin(page_origin(request, relay.origins), relay.origins)

    @router.post("/api/voice-agent/token")
    async def token(request: Request, response: Response) -> TokenAnswer:
        """Begins a session with its first token."""
        answer, headers = await relay.tokens.issue(request, lambda: read_body(request, TokenRequest))
        response.headers.update(headers)
        return answer

    @router.post("/api/voice-agent/refresh-token")
    async def refresh_token(request: Request, response: Response) -> TokenAnswer:
        """Replaces a session's token by its next one."""
        answer, headers = await relay.tokens.refresh(request, lambda: read_body(request, RefreshRequest))
        response.headers.update(headers)
        return answer

    @router.get("/api/voice-agent/health")
    async def token_health(request: Request, response: Response) -> HealthReport:
        """How the token service is."""
        check(request)
        report = await relay.tokens.report()
        response.status_code = 503 if report.status == "unhealthy" else 200
        return report

    _add_other_methods(router, "/api/voice-agent/token", "POST", check)
    _add_other_methods(router, "/api/voice-agent/refresh-token", "POST", check)
    _add_other_methods(router, "/api/voice-agent/health", "GET", check)


def _add_metrics(router: APIRouter, relay: Relay, bearer: str) -> None:
    def check(request: Request) -> None:
        if not hmac.compare_digest((bearer_of(request) or "").encode(), bearer.encode()):
            raise Refusal(401, "unauthenticated", "This is for operators")

    async def metrics(request: Request) -> Response:
        check(request)
        return PlainTextResponse(relay.metrics.text(), media_type="text/plain; version=0.0.4")

    async def stats(request: Request) -> Response:
        check(request)
        return JSONResponse(relay.metrics.stats())

    for path, answer in (("/metrics", metrics), ("/stats", stats)):
        router.add_api_route(path, _only("GET", answer), methods=_METHODS, include_in_schema=False)


def _add_functions(router: APIRouter, endpoint: FunctionEndpoint, relay: Relay) -> None:
    @router.post("/function-call", response_model=None)
    async def function_call(request: Request) -> Response:
        """Answers one call of the model."""
        content, headers = await endpoint.answer(request, lambda most: read_body(request, FunctionCall, most))
        return JSONResponse({"content": content}, headers=headers)

    def check(request: Request) -> None:
        check_origin(page_origin(request, relay.origins), relay.origins)

    _add_other_methods(router, "/function-call", "POST", check)


def _add_other_methods(router: APIRouter, path: str, method: str, check: Callable[[Request], None]) -> None:
    """:param check: Refuses whom not even the methods are told."""

    async def answer(request: Request) -> Response:
        check(request)
        return _other_method(request, method)

    others = [other for other in _METHODS if other not in (method, "HEAD" if method == "GET" else method)]
    router.add_api_route(path, answer, methods=others, include_in_schema=False)


def _only(method: str, answer: Answer) -> Answer:
    """The answer to one method, to HEAD as to GET; preflights and all other methods are answered beside it."""

    async def handle(request: Request) -> Response:
        if request.method in (method, "HEAD" if method == "GET" else method):
            return await answer(request)
        return _other_method(request, method)

    return handle


def _other_method(request: Request, method: str) -> Response:
    allowed = f"{method}, OPTIONS"
    if request.method == "OPTIONS":
        return preflight_response(allowed)
    raise Refusal(405, "method_not_allowed", f"The method must be {method}", headers={"Allow": allowed})


def _not_found() -> Refusal:
    return Refusal(404, "not_found", "There is nothing at this path")
