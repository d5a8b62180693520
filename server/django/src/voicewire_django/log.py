"""JSON lines, whose fields are known: whatever else is passed stays inside."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from .addresses import client_address
from .origins import is_origin

logger = logging.getLogger("voicewire")

_LEVELS = {"trace": 10, "debug": 10, "info": 20, "warn": 30, "error": 40, "fatal": 50, "silent": 100}
_NUMBERS = {logging.INFO: 30, logging.WARNING: 40}
"""As in the relay for Node, whose lines these can stand beside."""


def _text(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _origin(value: Any) -> bool:
    return isinstance(value, str) and (value == "null" or (len(value) <= 256 and is_origin(value)))


def _address(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    host = value.removesuffix("/64")
    return re.fullmatch(r"[\da-fA-F.:]{2,45}", host) is not None and client_address(host, "", 0) != ""


_word = _text(r"[a-z][a-z_]{0,39}")
_uuid = _text(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}")

_FIELDS: dict[str, Callable[[Any], bool]] = {
    "id": _uuid,
    "user": _text(r"[\da-f]{16}"),
    "path": _text(r"/v[12]/(realtime|agent/converse|listen)"),
    "provider": _word,
    "origin": _origin,
    "address": _address,
    "sessionId": _uuid,
    "log": _word,
    "event": _word,
    "mode": _word,
    "key": _text(r"ip|user"),
    "code": _word,
    "endedBy": _word,
    "function": _text(r"[\w-]{1,64}"),
    "error": _text(r"[A-Za-z_]{1,60}"),
    "ticket": _uuid,
    "status": _count,
    "upstreamStatus": _count,
    "clientCloseCode": _count,
    "upstreamCloseCode": _count,
    "sessions": _count,
    "at": _number,
    "durationMs": _number,
    "connectMs": _number,
    "bytesUp": _count,
    "bytesDown": _count,
    "messagesUp": _count,
    "messagesDown": _count,
}
_MESSAGE = re.compile(r"[A-Za-z]{1,20}(?:[,:]? [A-Za-z]{1,20}){0,23}")


def info(message: str, **fields: Any) -> None:
    """Writes a line."""
    _write(logging.INFO, message, fields)


def warn(message: str, **fields: Any) -> None:
    """Writes a line that somebody should look at."""
    _write(logging.WARNING, message, fields)


def allowed_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that may be logged; None may be in all of them."""
    return {
        name: value for name, value in fields.items() if name in _FIELDS and (value is None or _FIELDS[name](value))
    }


def error_name(error: BaseException) -> str:
    """All that is logged of an error: its message could hold anything."""
    return type(error).__name__


def set_up(level: str) -> None:
    """
    Has lines written to standard output, unless Django's `LOGGING` says where the logger `voicewire` writes, and
    keeps queries, which may hold tickets, out of what the server in front of Django logs.
    """
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(_LEVELS[level])
    for name in ("uvicorn.error", "uvicorn.access", "django.request", "daphne.server", "daphne.ws_protocol"):
        server = logging.getLogger(name)
        if not any(isinstance(known, WithoutQueries) for known in server.filters):
            server.addFilter(WithoutQueries())


class WithoutQueries(logging.Filter):
    """
    Cuts queries off whatever a server logs: uvicorn writes them with every WebSocket, at the level of its start. What
    it has a library write when it logs everything, which is headers and messages, is dropped.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno <= logging.DEBUG and f"{os.sep}websockets{os.sep}" in record.pathname:
            return False  # headers and messages
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        record.msg = _without_query(record.msg)
        return True


def _without_query(value: Any) -> Any:
    return re.sub(r"\?[^\s\"']*", "", value) if isinstance(value, str) else value


def _write(level: int, message: str, fields: dict[str, Any]) -> None:
    text = message if _MESSAGE.fullmatch(message) else "message withheld"
    line = {
        "level": _NUMBERS[level],
        "time": round(time.time() * 1000),
        **allowed_fields(fields),
        "msg": text,
    }
    logger.log(level, "%s", json.dumps(line, separators=(",", ":")))
