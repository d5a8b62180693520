"""State in memory: for one process."""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .shared import Block, Cap, Caps, Claimant, Expense, Health, Holder, Lease, Verdict, Window

_MOST_KEYS = 100_000
"""Beyond this many keys the oldest are forgotten, so that invented addresses cannot fill the memory."""

REMEMBERED_MS = 2 * 3_600_000
"""
Nothing issued before is good after so long: a ticket lives for an hour at most, clocks differ by two minutes at most
on either side, and a token can be refreshed for a while after its end.
"""

_SWEEP_SECONDS = 10
"""Seldom enough to cost nothing, often enough to stay small."""

DAY_MS = 86_400_000


def digest(text: str) -> str:
    """A name that tells nobody whose it is: 128 bits of the SHA-256, as 32 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def utc_day() -> int:
    """Days since the epoch."""
    return int(time.time() * 1000) // DAY_MS


class MemoryWindows:
    """Windows in memory. Those of one key with other options are other windows."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[tuple[str, int], list[float]] = {}

    async def take(self, key: str, window: Window) -> Verdict:
        verdict = await self.peek(key, window)
        if not verdict.allowed or window.most == 0:
            return verdict
        name = (key, window.length_ms)
        times = self._seen.pop(name, [])
        times.append(self._now() * 1000)
        self._seen[name] = times  # behind all others: a dict is in order of insertion
        if len(self._seen) > _MOST_KEYS:
            del self._seen[next(iter(self._seen))]
        return Verdict(True, verdict.limit, verdict.remaining - 1, 0)

    async def peek(self, key: str, window: Window) -> Verdict:
        if window.most == 0:
            return Verdict(True, 0, 0, 0)
        now = self._now() * 1000
        times = self._seen.get((key, window.length_ms), [])
        del times[: bisect_right(times, now - window.length_ms)]
        remaining = max(0, window.most - len(times))
        if remaining > 0:
            return Verdict(True, window.most, remaining, 0)
        return Verdict(False, window.most, 0, times[-window.most] + window.length_ms - now)


class MemoryBlocks:
    """Blocked keys in memory."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._violations = MemoryWindows(now)
        self._until: dict[str, float] = {}

    async def remaining_ms(self, key: str) -> float:
        rest = self._until.get(key, 0) - self._now() * 1000
        if rest <= 0:
            self._until.pop(key, None)
        return max(0, rest)

    async def violate(self, key: str, block: Block) -> bool:
        if block.threshold == 0 or block.length_ms == 0:
            return False
        verdict = await self._violations.take(key, Window(block.length_ms, block.threshold))
        if verdict.remaining > 0:
            return False
        self._until.pop(key, None)
        self._until[key] = self._now() * 1000 + block.length_ms
        if len(self._until) > _MOST_KEYS:
            del self._until[next(iter(self._until))]
        return True


class MemoryUsedTickets:
    """Used tickets in memory."""

    def __init__(self) -> None:
        self._expiry: dict[str, float] = {}
        self._swept_at = 0.0

    async def has(self, ticket: str) -> bool:
        return ticket in self._expiry

    async def use(self, ticket: str, expires_at: float) -> bool:
        now = time.time()
        if now - self._swept_at > _SWEEP_SECONDS:
            self._swept_at = now
            self._expiry = {known: expiry for known, expiry in self._expiry.items() if expiry > now}
        if ticket in self._expiry:
            return False
        self._expiry[ticket] = expires_at
        return True


class MemoryLeases:
    """Places in memory."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._total = 0

    async def check(self, claimant: Claimant, caps: Caps) -> Cap | None:
        return self.check_now(claimant, caps)

    async def hold(self, claimant: Claimant, caps: Caps) -> Lease:
        refused_by = self.check_now(claimant, caps)
        if refused_by is not None:
            return Lease(refused_by, _nothing)
        return Lease(None, self.hold_now(claimant))

    async def has_room(self, caps: Caps) -> bool:
        return caps.total == 0 or self._total < caps.total

    def check_now(self, claimant: Claimant, caps: Caps) -> Cap | None:
        """As `check`, at once."""
        if 0 < caps.total <= self._total:
            return "total"
        if 0 < caps.per_ip <= self._held.get(f"ip {claimant.ip}", 0):
            return "ip"
        if claimant.user is not None and 0 < caps.per_user <= self._held.get(f"user {claimant.user}", 0):
            return "user"
        return None

    def hold_now(self, claimant: Claimant) -> Callable[[], None]:
        """Holds a place, whatever `check` says. :returns: What gives it back, once."""
        keys = [f"ip {claimant.ip}"] + ([] if claimant.user is None else [f"user {claimant.user}"])
        self._total += 1
        for key in keys:
            self._held[key] = self._held.get(key, 0) + 1

        def release() -> None:
            if not keys:
                return
            self._total -= 1
            for key in keys:
                self._held[key] -= 1
                if self._held[key] == 0:
                    del self._held[key]
            keys.clear()

        return release


