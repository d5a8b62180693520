"""R-LIMIT-9: what instances share on Redis, and what happens while it is away."""

import asyncio
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from voicewire_fastapi.limits import Caps, Claimant, Window
from voicewire_fastapi.log import RelayLog
from voicewire_fastapi.redis_state import RedisState
from voicewire_fastapi.state import Blocking, Expense, StoreAway, TokenSession
from voicewire_fastapi.tickets import User

from .support import ORIGIN, pair, within

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server")

CAPS = Caps(3, 2, 1)


class Redis:
    """A server of its own that can go and come back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec("redis-server", *options, stdout=pipe)
        assert self._process.stdout is not None
        async with asyncio.timeout(10):
            while b"Ready to accept" not in await self._process.stdout.readline():
                pass

    async def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[Redis]:
    server = Redis(tmp_path)
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def instances(redis: Redis, count: int = 2) -> AsyncIterator[list[RedisState]]:
    states = [RedisState(redis.url, "test:", RelayLog()) for _ in range(count)]
    for state in states:
        await state.open()
    try:
        yield states
    finally:
        for state in states:
            await state.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Asks until it holds: nothing tells an instance's user that Redis is back."""
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def healthy(*states: RedisState) -> None:
    async def check() -> bool:
        return all(state.status == "healthy" for state in states)

    await until(check)


def session(token_hash: str) -> TokenSession:
    now = time.time() * 1000
    return TokenSession(User("ann", "openai", max_seconds=5), "relay", ORIGIN, token_hash, now + 60_000, now, 0)


async def test_windows_and_blocks_hold_over_all_instances(redis: Redis) -> None:
    async with instances(redis) as (one, two):
        window = Window(60_000, 3)
        verdicts = [await state.take("k", window) for state in (one, two, one, two)]
        assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
        assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0]
        assert 59_000 < verdicts[-1].retry_after_ms <= 60_000
        assert not (await two.peek("k", window)).allowed
        blocking = Blocking(3, 60_000)
        assert [await state.violate("k", blocking) for state in (one, two, one)] == [False, False, True]
        assert 59_000 < await two.blocked_ms("k") <= 60_000
        assert await two.blocked_ms("other") == 0


async def test_a_ticket_is_good_once_over_all_instances(redis: Redis) -> None:
    async with instances(redis, 4) as states:
        results = await asyncio.gather(*(state.use("jti", time.time() + 60) for state in states))
        assert sorted(results) == [False, False, False, True]
        assert all([await state.was_used("jti") for state in states])


async def test_places_hold_over_all_instances_and_are_given_back(redis: Redis) -> None:
    async with instances(redis) as (one, two):
        held = await one.hold_place(Claimant("a", "ann"), CAPS)
        assert callable(held)
        assert await two.hold_place(Claimant("b", "ann"), CAPS) == "user"
        assert callable(await two.hold_place(Claimant("a", "bob"), CAPS))
        assert await one.check_place(Claimant("a", "cyd"), CAPS) == "ip"
        assert callable(await two.hold_place(Claimant("b", None), CAPS))
        assert await one.hold_place(Claimant("c", None), CAPS) == "total"
        assert not await one.has_room(CAPS)
        held()
        held()

        async def has_room() -> bool:
            return await two.has_room(CAPS)

        await until(has_room)


async def test_sessions_and_budgets_are_shared(redis: Redis) -> None:
    async with instances(redis) as (one, two):
        first = session("first")
        await one.add_session("id", first, first.expires_at)
        assert await two.session("id") == first
        assert await two.session("other") is None
        replaced = [
            await state.replace_session("id", "first", session("second"), first.expires_at) for state in (one, two)
        ]
        assert replaced == [True, False]
        assert await one.count_sessions() == 1
        await one.spend([Expense("ann", 5, 10), Expense("bob", 1, 1)])
        assert await two.spend([Expense("ann", 1, 0.5)]) == [Expense("ann", 6, 11)]


async def test_nobody_waits_for_a_redis_that_is_away(redis: Redis) -> None:
    async with instances(redis) as (one, two):
        assert (await one.take("k", Window(60_000, 2))).allowed
        await redis.stop()
        started = time.monotonic()
        assert (await one.take("k", Window(60_000, 2))).allowed
        assert not (await one.take("k", Window(60_000, 2))).allowed
        assert await one.use("jti", time.time() + 60)
        assert not await one.use("jti", time.time() + 60)
        held = await one.hold_place(Claimant("a", "ann"), CAPS)
        assert callable(held)
        assert await one.hold_place(Claimant("a", "ann"), CAPS) == "user"
        assert await one.spend([Expense("ann", 5, 0)]) == [Expense("ann", 5, 0)]
        with pytest.raises(StoreAway):
            await one.session("id")
        assert time.monotonic() - started < 1
        assert one.status == "degraded"
        await redis.start()
        await healthy(one, two)
        # What must not be forgotten was told.
        await until(lambda: two.was_used("jti"))
        assert await two.check_place(Claimant("b", "ann"), CAPS) == "user"

        async def spent() -> bool:
            return (await two.spend([Expense("ann", 0, 0)]))[0].tokens == 5

        await until(spent)


async def test_relays_share_what_they_count(redis: Redis) -> None:
    fields: dict[str, Any] = {"redis_url": redis.url, "ticket_secret": "s" * 40, "max_connections_per_user": 1}
    async with pair(**fields) as (one, _), pair(**fields) as (two, _):
        shown = one.ticket(sub="ann")
        async with await one.open(shown=shown):
            assert await two.refused(shown=one.ticket(sub="ann")) == (429, "too_many_connections")
        assert await two.refused(shown=shown) == (401, "ticket_used")
        page = {"Origin": ORIGIN}
        token = (await one.http.post("/api/voice-agent/token", headers=page)).json()
        headers = {**page, "Authorization": f"Bearer {token['token']}"}
        body = {"sessionId": token["sessionId"]}
        refreshed = await two.http.post("/api/voice-agent/refresh-token", json=body, headers=headers)
        assert refreshed.status_code == 200
        await redis.stop()
        refused = await one.http.post("/api/voice-agent/token", headers=page)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "sessions_unavailable")
        async with await one.open() as client:
            await client.send("still served")
            assert await within(client.recv()) == "still served"
        report = (await one.http.get("/api/voice-agent/health")).json()
        assert report["services"]["rateLimit"] == "degraded"
