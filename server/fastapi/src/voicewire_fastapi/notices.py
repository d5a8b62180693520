"""What the relay itself says to a client, in the shapes of the client's provider."""

import json
import uuid

from .codes import Code
from .config import Provider

_CLIENTS_FAULT: frozenset[Code] = frozenset(
    {
        "protocol_error",
        "too_many_fragments",
        "message_too_big",
        "too_fast",
        "inactivity_timeout",
        "session_limit",
    }
)
_LIMITS: frozenset[Code] = frozenset({"budget_spent", "upstream_rate_limited"})


def error_notice(provider: Provider, code: Code, message: str) -> str:
    """
    The error message that the provider would send, with a code of the relay's.

    :param message: One sentence for the developer, with no secret and nothing of the provider's own text.
    """
    if provider == "deepgram":
        return _text({"type": "Error", "code": code, "description": message})
    error = {
        "type": _error_type(code),
        "code": code,
        "message": message,
        "param": None,
        "event_id": None,
    }
    return _text({"type": "error", "event_id": _event_id(), "error": error})


def warning_notice(provider: Provider, code: Code, message: str) -> str:
    """Says that the session will end soon, in a shape that no official client takes for a failure."""
    if provider == "deepgram":
        return _text({"type": "Warning", "code": code, "description": message})
    warning = {"code": code, "message": message}
    return _text({"type": "relay.warning", "event_id": _event_id(), "warning": warning})


def _text(message: dict[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"))


def _event_id() -> str:
    return f"event_{uuid.uuid4().hex}"


def _error_type(code: Code) -> str:
    if code in _CLIENTS_FAULT:
        return "invalid_request_error"
    return "rate_limit_error" if code in _LIMITS else "server_error"
