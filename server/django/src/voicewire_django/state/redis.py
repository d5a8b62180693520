"""State on Redis, for all instances with the same server and prefix, those of other languages too."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from .. import log
from . import scripts
from .memory import (
    REMEMBERED_MS,
    MemoryBlocks,
    MemoryBudgets,
    MemoryLeases,
    MemoryRevocations,
    MemoryUsedTickets,
    MemoryWindows,
    digest,
    name_of,
    utc_day,
)
from .shared import Block, Cap, Caps, Claimant, Expense, Health, Holder, Lease, Verdict, Window

_MOST_CLOSING_SECONDS = 0.1
_PROBE_SECONDS = 0.25
"""How often a Redis that is away is tried again."""
_LEASE_MS = 60_000
"""A place is held so long unless it is renewed, so that an instance that was killed gives its own back."""
_RENEWALS = 3
"""Within a lease's life, so that it outlives a renewal that fails."""
_MOST_RENEWED = 500
_CATCH_UP_SECONDS = 10
"""Should a subscription be lost without a sign, what was published is found so late."""
_BUDGET_SECONDS = 172_800
"""Two days: whatever clocks say, a day is over by then."""
_CAPS: tuple[Cap, ...] = ("total", "ip", "user")


class RedisAwayError(Exception):
    """Redis did not answer, or is known not to: what is in memory decides."""


