"""JSON lines by allow-list: whatever else is passed to the log stays inside."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from .origins import is_origin

Log = Callable[..., None]

_UUID = re.compile(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}")
_WORD = re.compile(r"[a-z][a-z_]{0,39}")
_ADDRESS = re.compile(r"[\da-f.:]{1,45}(/64)?")
# Plain words: what carries a key, a ticket, a URL or an id has digits, dots or signs, or is longer.
_MESSAGE = re.compile(r"[A-Za-z]{1,20}(?:[,:]? [A-Za-z]{1,20}){0,23}")

_LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "silent": logging.CRITICAL + 10,
}
# As every relay of the project writes them: 30 is info, 40 is warn.
_NUMBERS = {logging.DEBUG: 20, logging.INFO: 30, logging.WARNING: 40, logging.ERROR: 50, logging.CRITICAL: 60}


def _text(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _origin(value: object) -> bool:
    return value == "null" or (isinstance(value, str) and len(value) <= 256 and is_origin(value))


# Every field that a line may have, and what may be in it; None may be in all of them.
_FIELDS: Mapping[str, Callable[[object], bool]] = {
    "id": _text(_UUID),
    "user": _text(re.compile(r"[\da-f]{16}")),
    "path": _text(re.compile(r"/v[12]/(realtime|agent/converse|listen)")),
    "provider": _text(_WORD),
    "origin": _origin,
    "address": _text(_ADDRESS),
    "sessionId": _text(_UUID),
    "log": _text(_WORD),
    "event": _text(_WORD),
    "mode": _text(_WORD),
    "key": _text(re.compile(r"ip|user")),
    "code": _text(_WORD),
    "endedBy": _text(_WORD),
    "function": _text(re.compile(r"[\w-]{1,64}")),
    "error": _text(re.compile(r"[A-Za-z_]{1,60}")),
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


def allowed_fields(given: Mapping[str, object]) -> dict[str, object]:
    """Of the given fields those that may be logged."""
    return {name: value for name, value in given.items() if name in _FIELDS and (value is None or _FIELDS[name](value))}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``level`` as a number, ``time`` in ms of the epoch, the allowed fields, ``msg``."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        message = record.getMessage()
        return json.dumps(
            {
                "level": _NUMBERS.get(record.levelno, 30),
                "time": int(time.time() * 1000),
                **allowed_fields(fields),
                "msg": message if _MESSAGE.fullmatch(message) else "message withheld",
            },
            separators=(",", ":"),
        )


class QuietHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream. What cannot be written is dropped, and ends nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        del record  # there is nowhere left to say so, and a session is worth more than its line


class RelayLog:
    """What the relay has to say, on the logger ``voicewire`` of the standard library."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        """:param logger: Gets every line with the allowed fields in ``record.fields``."""
        self._logger = logger or logging.getLogger("voicewire")

    def info(self, message: str, /, **fields: object) -> None:
        self._write(logging.INFO, message, fields)

    def warn(self, message: str, /, **fields: object) -> None:
        self._write(logging.WARNING, message, fields)

    def _write(self, level: int, message: str, fields: Mapping[str, object]) -> None:
        self._logger.log(level, message, extra={"fields": allowed_fields(fields)})


class _NoQueries(logging.Filter):
    """Takes queries out of a server's lines, as they can hold tickets."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(value.partition("?")[0] if isinstance(value, str) else value for value in record.args)
        return True


_NO_QUERIES = _NoQueries()


def hide_queries() -> None:
    """Keeps uvicorn, which logs whole targets of requests and of upgrades, from logging tickets."""
    for name in ("uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).addFilter(_NO_QUERIES)  # the same one twice counts once


def log_to_stdout(level: str) -> None:
    """Has ``voicewire`` write JSON lines to standard output, from this level on."""
    handler = QuietHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("voicewire")
    logger.handlers = [handler]
    logger.setLevel(_LEVELS[level])
    logger.propagate = False


def error_name(error: BaseException) -> str:
    """All that may be logged of an error: its message could hold anything."""
    return type(error).__name__