class MemorySessions:
    """Sessions of the token service in memory; beyond 100,000 the one longest without a new token is forgotten."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[dict[str, Any], float]] = {}
        self._swept_at = 0.0

    async def get(self, session_id: str) -> dict[str, Any] | None:
        session, forget_at = self._kept.get(session_id, (None, 0.0))
        return session if forget_at > time.time() * 1000 else None

    async def add(self, session_id: str, session: dict[str, Any], forget_at: float) -> None:
        if time.time() - self._swept_at > _SWEEP_SECONDS:
            self._forget_expired()
        self._kept.pop(session_id, None)
        self._kept[session_id] = (session, forget_at)
        if len(self._kept) > _MOST_KEYS:
            del self._kept[next(iter(self._kept))]

    async def replace(self, session_id: str, current: str, session: dict[str, Any], forget_at: float) -> bool:
        found = await self.get(session_id)
        if found is None or found["tokenHash"] != current:
            return False
        await self.add(session_id, session, forget_at)
        return True

    async def count(self) -> int:
        self._forget_expired()
        return len(self._kept)

    def _forget_expired(self) -> None:
        self._swept_at = now = time.time()
        self._kept = {name: kept for name, kept in self._kept.items() if kept[1] > now * 1000}


class MemoryBudgets:
    """What users have used today, in memory. Yesterday is forgotten with the first expense of today."""

    def __init__(self) -> None:
        self._day = 0
        self._spent: dict[str, Expense] = {}

    async def spend(self, expenses: Sequence[Expense]) -> Sequence[Expense]:
        return [self.add(expense) for expense in expenses]

    def add(self, expense: Expense) -> Expense:
        """Counts one expense. :returns: What the user has used today."""
        self._turn()
        before = self._spent.get(expense.user, Expense(expense.user, 0, 0))
        spent = Expense(expense.user, before.tokens + expense.tokens, before.ms + expense.ms)
        if spent.tokens or spent.ms:
            self._spent[expense.user] = spent
        return spent

    def correct(self, spent: Expense) -> None:
        """Puts what is known elsewhere in the place of what was counted here."""
        self._turn()
        self._spent[spent.user] = spent

    def _turn(self) -> None:
        if utc_day() != self._day:
            self._day = utc_day()
            self._spent.clear()


def name_of(*, user: str | None = None, ticket: str | None = None) -> str:
    """How what is revoked is called among instances: no user's name in it."""
    return f"ticket {digest(ticket)}" if ticket is not None else f"user {digest(user or '')}"


class MemoryRevocations:
    """What was revoked, in memory."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._listeners: list[Callable[[], None]] = []

    async def revoke(self, *, user: str | None = None, ticket: str | None = None) -> bool:
        self.learn([(name_of(user=user, ticket=ticket), time.time() * 1000)])
        return True

    async def has(self, holder: Holder) -> bool:
        return self.knows(holder)

    def knows(self, holder: Holder) -> bool:
        if not self._at:
            return False
        oldest = time.time() * 1000 - REMEMBERED_MS
        user_at = self._at.get(name_of(user=holder.user), 0)
        if user_at > oldest and holder.issued_at <= user_at:
            return True
        return holder.ticket is not None and self._at.get(name_of(ticket=holder.ticket), 0) > oldest

    def subscribe(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def learn(self, revoked: Iterable[tuple[str, float]]) -> None:
        """Takes over what was revoked, with the times in ms of the epoch; tells of it where it is new."""
        news = [(name, at) for name, at in revoked if at > self._at.get(name, 0)]
        for name, at in news:
            self._at.pop(name, None)
            self._at[name] = at
        if not news:
            return
        oldest = time.time() * 1000 - REMEMBERED_MS
        while self._at and (len(self._at) > _MOST_KEYS or next(iter(self._at.values())) <= oldest):
            del self._at[next(iter(self._at))]
        for listener in self._listeners:
            listener()

    def all(self) -> list[tuple[str, float]]:
        """What is known of all that still matters."""
        oldest = time.time() * 1000 - REMEMBERED_MS
        return [(name, at) for name, at in self._at.items() if at > oldest]


class MemoryState:
    """State in memory."""

    def __init__(self) -> None:
        self.windows = MemoryWindows()
        self.blocks = MemoryBlocks()
        self.used_tickets = MemoryUsedTickets()
        self.leases = MemoryLeases()
        self.sessions = MemorySessions()
        self.budgets = MemoryBudgets()
        self.revocations = MemoryRevocations()
        self.status: Health = "healthy"

    async def opened(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""


def _nothing() -> None:
    """What a place that is not held gives back."""
