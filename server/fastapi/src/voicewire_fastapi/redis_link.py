"""The connection to Redis: after the first answer that does not come in time nobody waits for it any more."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from .log import RelayLog, error_name
from .redis_scripts import ALL
from .state import StoreAway

Answer = TypeVar("Answer")

# How long Redis may take for one answer before it counts as away.
_ANSWER_SECONDS = 0.04
# How often a Redis that is away is tried again, and how long a trial may take.
_PROBE_SECONDS = 0.25
_MOST_PROBE_SECONDS = 2.0
# How long a start waits for the first answer.
_MOST_OPENING_SECONDS = 1.0
_MOST_CONNECTIONS = 16

_DIGESTS = {script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in ALL}


class RedisLink:
    """Runs commands while Redis is there; every one fails at once while it is away."""

    def __init__(self, url: str, prefix: str, log: RelayLog) -> None:
        self._prefix = prefix
        self._log = log
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MOST_CONNECTIONS,
            timeout=_MOST_PROBE_SECONDS,
            socket_timeout=_MOST_PROBE_SECONDS,
            socket_connect_timeout=_MOST_PROBE_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._client = Redis(connection_pool=pool)
        self._on_back: list[Callable[[], Awaitable[None]]] = []
        self._probing: asyncio.Task[None] | None = None
        self._decided = asyncio.Event()
        self._told_away = False
        self.here = False
        """Whether commands are tried at all."""

    async def open(self) -> None:
        """Connects. Returns when the first answer or failure is there, or after a second."""
        if self._probing is None:
            self._probing = asyncio.create_task(self._probe())
        try:
            async with asyncio.timeout(_MOST_OPENING_SECONDS):
                await self._decided.wait()
        except TimeoutError:
            return  # it is tried on

    async def close(self) -> None:
        """Gives up all connections."""
        self.here = False
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    def key(self, kind: str, owner: str | None = None) -> str:
        """A key: whose it is can be seen only from the digest of ``owner``."""
        if owner is None:
            return f"{self._prefix}{kind}"
        digest = hashlib.sha256(owner.encode(errors="surrogatepass")).hexdigest()[:32]
        return f"{self._prefix}{kind}:{digest}"

    def on_back(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Calls back whenever Redis is there, for the first time or again."""
        self._on_back.append(callback)

    async def script(self, script: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """
        Runs one script.

        :raises StoreAway: Where no answer comes in time.
        """

        async def act(client: "Redis") -> Any:
            try:
                return await client.evalsha(_DIGESTS[script], len(keys), *keys, *args)
            except NoScriptError:
                return await client.eval(script, len(keys), *keys, *args)

        return await self.run(act)

    async def run(self, act: Callable[["Redis"], Awaitable[Answer]]) -> Answer:
        """
        Runs any command.

        :raises StoreAway: Where no answer comes in time.
        """
        if not self.here:
            raise StoreAway
        try:
            return await _in_time(asyncio.ensure_future(act(self._client)))
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            raise StoreAway from None

    async def _probe(self) -> None:
        while True:
            if not self.here:
                try:
                    async with asyncio.timeout(_MOST_PROBE_SECONDS):
                        # To write, as a Redis that only reads cannot count.
                        await self._client.set(self.key("probe"), "1", px=1000)
                        await self._find()
                except (RedisError, OSError, TimeoutError) as error:
                    self._lose(error)
            await asyncio.sleep(_PROBE_SECONDS)

    async def _find(self) -> None:
        for script in ALL:
            await self._client.script_load(script)
        self.here = True
        if self._told_away:
            self._log.info("redis is back")
        self._told_away = False
        for callback in self._on_back:
            try:
                await callback()
            except StoreAway:
                return  # it has gone again, and is looked for again
        self._decided.set()

    def _lose(self, error: Exception) -> None:
        self.here = False
        self._decided.set()
        if self._told_away:
            return
        self._told_away = True
        # Only a name: a message could quote the host or a command.
        self._log.warn("redis is away: every instance counts for itself", error=error_name(error))


async def _in_time(answer: asyncio.Future[Answer]) -> Answer:
    """An answer that is here already counts, however late this process looks for it."""
    try:
        await asyncio.wait({answer}, timeout=_ANSWER_SECONDS)
        for _ in range(3):
            if not answer.done():
                await asyncio.sleep(0)
        if answer.done():
            return answer.result()
        raise TimeoutError
    finally:
        answer.cancel()
