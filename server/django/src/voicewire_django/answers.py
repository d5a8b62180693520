"""HTTP answers: the same headers and the same shape of errors, whoever answers."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse

from . import log
from .codes import Refusal
from .origins import OriginPolicy

_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def common_headers(origin: str | None, origins: OriginPolicy) -> dict[str, str]:
    """What every answer carries, errors too: pages of an allowed origin can read it, nobody keeps it."""
    headers = {**_SECURITY_HEADERS, "Vary": "Origin"}
    if origin is not None and origins.may_read(origin):
        headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
        }
    return headers


def preflight_headers(methods: str) -> dict[str, str]:
    """What the answer to a preflight request of a browser carries."""
    return {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-CSRFToken",
        "Access-Control-Max-Age": "600",
    }


def refusal_parts(refusal: Refusal) -> tuple[dict[str, str], dict[str, Any]]:
    """The headers and the body of a refusal: `{ success: false, error: { code, message, retryAfter? } }`."""
    headers: dict[str, str] = {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.status == 426:
        headers |= {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
        error["retryAfter"] = refusal.retry_after
    return headers | refusal.headers, {"success": False, "error": error}


def refusal_of(error: Exception) -> Refusal:
    """Whatever went wrong as a refusal; what nobody foresaw is logged."""
    if isinstance(error, Refusal):
        return error
    # Only the name: a message could hold what must not be logged.
    log.warn("request failed", error=log.error_name(error))
    return Refusal(503, "authentication_unavailable", "The request cannot be judged at the moment")


def json_bytes(value: Any) -> bytes:
    """JSON as it goes out."""
    return json.dumps(value, separators=(",", ":")).encode()


def json_response(status: int, body: Any, headers: dict[str, str]) -> HttpResponse:
    """An answer with JSON; None: without a body."""
    content = b"" if body is None else json_bytes(body)
    response = HttpResponse(content, status=status, content_type="application/json; charset=utf-8")
    if body is None:
        del response.headers["Content-Type"]
    for name, value in headers.items():
        response.headers[name] = value
    return response
