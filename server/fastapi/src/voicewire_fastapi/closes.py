"""How a WebSocket is closed, and how one side is told how the other ended."""

from dataclasses import dataclass
from typing import Literal

from .codes import Code

EndedBy = Literal["client", "upstream", "relay"]

_MOST_REASON_BYTES = 123


@dataclass(frozen=True, slots=True)
class Close:
    """What a WebSocket was closed with. 1005: a close without a code. 1006: no close at all."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ends."""

    ended_by: EndedBy
    client: Close | None
    """What the client is closed with; None where it is gone or has closed."""
    upstream: Close | None
    """What the provider is closed with; None where it is gone or has closed."""
    code: Code | None = None
    """Why, where it was the relay's doing or a connection was lost."""
    message: str = ""
    """One sentence for the developer, which the client is told before the close."""


_GOING_AWAY = Close(1001)
LOST = Close(1006)


def is_wire_code(code: int) -> bool:
    """Whether a code may stand in a close on the wire: RFC 6455, section 7.4, and IANA's 1012 to 1014."""
    if code >= 3000:
        return code <= 4999
    return 1000 <= code <= 1014 and code not in (1004, 1005, 1006)


def map_code(code: int) -> int:
    """The code that tells one side how the other ended."""
    if code == 1005:
        return 1000
    return code if is_wire_code(code) else 1011


def cut_reason(reason: str) -> str:
    """Cuts a reason to the 123 bytes of UTF-8 that a close has room for, never inside a character."""
    return reason.encode(errors="replace")[:_MOST_REASON_BYTES].decode(errors="ignore")


def by_relay(code: Code, close_code: int, message: str) -> Ending:
    """The relay ends it."""
    return Ending("relay", Close(close_code, code), _GOING_AWAY, code, message)


def by_client(close: Close, secret: str) -> Ending:
    """The client has closed, or is gone."""
    return Ending("client", None, _passed_on(close, secret))


def by_upstream(close: Close, secret: str) -> Ending:
    """The provider has closed."""
    return Ending("upstream", _passed_on(close, secret), None)


UPSTREAM_LOST = Ending(
    "upstream",
    Close(1011, "upstream_lost"),
    None,
    "upstream_lost",
    "The connection to the provider was lost",
)
UPSTREAM_VIOLATION = Ending(
    "relay",
    Close(1011, "upstream_protocol_error"),
    Close(1002),
    "upstream_protocol_error",
    "The provider broke the protocol",
)

_VIOLATIONS: dict[int, tuple[Code, str]] = {
    1002: ("protocol_error", "The message is not what RFC 6455 allows"),
    1007: ("protocol_error", "A text must be UTF-8"),
    1008: ("too_many_fragments", "The message came in too many fragments"),
    1009: ("message_too_big", "The message is too big"),
}


def by_violation(close_code: int) -> Ending:
    """The client broke the protocol or a bound."""
    code, message = _VIOLATIONS[close_code]
    return by_relay(code, close_code, message)


def _passed_on(close: Close, secret: str) -> Close:
    return Close(map_code(close.code), "" if secret in close.reason else cut_reason(close.reason))
