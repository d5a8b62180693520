"""What all instances of a relay and its token service must agree on, and how it is kept in memory."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from .limits import MOST_KEYS, Caps, Claimant, SlidingWindow, Verdict, Window
from .tickets import User

Cap = Literal["total", "ip", "user"]
Mode = Literal["relay", "openai", "deepgram"]
Status = Literal["healthy", "degraded", "unhealthy"]

_DAY_MS = 86_400_000
_SWEEP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TokenSession:
    """What a session of the token service may go on with, until its last token cannot be refreshed any more."""

    user: User
    mode: Mode
    origin: str | None
    """Of the page that began it; None where it came from none."""
    token_hash: str
    """SHA-256 of the current token, as hex: the token itself is kept nowhere."""
    expires_at: float
    """When the current token expires, in ms of the epoch."""
    began_at: float
    refreshes: int

    def as_json(self) -> dict[str, Any]:
        """As every relay on the same Redis writes it."""
        names = {"max_seconds": "maxSeconds"}
        claims = {names.get(name, name): value for name, value in asdict(self.user).items()}
        return {
            "claims": {name: value for name, value in claims.items() if value is not None},
            "mode": self.mode,
            "origin": self.origin,
            "tokenHash": self.token_hash,
            "expiresAt": self.expires_at,
            "beganAt": self.began_at,
            "refreshes": self.refreshes,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "TokenSession":
        claims = dict(kept["claims"])
        user = User(
            claims["user"],
            claims.get("provider"),
            claims.get("model"),
            claims.get("origin"),
            claims.get("maxSeconds"),
        )
        return cls(
            user,
            kept["mode"],
            kept["origin"],
            kept["tokenHash"],
            kept["expiresAt"],
            kept.get("beganAt", 0),
            kept["refreshes"],
        )


@dataclass(frozen=True, slots=True)
class Blocking:
    """Who is refused by a limit ``threshold`` times within ``ms`` is blocked for that long; 0: never."""

    threshold: int = 10
    ms: int = 900_000


@dataclass(frozen=True, slots=True)
class Expense:
    """What a user used now, or has used since midnight UTC."""

    user: str
    tokens: int
    ms: float


Release = Callable[[], None]


class SharedState(Protocol):
    """
    Limits, used tickets, places, sessions and budgets. Where the store is away, what is in memory decides;
    only what concerns sessions then raises :class:`StoreAway`.
    """

    @property
    def status(self) -> Status: ...
    async def open(self) -> None:
        """Connects. Returns as soon as it is known whether the store answers, after a second at the latest."""

    async def close(self) -> None: ...

    async def take(self, key: str, window: Window) -> Verdict:
        """Counts one request, if the window allows it."""
        ...

    async def peek(self, key: str, window: Window) -> Verdict:
        """What ``take`` would say, without counting."""
        ...

    async def blocked_ms(self, key: str) -> float:
        """How long a key is still blocked; 0 where it is not."""
        ...

    async def violate(self, key: str, blocking: Blocking) -> bool:
        """Counts one refusal. Returns whether the key is blocked from now on."""
        ...

    async def was_used(self, ticket: str) -> bool: ...
    async def use(self, ticket: str, expires_at: float) -> bool:
        """Marks a ticket as used; of several callers at once exactly one gets True."""
        ...

    async def check_place(self, claimant: Claimant, caps: Caps) -> Cap | None:
        """Which cap one more session would break; None where none. Nothing changes."""
        ...

    async def hold_place(self, claimant: Claimant, caps: Caps) -> Cap | Release:
        """Checks all caps and holds a place in one step; the second call of what it returns does nothing."""
        ...

    async def has_room(self, caps: Caps) -> bool: ...

    async def session(self, session_id: str) -> TokenSession | None: ...
    async def add_session(self, session_id: str, session: TokenSession, forget_at: float) -> None:
        """Remembers a new session until ``forget_at``, in ms of the epoch."""

    async def replace_session(self, session_id: str, current: str, session: TokenSession, forget_at: float) -> bool:
        """Puts a session in the place of the one with this token; of several callers one gets True."""
        ...

    async def count_sessions(self) -> int: ...

    async def spend(self, expenses: Sequence[Expense]) -> list[Expense]:
        """Counts what users use. Returns what each has used today, in the same order."""
        ...


class StoreAway(Exception):
    """The store did not answer, or is known not to."""


class ConnectionCounts:
    """Counts sessions, in all and for each address and user."""

    def __init__(self) -> None:
        self.total = 0
        self._held: dict[str, int] = {}

    def check(self, claimant: Claimant, caps: Caps) -> Cap | None:
        """Which cap one more session would break."""
        if 0 < caps.total <= self.total:
            return "total"
        if 0 < caps.per_ip <= self._held.get(f"ip {claimant.ip}", 0):
            return "ip"
        if claimant.user is not None and 0 < caps.per_user <= self._held.get(f"user {claimant.user}", 0):
            return "user"
        return None

    def hold(self, claimant: Claimant) -> Release:
        """Holds a place, whatever ``check`` says."""
        keys = [f"ip {claimant.ip}", *([] if claimant.user is None else [f"user {claimant.user}"])]
        self.total += 1
        for key in keys:
            self._held[key] = self._held.get(key, 0) + 1
        held = True

        def release() -> None:
            nonlocal held
            if not held:
                return
            held = False
            self.total -= 1
            for key in keys:
                self._held[key] -= 1
                if self._held[key] == 0:
                    del self._held[key]

        return release


class MemoryBudgets:
    """What users have used today. Yesterday is forgotten with the first expense of today."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._day = -1
        self._spent: dict[str, Expense] = {}

    def add(self, expense: Expense) -> Expense:
        """Counts one expense. Returns what the user has used today."""
        self._turn()
        before = self._spent.get(expense.user, Expense(expense.user, 0, 0))
        spent = Expense(expense.user, before.tokens + expense.tokens, before.ms + expense.ms)
        if spent.tokens > 0 or spent.ms > 0:
            self._spent[expense.user] = spent
        return spent

    def correct(self, spent: Expense) -> None:
        """Puts what is known elsewhere in the place of what was counted here."""
        self._turn()
        self._spent[spent.user] = spent

    def _turn(self) -> None:
        day = utc_day(self._now())
        if day != self._day:
            self._day = day
            self._spent.clear()


