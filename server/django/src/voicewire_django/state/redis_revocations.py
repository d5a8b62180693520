"""Who may no longer be here, on Redis."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable

from . import scripts
from .memory import REMEMBERED_MS, MemoryRevocations, name_of
from .redis_link import RedisAwayError, RedisLink
from .shared import Holder

_CATCH_UP_SECONDS = 10
"""Should a subscription be lost without a sign, what was published is found so late."""


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
