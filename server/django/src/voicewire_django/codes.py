"""Why the relay said no, or ended a session: the words of section 20 of the protocol."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Provider = Literal["openai", "deepgram"]


class Refusal(Exception):
    """A request that was turned away, with all that its HTTP answer needs."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        :param code: A word of the protocol's list.
        :param message: One sentence for the developer, with no secret and nothing that was sent.
        :param retry_after: When asking again may help, in whole seconds; None: it will not help.
        """
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ends that neither side has closed."""

    code: str
    """Why, for the log and for the error message that the client gets."""
    close_code: int
    """What the client is closed with."""
    message: str
    upstream_code: int = 1001
    """What the provider is closed with."""
    by: Literal["relay", "upstream"] = "relay"


_CLIENTS_FAULT = frozenset(
    {
        "protocol_error",
        "too_many_fragments",
        "message_too_big",
        "message_forbidden",
        "policy_violation",
        "too_fast",
        "inactivity_timeout",
        "session_limit",
        "revoked",
    }
)
_LIMITS = frozenset({"budget_spent", "upstream_rate_limited"})


def error_notice(provider: Provider, code: str, message: str) -> str:
    """The error message that the client's provider would send, as the JSON text of one message."""
    if provider == "deepgram":
        return _text({"type": "Error", "code": code, "description": message})
    kind = "server_error"
    if code in _CLIENTS_FAULT:
        kind = "invalid_request_error"
    elif code in _LIMITS:
        kind = "rate_limit_error"
    error = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return _text({"type": "error", "event_id": _event_id(), "error": error})


def warning_notice(provider: Provider, code: str, message: str) -> str:
    """Says that the session will end soon, in a shape that no official client takes for a failure."""
    if provider == "deepgram":
        return _text({"type": "Warning", "code": code, "description": message})
    warning = {"code": code, "message": message}
    return _text({"type": "relay.warning", "event_id": _event_id(), "warning": warning})


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _event_id() -> str:
    return f"event_{uuid.uuid4().hex}"
