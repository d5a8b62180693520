"""HTTP answers: the shape of refusals, and what every answer carries."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse

from .auth import origin_of
from .codes import Code, Refusal
from .log import RelayLog, error_name
from .origins import OriginPolicy

Model = TypeVar("Model", bound=BaseModel)

# Enough for every field of a request for tokens with room to spare.
MOST_BODY_BYTES = 4096

_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Origin",
    "X-Content-Type-Options": "nosniff",
}
_EXPOSED = "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


class RefusalDetail(BaseModel):
    """Why a request was refused."""

    code: Code
    message: str
    retryAfter: int | None = None  # noqa: N815


class RefusalBody(BaseModel):
    """The body of every refusal."""

    success: bool = False
    error: RefusalDetail


def common_headers(connection: HTTPConnection, origins: OriginPolicy) -> dict[str, str]:
    """What every answer carries, errors too: pages of an allowed origin can read it, nobody keeps it."""
    origin = origin_of(connection)
    if origin is None or not origins.may_read(origin):
        return dict(_SECURITY_HEADERS)
    return {
        **_SECURITY_HEADERS,
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
    }


def refusal_response(refusal: Refusal, headers: Mapping[str, str]) -> Response:
    """A refusal as an answer: ``{ success: false, error: { code, message, retryAfter? } }``."""
    detail = RefusalDetail(code=refusal.code, message=refusal.message, retryAfter=refusal.retry_after)
    own: dict[str, str] = {}
    if refusal.status == 401:
        own["WWW-Authenticate"] = "Bearer"
    if refusal.status == 426:
        own |= {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    if refusal.retry_after is not None:
        own["Retry-After"] = str(refusal.retry_after)
    body = RefusalBody(error=detail).model_dump(exclude_none=True)
    return JSONResponse(body, refusal.status, {**headers, **own, **refusal.headers})


def preflight_response(methods: str) -> Response:
    """The answer to a preflight request of a browser."""
    headers = {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


def as_refusal(error: Exception, log: RelayLog) -> Refusal:
    """Whatever went wrong as a refusal; what nobody foresaw is logged by its name."""
    if isinstance(error, Refusal):
        return error
    log.warn("request failed", error=error_name(error))
    return Refusal(503, "authentication_unavailable", "The request cannot be judged at the moment")


def route_class(origins: OriginPolicy, log: RelayLog) -> type[APIRoute]:
    """A kind of route whose answers, those of refusals too, carry what every answer must."""

    class RelayRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def handle(request: Request) -> Response:
                headers = common_headers(request, origins)
                try:
                    response = await answer(request)
                except ClientDisconnect:
                    return Response(status_code=400)  # nobody is left to read it
                except (HTTPException, RequestValidationError):
                    raise  # of the application's own dependencies
                except Exception as error:
                    return refusal_response(as_refusal(error, log), headers)
                for name, value in headers.items():
                    response.headers.setdefault(name, value)
                return response

            return handle

    return RelayRoute


async def read_body(request: Request, model: type[Model], most: int = MOST_BODY_BYTES) -> Model:
    """
    Reads a request's JSON body; no body counts as ``{}``.

    :raises Refusal: 400, 413 or 415; the message names the field, and quotes nothing.
    """
    text = await _read_bytes(request, most)
    if text:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, "unsupported_media_type", "The body must be application/json")
    try:
        return model.model_validate_json(text or b"{}")
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
        field = str(place[0]) if place and place[0] in model.model_fields else "body"
        raise Refusal(400, "bad_request", f'The field "{field}" is not what it must be') from None


async def _read_bytes(request: Request, most: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise Refusal(413, "body_too_big", f"The body is over {most} bytes")
    return bytes(body)
