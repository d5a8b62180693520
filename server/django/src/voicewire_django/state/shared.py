"""
The seam between the relay and what its instances share.

Nothing here raises where the store is away, except `Sessions`: what was in memory then decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Health = Literal["healthy", "degraded", "unhealthy"]
Cap = Literal["total", "ip", "user"]


@dataclass(frozen=True, slots=True)
class Window:
    """How often per window; 0 requests: no limit."""

    length_ms: int
    most: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window says about one more request."""

    allowed: bool
    limit: int
    remaining: int
    retry_after_ms: float
    """Until the next one is allowed; 0 where it is allowed now."""


@dataclass(frozen=True, slots=True)
class Block:
    """When somebody who goes on after being refused is blocked, and for how long; 0: never."""

    threshold: int
    length_ms: int


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who wants a session."""

    ip: str
    user: str | None
    """None where nobody knows: only the other caps apply."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The greatest numbers of sessions at one time; 0: no limit."""

    total: int
    per_ip: int
    per_user: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A place among the sessions, or the cap that left none."""

    refused_by: Cap | None
    release: Callable[[], None]
    """Gives the place back; only the first call counts."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What holds a right that can be revoked."""

    user: str
    ticket: str | None
    """`jti`; None where no ticket of ours was shown."""
    issued_at: float
    """In ms of the epoch."""


@dataclass(frozen=True, slots=True)
class Expense:
    """What somebody used now, or a user today."""

    user: str
    tokens: int
    ms: int


class Windows(Protocol):
    """True sliding windows: in no stretch of their length are more than `most` allowed for one key."""

    async def take(self, key: str, window: Window) -> Verdict:
        """Counts one request, if it is allowed."""

    async def peek(self, key: str, window: Window) -> Verdict:
        """What `take` would say, without counting."""


class Blocks(Protocol):
    """Shuts out for a while whoever keeps on after being refused."""

    async def remaining_ms(self, key: str) -> float:
        """How long a key is still blocked; 0 where it is not."""

    async def violate(self, key: str, block: Block) -> bool:
        """Counts one refusal. :returns: Whether the key is blocked from now on."""


class UsedTickets(Protocol):
    """Remembers which tickets were used, at least until they expire."""

    async def has(self, ticket: str) -> bool:
        """Whether a ticket was used."""

    async def use(self, ticket: str, expires_at: float) -> bool:
        """Marks a ticket as used; of several callers at once exactly one gets True."""


class Leases(Protocol):
    """Places for sessions: in all, and for each address and user."""

    async def check(self, claimant: Claimant, caps: Caps) -> Cap | None:
        """Which cap one more session would break; nothing changes."""

    async def hold(self, claimant: Claimant, caps: Caps) -> Lease:
        """Checks all caps and holds a place, in one step."""

    async def has_room(self, caps: Caps) -> bool:
        """Whether there is room for one more session in all."""


class Sessions(Protocol):
    """The token service's sessions, as JSON objects with `tokenHash`, until they cannot be refreshed any more."""

    async def get(self, session_id: str) -> dict[str, Any] | None:
        """None where there is none, or it was forgotten."""

    async def add(self, session_id: str, session: dict[str, Any], forget_at: float) -> None:
        """Remembers a new session until `forget_at`, in ms of the epoch."""

    async def replace(self, session_id: str, current: str, session: dict[str, Any], forget_at: float) -> bool:
        """Puts another state in the place of the one whose hash is `current`; exactly one of several gets True."""

    async def count(self) -> int:
        """How many there are."""


class Budgets(Protocol):
    """Counts what users use per UTC day."""

    async def spend(self, expenses: Sequence[Expense]) -> Sequence[Expense]:
        """What each has used today, these expenses included, in the same order."""


class Revocations(Protocol):
    """Remembers what was revoked until no ticket can live that long, and tells all instances at once."""

    async def revoke(self, *, user: str | None = None, ticket: str | None = None) -> bool:
        """Whether all instances were told; otherwise they are as soon as the store is back."""

    async def has(self, holder: Holder) -> bool:
        """Whether a right was revoked."""

    def knows(self, holder: Holder) -> bool:
        """What is known of it here, without asking."""

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Tells when something was revoked, here or elsewhere; `knows` then knows it."""


class SharedState(Protocol):
    """All of it."""

    @property
    def windows(self) -> Windows: ...
    @property
    def blocks(self) -> Blocks: ...
    @property
    def used_tickets(self) -> UsedTickets: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def revocations(self) -> Revocations: ...
    @property
    def status(self) -> Health:
        """`degraded` while every instance decides for itself, as the store is away."""

    async def opened(self) -> None:
        """Connects, where that has not begun; returns when it is known whether the store answers."""

    async def close(self) -> None:
        """Gives up all connections."""