class RedisLink:
    """
    The connection to Redis. After the first answer that does not come in time every command fails at once, until a
    trial in the background was answered.
    """

    def __init__(self, url: str, prefix: str, timeout_ms: int) -> None:
        """:param timeout_ms: How long Redis may take for one answer before it counts as away."""
        self.prefix = prefix
        self._timeout = timeout_ms / 1000
        # Nothing waits for a Redis that is away, neither in a queue nor for another try.
        self._client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=1,
            decode_responses=True,
            health_check_interval=0,
        )
        self._here: bool | None = None
        self._on_back: list[Callable[[], Awaitable[None]]] = []
        self._prober: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        self._chores: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def here(self) -> bool:
        """Whether commands are tried at all."""
        return self._here is True

    def key(self, kind: str, owner: str | None = None) -> str:
        """A key, or a channel: whose it is can be seen only from the digest of `owner`."""
        return f"{self.prefix}{kind}" + ("" if owner is None else f":{digest(owner)}")

    def on_back(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Calls `callback` whenever Redis is there, for the first time or again."""
        self._on_back.append(callback)

    async def opened(self) -> None:
        """Returns when the first answer or failure is there, at the latest after a second."""
        self._start()
        try:
            async with asyncio.timeout(1):
                await self._first.wait()
        except TimeoutError:
            pass

    def chore(self, work: Any) -> None:
        """Does something in the background; a Redis that is away meanwhile is no failure of it."""
        task = asyncio.ensure_future(_quietly(work))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def script(self, text: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Runs one script. :raises RedisAwayError: Where no answer comes in time."""

        async def evaluate(client: Any) -> Any:
            try:
                return await client.evalsha(_sha(text), len(keys), *keys, *arguments)
            except NoScriptError:
                return await client.eval(text, len(keys), *keys, *arguments)

        return await self.run(evaluate)

    async def run(self, command: Callable[[Any], Awaitable[Any]]) -> Any:
        """Runs any command. :raises RedisAwayError: Where no answer comes in time."""
        if not self.here:
            self._start()
            raise RedisAwayError
        try:
            return await self._answer(command(self._client))
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            raise RedisAwayError from None

    async def _answer(self, asked: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(asked)
        loop = asyncio.get_running_loop()
        try:
            until = loop.time() + self._timeout
            await asyncio.wait([task], timeout=self._timeout)
            if not task.done() and loop.time() - until > self._timeout / 10:
                # It is this process that was late: the answer may have been here before it looked.
                await asyncio.wait([task], timeout=self._timeout)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            task.cancel()

    async def listen(self, channel: str, heard: Callable[[str], None], ready: Callable[[], Awaitable[None]]) -> None:
        """Hears what is published, until it is cancelled; `ready` whenever something may have been missed."""
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(channel)
                    await ready()
                    async for message in subscription.listen():
                        if message["type"] == "message":
                            heard(message["data"])
            except (RedisError, OSError):
                pass  # commands find out, too, and say so
            await asyncio.sleep(_PROBE_SECONDS)

    async def close(self) -> None:
        """Gives up all connections. What was sent before is answered, or is not in time."""
        self._closed = True
        if self._prober is not None:
            self._prober.cancel()
        if self._chores:
            await asyncio.wait(self._chores, timeout=_MOST_CLOSING_SECONDS)
        for task in self._chores:
            task.cancel()
        await _quietly(self._client.aclose())

    def _start(self) -> None:
        if self._prober is None and not self._closed:
            self._prober = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        while True:
            if not self.here:
                try:
                    async with asyncio.timeout(1):
                        # Those that were kept are as dead as the Redis they led to.
                        await self._client.connection_pool.disconnect(inuse_connections=False)
                        # As a Redis that only reads cannot count.
                        await self._client.set(self.key("probe"), "1", px=1000)
                except (RedisError, OSError, TimeoutError) as error:
                    self._lose(error)
                else:
                    await self._find()
            await asyncio.sleep(_PROBE_SECONDS)

    async def _find(self) -> None:
        if self._here is False:
            log.info("redis is back")
        self._here = True
        for callback in self._on_back:
            await _quietly(callback())
        self._first.set()

    def _lose(self, error: BaseException) -> None:
        self._first.set()
        if self._here is False:
            return
        self._here = False
        log.warn("redis is away: every instance counts for itself", error=log.error_name(error))
        self._start()


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


class RedisLeases:
    """Places on Redis that expire unless they are renewed."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._here = MemoryLeases()
        self._held: dict[str, list[str]] = {}
        self._instance = uuid.uuid4()
        self._count = 0
        self._renewer: asyncio.Task[None] | None = None
        link.on_back(self._renew)

    async def check(self, claimant: Claimant, caps: Caps) -> Cap | None:
        return self._here.check_now(claimant, caps) or await self._ask("", claimant, caps)

    async def hold(self, claimant: Claimant, caps: Caps) -> Lease:
        # Held here first: what this instance has alone can be too much already, and others may come in meanwhile.
        lease = await self._here.hold(claimant, caps)
        if lease.refused_by is not None:
            return lease
        self._count += 1
        name = f"{self._instance}:{self._count}"
        try:
            refused_by = await self._ask(name, claimant, caps)
        except BaseException:
            lease.release()
            raise
        if refused_by is not None:
            lease.release()
            return Lease(refused_by, lease.release)
        self._held[name] = self._keys(claimant)
        self._renewer = self._renewer or asyncio.create_task(self._renew_forever())

        def release() -> None:
            lease.release()
            keys = self._held.pop(name, None)
            if keys is not None:
                self._link.chore(self._link.script(scripts.RELEASE, keys, [name]))  # otherwise it expires

        return Lease(None, release)

    async def has_room(self, caps: Caps) -> bool:
        if not await self._here.has_room(caps):
            return False
        try:
            return caps.total == 0 or await self._hold([self._link.key("leases")], ["", 0, caps.total]) == 0
        except RedisAwayError:
            return True  # as far as this instance knows

    def close(self) -> None:
        """Renews nothing any more."""
        if self._renewer is not None:
            self._renewer.cancel()

    async def _ask(self, name: str, claimant: Claimant, caps: Caps) -> Cap | None:
        limits = [caps.total, caps.per_ip, caps.per_user]
        try:
            full = await self._hold(self._keys(claimant), [name, _LEASE_MS, *limits])
        except RedisAwayError:
            return None  # it was checked here
        return _CAPS[full - 1] if full else None

    async def _hold(self, keys: list[str], arguments: list[str | int]) -> int:
        return int(await self._link.script(scripts.HOLD, keys, arguments))

    def _keys(self, claimant: Claimant) -> list[str]:
        keys = [self._link.key("leases"), self._link.key("leases:ip", claimant.ip)]
        return keys if claimant.user is None else [*keys, self._link.key("leases:user", claimant.user)]

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(_LEASE_MS / 1000 / _RENEWALS)
            await _quietly(self._renew())

    async def _renew(self) -> None:
        names = list(self._held)
        for at in range(0, len(names), _MOST_RENEWED):
            # Some may have been given back while the ones before were renewed.
            some = [(name, key) for name in names[at : at + _MOST_RENEWED] for key in self._held.get(name, [])]
            if some:
                keys, owners = [key for _, key in some], [name for name, _ in some]
                await self._link.script(scripts.RENEW, keys, [_LEASE_MS, *owners])


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


class RedisRevocations:
    """
    Revocations on Redis, published to all instances. Each keeps a copy, for as long as Redis is away and for what
    must be known at once. A channel layer would need a group, a channel and a connection for each session instead.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._memory = MemoryRevocations()
        self._untold: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        link.on_back(self._back)

    async def revoke(self, *, user: str | None = None, ticket: str | None = None) -> bool:
        name = name_of(user=user, ticket=ticket)
        try:
            self._memory.learn([(name, await self._publish(name, 0))])
        except RedisAwayError:
            at = time.time() * 1000
            self._untold[name] = at
            self._memory.learn([(name, at)])
            return False
        return True

    async def has(self, holder: Holder) -> bool:
        if self._memory.knows(holder):
            return True
        names = [name_of(user=holder.user)] + ([] if holder.ticket is None else [name_of(ticket=holder.ticket)])
        try:
            times = await self._link.run(lambda client: client.zmscore(self._link.key("revoked"), names))
        except RedisAwayError:
            return False  # as far as this instance knows
        # Taken over as if it had been published: this instance may not have heard it.
        self._memory.learn([(name, at) for name, at in zip(names, times, strict=True) if at is not None])
        return self._memory.knows(holder)

    def knows(self, holder: Holder) -> bool:
        return self._memory.knows(holder)

    def subscribe(self, listener: Callable[[], None]) -> None:
        self._memory.subscribe(listener)

    def close(self) -> None:
        """Hears nothing any more."""
        for task in self._tasks:
            task.cancel()

    async def _back(self) -> None:
        if not self._tasks:
            listening = self._link.listen(self._link.key("revocations"), self._hear, self._catch_up)
            self._tasks = [asyncio.create_task(listening), asyncio.create_task(self._catch_up_forever())]
        for name, at in list(self._untold.items()):
            await self._publish(name, math.floor(at))
            del self._untold[name]
        await self._catch_up()
        # A Redis that has lost its data learns what this instance knows: others may start later.
        for name, at in self._memory.all():
            if not await self._is_there(name):
                await self._publish(name, math.floor(at))

    async def _is_there(self, name: str) -> bool:
        key = self._link.key("revoked")
        return await self._link.run(lambda client: client.zscore(key, name)) is not None

    async def _publish(self, name: str, at: int) -> int:
        arguments: list[str | int] = [REMEMBERED_MS, self._link.key("revocations"), at, name]
        return int(await self._link.script(scripts.REVOKE, [self._link.key("revoked")], arguments))

    def _hear(self, message: str) -> None:
        found = re.fullmatch(r"(\d+) (.+)", message)
        if found:
            self._memory.learn([(found[2], int(found[1]))])

    async def _catch_up(self) -> None:
        try:
            known = await self._link.run(
                lambda client: client.zrangebyscore(self._link.key("revoked"), 0, "+inf", withscores=True)
            )
        except RedisAwayError:
            return  # it is read again when Redis is back
        self._memory.learn([(name, at) for name, at in known])

    async def _catch_up_forever(self) -> None:
        while True:
            await asyncio.sleep(_CATCH_UP_SECONDS)
            await self._catch_up()


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


async def _quietly(work: Awaitable[Any]) -> None:
    """Does what can be done again: a Redis that is away has been told of."""
    with contextlib.suppress(RedisAwayError, RedisError, OSError):
        await work


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
