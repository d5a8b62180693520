"""What a WebSocket was closed with, and what that makes of the other side."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_REASON_BYTES = 123


@dataclass(frozen=True, slots=True)
class Close:
    """A close that came. 1005: without a code. 1006: there was none."""

    code: int
    reason: str = ""
    violation: str | None = None
    """What the client has broken, where the server closed it for that: a code of the protocol's."""


def is_wire_code(code: int) -> bool:
    """Whether a code may stand in a close on the wire (RFC 6455 §7.4; 1012 to 1014 are registered with IANA)."""
    if code >= 3000:
        return code <= 4999
    return 1000 <= code <= 1014 and code not in (1004, 1005, 1006)


def map_code(code: int) -> int:
    """The code that tells one side how the other side ended."""
    if code == 1005:
        return 1000
    return code if is_wire_code(code) else 1011


def cut_reason(reason: str) -> str:
    """Cuts a reason to the bytes that a close has room for, never inside a character."""
    return reason.encode()[:_MOST_REASON_BYTES].decode(errors="ignore")


def private_code(code: int) -> int:
    """
    The code in its place where a server sends 1000 and 3000…4999 only and fails on any other: 1011 becomes 4011.
    """
    return code if code == 1000 or code >= 3000 else code + 3000
