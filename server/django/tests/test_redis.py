"""Instances that share a Redis, and one that loses it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support import ORIGIN, QUICK, Relay, Upstream, ticket

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


class Redis:
    """A server of the test's own, at a socket in a folder of its own and at a port."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it takes connections."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        self._process = await asyncio.create_subprocess_exec(
            *command, str(self._folder), stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            async for line in self._process.stdout:
                if b"Ready to accept connections" in line:
                    return
        raise AssertionError("redis-server did not start")

    async def stop(self) -> None:
        """Ends it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[Redis]:
    """A Redis that is there."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    started = Redis(tmp_path, port)
    await started.start()
    yield started
    await started.stop()


async def test_instances_share_tickets_places_windows_sessions_and_revocations(
    redis: Redis, upstream: Upstream
) -> None:
    admin = secrets.token_hex(16)
    options = {
        "REDIS_URL": redis.url,
        "ADMIN_TOKEN": admin,
        "MAX_CONNECTIONS_PER_USER": "1",
        "DJANGO_DEBUG": "1",
        "VOICE_AGENT_RATE_LIMIT": "20",
    }
    async with (
        Relay.start("uvicorn", upstream.url, **options, **QUICK) as one,
        Relay.start("daphne", upstream.url, **options, **QUICK) as other,
    ):
        for relay in (one, other):
            assert (await relay.request("GET", "/ready")).status == 200
        token = ticket(sub="ann")
        client = await one.open(ticket=token)
        peer = await upstream.accept()
        assert (await other.refusal(ticket=token)).code == "ticket_used"
        assert (await other.refusal(ticket=ticket(sub="ann"))).code == "too_many_connections"

        page = {"Origin": ORIGIN}
        issued = (await one.request("POST", "/api/voice-agent/token", page, {})).json
        bearer = {**page, "Authorization": f"Bearer {issued['token']}"}
        body = {"sessionId": issued["sessionId"]}
        refreshed = await other.request("POST", "/api/voice-agent/refresh-token", bearer, body)
        assert refreshed.status == 200

        revoked = await other.request("POST", "/admin/revoke", {"Authorization": f"Bearer {admin}"}, {"user": "ann"})
        assert revoked.json == {"success": True, "shared": True}
        async with asyncio.timeout(1):
            assert await client.closed() == (4403, "revoked")
        await peer.wait_closed()

        codes = []
        while "rate_limited" not in codes:
            codes.append((await other.refusal(ticket=token)).code)
        assert (await one.refusal(ticket=token)).code == "rate_limited"
        assert len(codes) < 20


async def test_relay_goes_on_in_memory_while_redis_is_away(redis: Redis, upstream: Upstream) -> None:
    options = {"REDIS_URL": redis.url, "DJANGO_DEBUG": "1", "MAX_CONNECTIONS_PER_USER": "1"}
    async with Relay.start("uvicorn", upstream.url, **options, **QUICK) as relay:
        assert (await relay.request("GET", "/ready")).status == 200
        await redis.stop()
        token = ticket(sub="ann")
        client = await relay.open(ticket=token)
        peer = await upstream.accept()
        await relay.line("redis is away: every instance counts for itself")
        assert (await relay.refusal(ticket=token)).code == "ticket_used"
        assert (await relay.refusal(ticket=ticket(sub="ann"))).code == "too_many_connections"
        health = (await relay.request("GET", "/api/voice-agent/health")).json
        assert health["services"]["rateLimit"] == "degraded"
        page = {"Origin": ORIGIN}
        refused = await relay.request("POST", "/api/voice-agent/token", page, {})
        assert (refused.status, refused.code) == (503, "sessions_unavailable")
        await redis.start()
        await relay.line("redis is back")
        assert (await relay.request("POST", "/api/voice-agent/token", page, {})).status == 200
        assert (await relay.refusal(ticket=token)).code == "ticket_used"
        await client.close()
        await peer.wait_closed()


async def test_relay_starts_without_its_redis(upstream: Upstream) -> None:
    async with Relay.start("uvicorn", upstream.url, REDIS_URL="redis://user:hidden@127.0.0.1:1/0") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        await relay.line("redis is away")
        assert "hidden" not in relay.output
        await client.close()
        await peer.wait_closed()
