"""The connection to Redis, which may be away."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from .. import log
from .memory import digest

_MOST_CLOSING_SECONDS = 0.1
_PROBE_SECONDS = 0.25
"""How often a Redis that is away is tried again."""


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
        task = asyncio.ensure_future(quietly(work))
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
        await quietly(self._client.aclose())

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
            await quietly(callback())
        self._first.set()

    def _lose(self, error: BaseException) -> None:
        self._first.set()
        if self._here is False:
            return
        self._here = False
        log.warn("redis is away: every instance counts for itself", error=log.error_name(error))
        self._start()


async def quietly(work: Awaitable[Any]) -> None:
    """Does what can be done again: a Redis that is away has been told of."""
    with contextlib.suppress(RedisAwayError, RedisError, OSError):
        await work


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
