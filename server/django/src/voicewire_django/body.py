"""Requests' JSON bodies."""

from __future__ import annotations

import json
import re
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from .codes import Refusal

_MOST_BYTES = 4096
"""Enough for every field of a request for tokens with room to spare."""


async def read_json(request: HttpRequest, most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
    """
    Reads a request's JSON body; no body counts as `{}`.

    :raises Refusal: 400, 413 or 415; the message quotes nothing.
    """
    content = await sync_to_async(request.read, thread_sensitive=False)(most_bytes + 1)
    if len(content) > most_bytes:
        raise Refusal(413, "body_too_big", f"The body is over {most_bytes} bytes")
    if not content:
        return {}
    if not re.match(r"application/json\s*(;|$)", request.headers.get("Content-Type") or "", re.IGNORECASE):
        raise Refusal(415, "unsupported_media_type", "The body must be application/json")
    try:
        body = parse_json(content)
    except (ValueError, RecursionError):
        # The parser's message would quote the body.
        raise Refusal(400, "bad_request", "The body is not JSON") from None
    if not isinstance(body, dict):
        raise wrong_field("body")
    return body


def parse_json(text: str | bytes) -> Any:
    """
    JSON without `NaN` and its kin, which other readers refuse.

    :raises ValueError: Where it is none.
    :raises RecursionError: Where it is nested too deep.
    """
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def text_field(body: dict[str, Any], name: str, most: int) -> str:
    """:raises Refusal: 400 where the field is not a text of 1 to `most` characters."""
    value = body.get(name)
    if isinstance(value, str) and 0 < len(value) <= most:
        return value
    raise wrong_field(name)


def choice_field(body: dict[str, Any], name: str, values: tuple[str, ...]) -> str | None:
    """None where the field is missing. :raises Refusal: 400 where it is none of the values."""
    if name not in body:
        return None
    if body[name] in values and isinstance(body[name], str):
        return str(body[name])
    raise wrong_field(name)


def wrong_field(name: str) -> Refusal:
    """What is said of a field: its name, and never what was in it."""
    return Refusal(400, "bad_request", f'The field "{name}" is not what it must be')
