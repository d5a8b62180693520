"""What may stand between a client's messages and its provider."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a client's message."""

    passed: tuple[str | bytes, ...] = ()
    """What the provider is sent in its place."""
    to_client: tuple[str, ...] = ()
    """What the client is told."""
    ends: bool = False
    """Whether that was one message too many that is not allowed."""


class MessageFilter(Protocol):
    """Judges every message of one session."""

    def opening(self) -> list[str]:
        """What the provider is sent before anything of the client's."""
        ...

    def from_client(self, message: str | bytes) -> Verdict: ...

    def from_provider(self, message: str | bytes) -> str | bytes | None:
        """What the client gets; None: nothing."""
        ...
