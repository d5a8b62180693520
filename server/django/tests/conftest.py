"""What tests share: one provider, and a relay behind each server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support import SERVERS, Relay, Upstream


@pytest_asyncio.fixture(scope="session")
async def upstream() -> AsyncIterator[Upstream]:
    """A provider that accepts everybody; each test takes its own connections."""
    async with Upstream.start() as started:
        yield started


@pytest_asyncio.fixture(scope="session", params=SERVERS)
async def relay(request: pytest.FixtureRequest, upstream: Upstream) -> AsyncIterator[Relay]:
    """A relay without limits that a test would meet, behind uvicorn and behind Daphne."""
    options = {"MAX_CONNECTIONS_PER_USER": "0", "MAX_CONNECTIONS_PER_IP": "0", "MAX_BYTES_PER_SECOND": "0"}
    async with Relay.start(request.param, upstream.url, DJANGO_DEBUG="1", **options) as started:
        yield started
