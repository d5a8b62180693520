"""State on Redis, for all instances with the same server and prefix, relays in other languages among them."""

import asyncio
import json
import math
import time
import uuid
from collections.abc import Sequence

from .limits import Caps, Claimant, Verdict, Window
from .log import RelayLog
from .redis_link import RedisLink
from .redis_scripts import (
    COUNT_SESSIONS,
    HOLD,
    PUT_SESSION,
    RELEASE,
    RENEW,
    SPEND,
    VIOLATE,
    WINDOW,
)
from .state import (
    Blocking,
    Cap,
    Expense,
    MemoryState,
    Release,
    Status,
    StoreAway,
    TokenSession,
    utc_day,
)

_LEASE_MS = 60_000
# Renewed so often within its life that a lease outlives a renewal that fails.
_RENEWALS = 3
# In one command: some milliseconds, as more would hold up others.
_MOST_AT_ONCE = 500
# Whatever clocks say, a day is over by then.
_BUDGET_LIFE_SECONDS = 172_800
_CAPS: tuple[Cap, ...] = ("total", "ip", "user")


class RedisState:
    """
    What all instances agree on. While Redis is away each of them counts for itself, in memory, and tells what must not
    be forgotten as soon as it is back; sessions of the token service cannot be kept then.
    """

    def __init__(self, url: str, prefix: str, log: RelayLog) -> None:
        self._link = RedisLink(url, prefix, log)
        self._memory = MemoryState()
        self._instance = str(uuid.uuid4())
        self._leases: dict[str, list[str]] = {}
        self._lease_count = 0
        self._untold_tickets: dict[str, float] = {}
        self._untold_expenses: dict[tuple[str, str], Expense] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._releasing: set[asyncio.Task[None]] = set()
        self._link.on_back(self._renew)
        self._link.on_back(self._tell)

    @property
    def status(self) -> Status:
        return "healthy" if self._link.here else "degraded"

    async def open(self) -> None:
        await self._link.open()
        self._renewing = asyncio.create_task(self._keep_renewing())

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await asyncio.gather(*self._releasing, return_exceptions=True)
        await self._link.close()

    # Windows and blocks

    async def take(self, key: str, window: Window) -> Verdict:
        here = await self._memory.peek(key, window)
        if window.most == 0 or not here.allowed:
            return here  # what Redis does not know: it was away, or has lost it
        verdict = await self._ask_window(key, window, counts=True)
        if verdict is None or verdict.allowed:
            counted = await self._memory.take(key, window)
            return verdict or counted
        return verdict

    async def peek(self, key: str, window: Window) -> Verdict:
        here = await self._memory.peek(key, window)
        if window.most == 0 or not here.allowed:
            return here
        return await self._ask_window(key, window, counts=False) or here

    async def _ask_window(self, key: str, window: Window, *, counts: bool) -> Verdict | None:
        # A window of another length would cut off what this one has to remember.
        keys = [self._link.key("window", f"{key} in {window.length_ms}")]
        try:
            answer = await self._link.script(WINDOW, keys, [window.length_ms, window.most, int(counts)])
        except StoreAway:
            return None
        allowed, remaining, retry_after_ms = answer
        return Verdict(allowed == 1, window.most, remaining, retry_after_ms)

    async def blocked_ms(self, key: str) -> float:
        here = await self._memory.blocked_ms(key)
        try:
            there = await self._link.run(lambda client: client.pttl(self._link.key("block", key)))
        except StoreAway:
            return here
        return max(here, there)

    async def violate(self, key: str, blocking: Blocking) -> bool:
        here = await self._memory.violate(key, blocking)
        if blocking.threshold == 0 or blocking.ms == 0:
            return False
        keys = [self._link.key("violations", f"{key} in {blocking.ms}"), self._link.key("block", key)]
        try:
            return bool(await self._link.script(VIOLATE, keys, [blocking.ms, blocking.threshold]) == 1)
        except StoreAway:
            return here

    # Tickets

    async def was_used(self, ticket: str) -> bool:
        if await self._memory.was_used(ticket):
            return True
        try:
            found = await self._link.run(lambda client: client.exists(self._link.key("ticket", ticket)))
        except StoreAway:
            return False  # as far as this instance knows
        return found == 1

    async def use(self, ticket: str, expires_at: float) -> bool:
        if not await self._memory.use(ticket, expires_at):
            return False
        try:
            return await self._mark(ticket, expires_at)
        except StoreAway:
            self._untold_tickets[ticket] = expires_at
            return True

    async def _mark(self, ticket: str, expires_at: float) -> bool:
        # One second more than needed: it must not be forgotten before the ticket has expired.
        seconds = max(1, math.ceil(expires_at - time.time()) + 1)
        key = self._link.key("ticket", ticket)
        return bool(await self._link.run(lambda client: client.set(key, "1", ex=seconds, nx=True)))

    # Places

    async def check_place(self, claimant: Claimant, caps: Caps) -> Cap | None:
        here = await self._memory.check_place(claimant, caps)
        return here or await self._ask_place("", claimant, caps)

    async def hold_place(self, claimant: Claimant, caps: Caps) -> Cap | Release:
        # Held here first: what this instance has alone can be too much already, and others may come in meanwhile.
        here = await self._memory.hold_place(claimant, caps)
        if isinstance(here, str):
            return here
        self._lease_count += 1
        lease = f"{self._instance}:{self._lease_count}"
        refused_by = await self._ask_place(lease, claimant, caps)
        if refused_by is not None:
            here()
            return refused_by
        self._leases[lease] = self._lease_keys(claimant)

        def release() -> None:
            keys = self._leases.pop(lease, None)
            if keys is None:
                return
            here()
            task = asyncio.create_task(self._give_back(lease, keys))
            self._releasing.add(task)
            task.add_done_callback(self._releasing.discard)

        return release

    async def has_room(self, caps: Caps) -> bool:
        if caps.total == 0:
            return True
        if not await self._memory.has_room(caps):
            return False
        try:
            return bool(await self._link.script(HOLD, [self._link.key("leases")], ["", 0, caps.total]) == 0)
        except StoreAway:
            return True  # as far as this instance knows

    async def _ask_place(self, lease: str, claimant: Claimant, caps: Caps) -> Cap | None:
        args: list[str | int] = [lease, _LEASE_MS, caps.total, caps.per_ip, caps.per_user]
        try:
            full = await self._link.script(HOLD, self._lease_keys(claimant), args)
        except StoreAway:
            return None  # it was checked here
        return _CAPS[full - 1] if full > 0 else None

    def _lease_keys(self, claimant: Claimant) -> list[str]:
        keys = [self._link.key("leases"), self._link.key("leases:ip", claimant.ip)]
        return keys if claimant.user is None else [*keys, self._link.key("leases:user", claimant.user)]

    async def _give_back(self, lease: str, keys: Sequence[str]) -> None:
        try:
            await self._link.script(RELEASE, keys, [lease])
        except StoreAway:
            return  # it expires

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(_LEASE_MS / 1000 / _RENEWALS)
            try:
                await self._renew()
            except StoreAway:
                continue  # there is time for another

    async def _renew(self) -> None:
        held = list(self._leases.items())
        for start in range(0, len(held), _MOST_AT_ONCE):
            # Some may have been given back while the ones before were renewed.
            some = [(lease, keys) for lease, keys in held[start : start + _MOST_AT_ONCE] if lease in self._leases]
            keys = [key for _, of_lease in some for key in of_lease]
            leases = [lease for lease, of_lease in some for _ in of_lease]
            await self._link.script(RENEW, keys, [_LEASE_MS, *leases])

    # Sessions of the token service

    async def session(self, session_id: str) -> TokenSession | None:
        key = self._link.key("session", session_id)
        text = await self._link.run(lambda client: client.hget(key, "session"))
        return None if text is None else TokenSession.from_json(json.loads(text))

    async def add_session(self, session_id: str, session: TokenSession, forget_at: float) -> None:
        await self._put(session_id, "", session, forget_at)

    async def replace_session(self, session_id: str, current: str, session: TokenSession, forget_at: float) -> bool:
        return await self._put(session_id, current, session, forget_at)

    async def count_sessions(self) -> int:
        return int(await self._link.script(COUNT_SESSIONS, [self._link.key("sessions")], []))

    async def _put(self, session_id: str, current: str, session: TokenSession, forget_at: float) -> bool:
        keys = [self._link.key("session", session_id), self._link.key("sessions")]
        life_ms = math.ceil(forget_at - time.time() * 1000)  # as a length: the clock of Redis may be another
        args: list[str | int] = [current, session.token_hash, json.dumps(session.as_json()), life_ms]
        return bool(await self._link.script(PUT_SESSION, keys, args) == 1)

    # Budgets

    async def spend(self, expenses: Sequence[Expense]) -> list[Expense]:
        if not expenses:
            return []
        keys = [self._link.key(f"budget:{utc_day(time.time())}", expense.user) for expense in expenses]
        try:
            spent = await self._write_expenses(keys, expenses)
        except StoreAway:
            for key, expense in zip(keys, expenses, strict=True):
                self._keep_expense(key, expense)
            return await self._memory.spend(expenses)
        for expense in spent:
            self._memory.budgets.correct(expense)
        return spent

    async def _write_expenses(self, keys: Sequence[str], expenses: Sequence[Expense]) -> list[Expense]:
        amounts = [amount for expense in expenses for amount in (expense.tokens, math.ceil(expense.ms))]
        spent = await self._link.script(SPEND, keys, [_BUDGET_LIFE_SECONDS, *amounts])
        return [Expense(expense.user, spent[2 * index], spent[2 * index + 1]) for index, expense in enumerate(expenses)]

    def _keep_expense(self, key: str, expense: Expense) -> None:
        if expense.tokens == 0 and expense.ms == 0:
            return
        before = self._untold_expenses.get((key, expense.user), Expense(expense.user, 0, 0))
        self._untold_expenses[key, expense.user] = Expense(
            expense.user, before.tokens + expense.tokens, before.ms + expense.ms
        )

    # What must not be forgotten

    async def _tell(self) -> None:
        for ticket, expires_at in list(self._untold_tickets.items()):
            if expires_at > time.time():
                await self._mark(ticket, expires_at)
            del self._untold_tickets[ticket]
        for (key, user), expense in list(self._untold_expenses.items()):
            # Before it is written: what Redis may have counted is rather forgotten than counted for ever.
            del self._untold_expenses[key, user]
            await self._write_expenses([key], [expense])