class MemoryState:
    """State in memory: for one process."""

    def __init__(self) -> None:
        self._windows: dict[Window, SlidingWindow] = {}
        self._blocked: dict[str, float] = {}
        self._used: dict[str, float] = {}
        self._sessions: dict[str, tuple[TokenSession, float]] = {}
        self._swept_at = 0.0
        self.places = ConnectionCounts()
        self.budgets = MemoryBudgets()

    @property
    def status(self) -> Status:
        return "healthy"

    async def open(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)

    async def take(self, key: str, window: Window) -> Verdict:
        return self._window(window).take(key)

    async def peek(self, key: str, window: Window) -> Verdict:
        return self._window(window).peek(key)

    async def blocked_ms(self, key: str) -> float:
        return max(0.0, (self._blocked.get(key, 0) - time.monotonic()) * 1000)

    async def violate(self, key: str, blocking: Blocking) -> bool:
        if blocking.threshold == 0 or blocking.ms == 0:
            return False
        refusals = self._window(Window(blocking.ms, blocking.threshold)).take(f"violations {key}")
        if refusals.remaining > 0:
            return False
        self._blocked.pop(key, None)  # behind all others: the dict is in order of the last block
        self._blocked[key] = time.monotonic() + blocking.ms / 1000
        if len(self._blocked) > MOST_KEYS:
            del self._blocked[next(iter(self._blocked))]
        return True

    async def was_used(self, ticket: str) -> bool:
        return ticket in self._used

    async def use(self, ticket: str, expires_at: float) -> bool:
        self._sweep()
        if ticket in self._used:
            return False
        self._used[ticket] = expires_at
        return True

    async def check_place(self, claimant: Claimant, caps: Caps) -> Cap | None:
        return self.places.check(claimant, caps)

    async def hold_place(self, claimant: Claimant, caps: Caps) -> Cap | Release:
        return self.places.check(claimant, caps) or self.places.hold(claimant)

    async def has_room(self, caps: Caps) -> bool:
        return caps.total == 0 or self.places.total < caps.total

    async def session(self, session_id: str) -> TokenSession | None:
        session, forget_at = self._sessions.get(session_id, (None, 0))
        return session if forget_at > time.time() * 1000 else None

    async def add_session(self, session_id: str, session: TokenSession, forget_at: float) -> None:
        self._sweep()
        self._sessions.pop(session_id, None)  # behind all others: the dict is in order of the last token
        self._sessions[session_id] = (session, forget_at)
        if len(self._sessions) > MOST_KEYS:
            del self._sessions[next(iter(self._sessions))]

    async def replace_session(self, session_id: str, current: str, session: TokenSession, forget_at: float) -> bool:
        # Nothing is awaited in between, so nobody else comes in between.
        before = self._sessions.get(session_id)
        if before is None or before[0].token_hash != current:
            return False
        await self.add_session(session_id, session, forget_at)
        return True

    async def count_sessions(self) -> int:
        self._sweep(now=True)
        return len(self._sessions)

    async def spend(self, expenses: Sequence[Expense]) -> list[Expense]:
        return [self.budgets.add(expense) for expense in expenses]

    def _window(self, window: Window) -> SlidingWindow:
        return self._windows.setdefault(window, SlidingWindow(window))

    def _sweep(self, *, now: bool = False) -> None:
        """Forgets what expired: seldom enough to cost nothing, often enough to stay small."""
        if not now and time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        today = time.time()
        self._used = {ticket: until for ticket, until in self._used.items() if until >= today}
        self._sessions = {key: kept for key, kept in self._sessions.items() if kept[1] > today * 1000}


def utc_day(now: float) -> int:
    """The UTC day of a time in seconds of the epoch, as days since the epoch."""
    return int(now * 1000 // _DAY_MS)


def seconds_of_day_left(now: float) -> int:
    """Until the next UTC day, in whole seconds, at least 1."""
    return max(1, math.ceil((_DAY_MS - now * 1000 % _DAY_MS) / 1000))
