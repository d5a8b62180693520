"""The relay as an application of its own: ``uvicorn voicewire_fastapi.app:app``."""

import re
import sys

from fastapi import FastAPI, WebSocket
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import common_headers, refusal_response
from .auth import Authenticate
from .codes import Refusal
from .config import ConfigurationError, Settings, read_settings
from .log import log_to_stdout
from .origins import OriginPolicy
from .relay import refuse_upgrade
from .request_protocol import MOST_HEADER_BYTES, header_bytes
from .router import create_voice_agent_router
from .session import SessionLimits

# As it was written: what a URL parser makes of backslashes and dots no proxy in front has judged.
_ABSOLUTE = re.compile(r"(?:http|ws)s?://[^/?#\\]+", re.IGNORECASE)


def create_app(
    settings: Settings, authenticate: Authenticate | None = None, *, limits: SessionLimits | None = None
) -> FastAPI:
    """
    Makes an application that is a relay and nothing else.

    :param authenticate: As for :func:`create_voice_agent_router`.
    """
    log_to_stdout(settings.log_level)
    origins = OriginPolicy(settings.allowed_origins)
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    router = create_voice_agent_router(settings, authenticate, limits=limits)
    app.include_router(router, prefix=settings.relay_prefix)

    @app.websocket("/{path:path}")
    async def nowhere(websocket: WebSocket) -> None:
        await refuse_upgrade(websocket, _not_found(), None, origins)

    async def not_found(request: Request, _error: Exception) -> Response:
        return refusal_response(_not_found(), common_headers(request, origins))

    async def not_allowed(request: Request, error: Exception) -> Response:
        allowed = getattr(error, "headers", None) or {}
        refusal = Refusal(405, "method_not_allowed", "The method is none of this path", headers=allowed)
        return refusal_response(refusal, common_headers(request, origins))

    app.add_exception_handler(404, not_found)
    app.add_exception_handler(405, not_allowed)
    app.add_middleware(TargetMiddleware, origins=origins)
    return app


class TargetMiddleware:
    """Takes a target in absolute form for its path alone, and refuses headers that are too long."""

    def __init__(self, app: ASGIApp, origins: OriginPolicy) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith("/"):
            path = _ABSOLUTE.sub("", scope["path"], count=1)
            scope = {**scope, "path": path if path.startswith("/") else f"/{path}"}
            scope.pop("raw_path", None)
        size = header_bytes(scope["headers"]) + len(scope["query_string"])
        if scope["type"] == "http" and size > MOST_HEADER_BYTES:
            message = f"The header is over {MOST_HEADER_BYTES} bytes"
            refusal = Refusal(431, "bad_request", message, headers={"Connection": "close"})
            answer = refusal_response(refusal, common_headers(Request(scope), self._origins))
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _not_found() -> Refusal:
    return Refusal(404, "not_found", "There is nothing at this path")


def _app_of_environment() -> FastAPI:
    try:
        return create_app(read_settings())
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(1)


def __getattr__(name: str) -> FastAPI:
    # Made when a server asks for it: who imports `create_app` has an environment of their own.
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = _app_of_environment()
    made: FastAPI = globals()["app"]
    return made
