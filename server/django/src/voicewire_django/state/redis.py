"""State on Redis, for all instances with the same server and prefix, those of other languages too."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any

from . import scripts
from .memory import MemoryBlocks, MemoryBudgets, MemoryUsedTickets, MemoryWindows, utc_day
from .redis_leases import RedisLeases
from .redis_link import RedisAwayError, RedisLink
from .redis_revocations import RedisRevocations
from .shared import Block, Expense, Health, Verdict, Window

_BUDGET_SECONDS = 172_800
"""Two days: whatever clocks say, a day is over by then."""


class RedisWindows:
    """Windows on Redis; in memory what this instance allowed itself, which holds while Redis is away and afterwards."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._memory = MemoryWindows()

    async def take(self, key: str, window: Window) -> Verdict:
        here = await self._memory.peek(key, window)
        if window.most == 0 or not here.allowed:
            return here  # what Redis does not know: it was away, or has lost it
        verdict = await self._ask(key, window, counts=True)
        if verdict is None:
            return await self._memory.take(key, window)
        if verdict.allowed:
            await self._memory.take(key, window)
        return verdict

    async def peek(self, key: str, window: Window) -> Verdict:
        here = await self._memory.peek(key, window)
        if window.most == 0 or not here.allowed:
            return here
        return await self._ask(key, window, counts=False) or here

    async def _ask(self, key: str, window: Window, *, counts: bool) -> Verdict | None:
        # A window of another length would cut off what this one has to remember.
        keys = [self._link.key("window", f"{key} in {window.length_ms}")]
        try:
            answer = await self._link.script(scripts.WINDOW, keys, [window.length_ms, window.most, int(counts)])
        except RedisAwayError:
            return None
        allowed, remaining, retry_after_ms = map(int, answer)
        return Verdict(allowed == 1, window.most, remaining, retry_after_ms)


class RedisBlocks:
    """Blocked keys on Redis; in memory what this instance blocked while Redis was away."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._memory = MemoryBlocks()

    async def remaining_ms(self, key: str) -> float:
        here = await self._memory.remaining_ms(key)
        try:
            there = await self._link.run(lambda client: client.pttl(self._link.key("block", key)))
        except RedisAwayError:
            return here
        return max(here, int(there))

    async def violate(self, key: str, block: Block) -> bool:
        here = await self._memory.violate(key, block)
        if block.threshold == 0 or block.length_ms == 0:
            return False
        keys = [self._link.key("violations", f"{key} in {block.length_ms}"), self._link.key("block", key)]
        try:
            return bool(await self._link.script(scripts.VIOLATE, keys, [block.length_ms, block.threshold]) == 1)
        except RedisAwayError:
            return here


class RedisUsedTickets:
    """
    Used tickets on Redis. While that is away a ticket is good once at each instance; what was used meanwhile is made
    known as soon as it is back.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._memory = MemoryUsedTickets()
        self._untold: dict[str, float] = {}
        link.on_back(self._tell)

    async def has(self, ticket: str) -> bool:
        if await self._memory.has(ticket):
            return True
        try:
            return bool(await self._link.run(lambda client: client.exists(self._link.key("ticket", ticket))))
        except RedisAwayError:
            return False

    async def use(self, ticket: str, expires_at: float) -> bool:
        if not await self._memory.use(ticket, expires_at):
            return False
        try:
            return await self._mark(ticket, expires_at)
        except RedisAwayError:
            self._untold[ticket] = expires_at
            return True

    async def _mark(self, ticket: str, expires_at: float) -> bool:
        # One second more than needed: it must not be forgotten before the ticket has expired.
        seconds = max(1, math.ceil(expires_at - time.time()) + 1)
        key = self._link.key("ticket", ticket)
        return bool(await self._link.run(lambda client: client.set(key, "1", ex=seconds, nx=True)))

    async def _tell(self) -> None:
        for ticket, expires_at in list(self._untold.items()):
            if expires_at > time.time():
                await self._mark(ticket, expires_at)
            del self._untold[ticket]


class RedisSessions:
    """The sessions of the token service on Redis; all methods raise while that is away."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def get(self, session_id: str) -> dict[str, Any] | None:
        key = self._link.key("session", session_id)
        text = await self._link.run(lambda client: client.hget(key, "session"))
        return None if text is None else json.loads(text)

    async def add(self, session_id: str, session: dict[str, Any], forget_at: float) -> None:
        await self._put(session_id, "", session, forget_at)

    async def replace(self, session_id: str, current: str, session: dict[str, Any], forget_at: float) -> bool:
        return await self._put(session_id, current, session, forget_at) == 1

    async def count(self) -> int:
        return int(await self._link.script(scripts.COUNT_SESSIONS, [self._link.key("sessions")], []))

    async def _put(self, session_id: str, current: str, session: dict[str, Any], forget_at: float) -> int:
        keys = [self._link.key("session", session_id), self._link.key("sessions")]
        life_ms = math.ceil(forget_at - time.time() * 1000)  # as a length: the clock of Redis may be another
        text = json.dumps(session, separators=(",", ":"))
        return int(await self._link.script(scripts.PUT_SESSION, keys, [current, session["tokenHash"], text, life_ms]))


class RedisBudgets:
    """
    Budgets on Redis. While that is away each instance goes on from what it knew last, and adds what it counted as
    soon as it is back.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._memory = MemoryBudgets()
        self._untold: dict[str, Expense] = {}
        link.on_back(self._tell)

    async def spend(self, expenses: Sequence[Expense]) -> Sequence[Expense]:
        if not expenses:
            return []
        keys = [self._key(expense.user) for expense in expenses]
        try:
            spent = await self._write(keys, expenses)
        except RedisAwayError:
            for key, expense in zip(keys, expenses, strict=True):
                before = self._untold.get(key, Expense(expense.user, 0, 0))
                self._untold[key] = Expense(expense.user, before.tokens + expense.tokens, before.ms + expense.ms)
            return [self._memory.add(expense) for expense in expenses]
        for known in spent:
            self._memory.correct(known)
        return spent

    async def _write(self, keys: Sequence[str], expenses: Sequence[Expense]) -> list[Expense]:
        amounts = [amount for expense in expenses for amount in (expense.tokens, expense.ms)]
        spent = await self._link.script(scripts.SPEND, keys, [_BUDGET_SECONDS, *amounts])
        return [
            Expense(expense.user, int(spent[2 * index]), int(spent[2 * index + 1]))
            for index, expense in enumerate(expenses)
        ]

    async def _tell(self) -> None:
        for key, expense in list(self._untold.items()):
            await self._write([key], [expense])
            del self._untold[key]

    def _key(self, user: str) -> str:
        return self._link.key(f"budget:{utc_day()}", user)


class RedisState:
    """State on Redis. It connects when it is first used, in the event loop that uses it."""

    def __init__(self, url: str, prefix: str, timeout_ms: int) -> None:
        self._link = RedisLink(url, prefix, timeout_ms)
        # First what must be there again before anybody asks.
        self.leases = RedisLeases(self._link)
        self.used_tickets = RedisUsedTickets(self._link)
        self.revocations = RedisRevocations(self._link)
        self.budgets = RedisBudgets(self._link)
        self.windows = RedisWindows(self._link)
        self.blocks = RedisBlocks(self._link)
        self.sessions = RedisSessions(self._link)

    @property
    def status(self) -> Health:
        return "healthy" if self._link.here else "degraded"

    async def opened(self) -> None:
        await self._link.opened()

    async def close(self) -> None:
        self.leases.close()
        self.revocations.close()
        await self._link.close()
