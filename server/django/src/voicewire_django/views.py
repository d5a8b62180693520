"""The HTTP side."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from . import log
from .addresses import address_of
from .answers import common_headers, json_response, preflight_headers, refusal_of, refusal_parts
from .auth import bearer_of, origin_of, page_origin, short_hash
from .body import read_json, text_field
from .codes import Refusal
from .functions import FunctionEndpoint
from .limits import RequestLimits
from .relay import Relay, relay
from .routes import find_route
from .state.shared import Block, Window
from .token_service import TokenService

Answer = tuple[int, Any, dict[str, str]]
"""Status, body (None: no body), headers."""
View = Callable[..., Coroutine[Any, Any, HttpResponse]]


def _endpoint(method: str, *, pages: bool = False) -> Callable[[Callable[..., Awaitable[Answer]]], View]:
    """
    Makes a view that answers one method, preflights and wrong methods, always with the relay's headers.

    :param pages: Whether pages of other origins are refused whatever the method.
    """

    def decorate(answer: Callable[..., Awaitable[Answer]]) -> View:
        @csrf_exempt
        @wraps(answer)
        async def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            here = relay()
            try:
                await here.opened()
                status, body, headers = await _answer(here, request, kwargs)
            except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer
                refusal = refusal_of(error)
                headers, body = refusal_parts(refusal)
                status = refusal.status
            return json_response(status, body, {**common_headers(origin_of(request), here.auth.origins), **headers})

        async def _answer(here: Relay, request: HttpRequest, kwargs: dict[str, Any]) -> Answer:
            if request.method == method or (request.method == "HEAD" and method == "GET"):
                return await answer(here, request, **kwargs)
            if pages:
                here.auth.check_origin(page_origin(request, here.auth.origins))
            if request.method == "OPTIONS":
                return 204, None, preflight_headers(f"{method}, OPTIONS")
            raise Refusal(
                405,
                "method_not_allowed",
                f"The method must be {method}",
                headers={"Allow": f"{method}, OPTIONS"},
            )

        return view

    return decorate


@_endpoint("GET")
async def session(here: Relay, request: HttpRequest, provider_path: str | None) -> Answer:
    """What an upgrade would be answered: browsers cannot read a refused one."""
    if "upgrade" in (request.headers.get("Connection") or "").lower():
        raise Refusal(400, "bad_request", 'The header Upgrade must be "websocket"')
    route = find_route(provider_path, request.path, request.META.get("QUERY_STRING") or "")
    if route is None:
        raise _not_found()
    await here.admissions.preview(request, route)


@_endpoint("GET")
async def health(here: Relay, request: HttpRequest) -> Answer:
    """Alive."""
    return 200, {"status": "ok"}, {}


@_endpoint("GET")
async def ready(here: Relay, request: HttpRequest) -> Answer:
    """Whether a new session would find a place."""
    await here.admissions.check_capacity()
    return 200, {"status": "ready"}, {}


@_endpoint("GET")
async def stats(here: Relay, request: HttpRequest) -> Answer:
    """The relay of this process at a glance."""
    _check_metrics_token(here, request)
    return 200, here.metrics.stats(draining=here.admissions.draining), {}


@csrf_exempt
async def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text."""
    response = await stats(request)
    if response.status_code == 200:
        response.content = relay().metrics.text().encode()
        response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
    return response


@_endpoint("POST")
async def revoke(here: Relay, request: HttpRequest) -> Answer:
    """Calls back a user or a ticket, for an operator."""
    token = here.config.admin_token
    if token is None:
        raise _not_found()
    address = address_of(request, here.config.trust_proxy)
    limits = _admin_limits(here)
    if not _is_bearer(request, token):
        await limits.take("ip", address, lambda kind: here.audit_block(request, kind))
        raise Refusal(401, "unauthenticated", "This is for operators")
    await limits.peek("ip", address)  # also who is right at last: otherwise refused guesses would be as good as any
    body = await read_json(request)
    user = text_field(body, "user", 256) if "user" in body else None
    ticket = text_field(body, "ticket", 128) if "ticket" in body or user is None else None
    told = []
    for name, value in (("user", user), ("ticket", ticket)):
        if value is not None:
            told.append(await here.state.revocations.revoke(**{name: value}))
    log.info(
        "token revoked",
        log="audit",
        event="revoked",
        at=round(time.time() * 1000),
        address=address,
        origin=origin_of(request),
        user=short_hash(user),
        ticket=ticket,
    )
    return 200, {"success": True, "shared": all(told)}, {}


@_endpoint("POST", pages=True)
async def token(here: Relay, request: HttpRequest) -> Answer:
    """Begins a session with its first token."""
    return await _service(here).answer("issue", request)


@_endpoint("POST", pages=True)
async def refresh_token(here: Relay, request: HttpRequest) -> Answer:
    """Replaces a session's token."""
    return await _service(here).answer("refresh", request)


@_endpoint("GET", pages=True)
async def service_health(here: Relay, request: HttpRequest) -> Answer:
    """How the token service is."""
    here.auth.check_origin(page_origin(request, here.auth.origins))
    return await _service(here).health()


@_endpoint("POST", pages=True)
async def function_call(here: Relay, request: HttpRequest) -> Answer:
    """What a function of the backend answers."""
    if not here.config.functions:
        raise _not_found()
    return await _function_endpoint(here).answer(request)


@csrf_exempt
async def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 as the protocol has it, for the end of a project's `urlpatterns` that has nothing else."""
    refusal = _not_found()
    headers, body = refusal_parts(refusal)
    return json_response(404, body, {**common_headers(origin_of(request), relay().auth.origins), **headers})


def _check_metrics_token(here: Relay, request: HttpRequest) -> None:
    if here.config.metrics_token is None:
        raise _not_found()
    if not _is_bearer(request, here.config.metrics_token):
        raise Refusal(401, "unauthenticated", "A token is needed")


def _is_bearer(request: HttpRequest, expected: str) -> bool:
    """Compared as digests, which are equally long: how long it takes tells nothing."""
    shown, wanted = (hashlib.sha256(text.encode()).digest() for text in (bearer_of(request), expected))
    return hmac.compare_digest(shown, wanted)


def _not_found() -> Refusal:
    return Refusal(404, "not_found", "There is nothing at this path")


_made: dict[type, Any] = {}


def _service(here: Relay) -> TokenService:
    if TokenService not in _made:
        _made[TokenService] = TokenService(here)
    service: TokenService = _made[TokenService]
    if not service.issues:
        raise _not_found()
    return service


def _function_endpoint(here: Relay) -> FunctionEndpoint:
    if FunctionEndpoint not in _made:
        _made[FunctionEndpoint] = FunctionEndpoint(here)
    endpoint: FunctionEndpoint = _made[FunctionEndpoint]
    return endpoint


def _admin_limits(here: Relay) -> RequestLimits:
    if RequestLimits not in _made:
        config = here.config
        block = Block(config.suspicious_activity_threshold, config.block_duration)
        _made[RequestLimits] = RequestLimits("admin", Window(60_000, config.voice_agent_rate_limit), block, here.state)
    limits: RequestLimits = _made[RequestLimits]
    return limits
