"""Who comes in, behind both servers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from support import ORIGIN, SERVERS, Relay, ServerName, Upstream, ticket

HOUR = 3600


def _now() -> int:
    return int(time.time())


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"aud": "other"}, 401, "ticket_invalid"),
        ({"iss": "other"}, 401, "ticket_invalid"),
        ({"jti": None}, 401, "ticket_invalid"),
        ({"jti": 7}, 401, "ticket_invalid"),
        ({"sub": ""}, 401, "ticket_invalid"),
        ({"iat": _now() + 600, "exp": _now() + 660}, 401, "ticket_invalid"),
        ({"nbf": _now() + 600}, 401, "ticket_invalid"),
        ({"exp": _now() + 2 * HOUR}, 401, "ticket_invalid"),
        ({"exp": _now() - 60, "iat": _now() - 90}, 401, "ticket_expired"),
        ({"exp": _now() - 60, "iat": _now() - 90, "aud": "other"}, 401, "ticket_invalid"),
        ({"provider": "azure"}, 401, "ticket_invalid"),
        ({"max_seconds": 0}, 401, "ticket_invalid"),
        ({"provider": "deepgram"}, 403, "provider_forbidden"),
        ({"origin": "https://other.example"}, 403, "origin_forbidden"),
        ({"model": "gpt-realtime"}, 403, "model_forbidden"),
        ({"padding": "x" * 5000}, 401, "ticket_invalid"),
    ],
)
async def test_ticket_that_is_not_good_is_refused(
    relay: Relay, upstream: Upstream, claims: dict[str, Any], status: int, code: str
) -> None:
    dials = upstream.dials
    refusal = await relay.refusal(ticket=ticket(**claims))
    assert (refusal.status, refusal.code) == (status, code)
    assert upstream.dials == dials


@pytest.mark.parametrize(
    "forged",
    [
        lambda: ticket(key="another secret of more than 32 bytes, as it must be"),
        lambda: ticket(algorithm="HS384"),
        lambda: ticket(key="", algorithm="none"),
        lambda: ticket(header={"typ": "JWT"}),
        lambda: ticket()[:-4] + "AAAA",
        lambda: "not.a.ticket",
        lambda: "x",
    ],
)
async def test_ticket_that_is_forged_is_refused(relay: Relay, forged: Any) -> None:
    refusal = await relay.refusal(ticket=forged())
    assert (refusal.status, refusal.code) == (401, "ticket_invalid")


async def test_ticket_is_needed(relay: Relay) -> None:
    refusal = await relay.refusal(ticket=None)
    assert (refusal.status, refusal.code) == (401, "ticket_missing")
    if relay.server == "uvicorn":
        assert refusal.header("WWW-Authenticate") == "Bearer"
        assert refusal.header("Access-Control-Allow-Origin") == ORIGIN
        assert refusal.header("Cache-Control") == "no-store"
        assert refusal.json["success"] is False


@pytest.mark.parametrize("shown", ["header", "subprotocol", "bearer", "token", "openai", "query"])
async def test_ticket_is_taken_from_wherever_clients_can_put_it(relay: Relay, upstream: Upstream, shown: str) -> None:
    token = ticket()
    places: dict[str, dict[str, Any]] = {
        "header": {"headers": {"Authorization": f"Token {token}"}},
        "subprotocol": {"subprotocols": [f"access_token.{token}"]},
        "bearer": {"subprotocols": ["bearer", token]},
        "token": {"subprotocols": ["token", token]},
        "openai": {"subprotocols": ["realtime", f"openai-insecure-api-key.{token}"]},
        "query": {"path": f"/v1/realtime?token={token}"},
    }
    client = await relay.open(**{"ticket": None, **places[shown]})
    selected = {"bearer": "bearer", "token": "token", "openai": "realtime", "subprotocol": f"access_token.{token}"}
    assert client.connection.subprotocol == selected.get(shown)
    peer = await upstream.accept()
    await client.close()
    await peer.wait_closed()


async def test_ticket_opens_one_session(relay: Relay, upstream: Upstream) -> None:
    token = ticket()
    attempts = await asyncio.gather(*(relay.open(ticket=token) for _ in range(10)), return_exceptions=True)
    peer = await upstream.accept()
    await peer.send("hello")
    # Daphne lets all of them in, and tells all but one why they are not.
    said = [await attempt.next() for attempt in attempts if not isinstance(attempt, BaseException)]
    assert said.count("hello") == 1
    assert len(said) == (1 if relay.server == "uvicorn" else 10)
    assert upstream.peers.empty()
    await peer.close()
    assert (await relay.refusal(ticket=token)).code == "ticket_used"


async def test_ticket_is_not_used_up_by_a_refusal(relay: Relay, upstream: Upstream) -> None:
    token = ticket(origin=ORIGIN)
    assert (await relay.refusal(ticket=token, origin="http://127.0.0.1:3000")).code == "origin_forbidden"
    preview = await relay.request("GET", "/v1/realtime", {"Authorization": f"Bearer {token}", "Origin": ORIGIN})
    assert preview.code == "upgrade_required"
    client = await relay.open(ticket=token)
    peer = await upstream.accept()
    await client.close()
    await peer.wait_closed()


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.evil.example",
        "https://evil-app.example",
        "http://app.example",
        "https://app.example:8443",
        "null",
        "http://localhost:3000",
    ],
)
async def test_origin_is_compared_exactly(relay: Relay, origin: str) -> None:
    if relay.server == "daphne" and origin.startswith("http://localhost"):
        origin = "http://localhost"  # Autobahn refuses some origins with 400 before anybody is asked
    refusal = await relay.refusal(origin=origin)
    assert (refusal.status, refusal.code) == (403, "origin_forbidden")
    assert refusal.header("Access-Control-Allow-Origin") is None


async def test_client_without_origin_needs_a_ticket_and_nothing_else(relay: Relay, upstream: Upstream) -> None:
    assert (await relay.refusal(origin=None, ticket=None)).code == "ticket_missing"
    client = await relay.open(origin=None)
    peer = await upstream.accept()
    await client.close()
    await peer.wait_closed()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Origin": ORIGIN}, 401, "ticket_missing"),
        ({"Origin": "https://other.example"}, 403, "origin_forbidden"),
        ({"Sec-Fetch-Site": "same-origin"}, 401, "ticket_missing"),
    ],
)
async def test_preview_says_what_an_upgrade_would_be_told(
    relay: Relay, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await relay.request("GET", "/v1/listen", headers)
    assert (answer.status, answer.code) == (status, code)
    assert answer.header("Content-Security-Policy") == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("server", SERVERS)
async def test_limits_of_users_addresses_and_upgrades(server: ServerName, upstream: Upstream) -> None:
    limits = {"MAX_CONNECTIONS_PER_USER": "1", "MAX_CONNECTIONS_PER_IP": "2", "VOICE_AGENT_RATE_LIMIT": "7"}
    async with Relay.start(server, upstream.url, **limits) as relay:
        first = await relay.open(ticket=ticket(sub="ann"))
        assert (await relay.refusal(ticket=ticket(sub="ann"))).code == "too_many_connections"
        second = await relay.open(ticket=ticket(sub="bob"))
        too_many = await relay.refusal(ticket=ticket(sub="cid"))
        assert (too_many.status, too_many.code) == (429, "too_many_connections")
        for peer in [await upstream.accept(), await upstream.accept()]:
            await peer.close()
        await first.closed()
        await second.closed()
        for _ in range(3):
            client = await relay.open()
            peer = await upstream.accept()
            await client.close()
            await peer.wait_closed()
        limited = await relay.refusal()
        assert (limited.status, limited.code) == (429, "rate_limited")
        if server == "uvicorn":
            assert too_many.header("Retry-After") == "10"
            assert limited.header("RateLimit-Limit") == "7"
            assert limited.header("RateLimit-Remaining") == "0"
            assert int(limited.header("Retry-After") or 0) <= 60
        preview = await relay.request("GET", "/v1/realtime", {"Origin": ORIGIN})
        assert preview.code == "rate_limited"


@pytest.mark.parametrize("server", SERVERS)
async def test_full_relay_is_not_ready_until_somebody_leaves(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, MAX_CONNECTIONS="1") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        refusal = await relay.refusal()
        assert (refusal.status, refusal.code) == (503, "at_capacity")
        assert (await relay.request("GET", "/ready")).status == 503
        assert (await relay.request("GET", "/health")).status == 200
        await client.close()
        await peer.wait_closed()
        await relay.logged("session ended")
        assert (await relay.request("GET", "/ready")).status == 200


async def test_provider_without_a_key_is_refused(upstream: Upstream) -> None:
    async with Relay.start("uvicorn", upstream.url, DEEPGRAM_API_KEY=None) as relay:
        refusal = await relay.refusal("/v1/listen")
        assert (refusal.status, refusal.code) == (503, "provider_not_configured")


async def test_open_relay_lets_pages_in_and_says_so_loudly(upstream: Upstream) -> None:
    async with Relay.start("uvicorn", upstream.url, RELAY_OPEN="force") as relay:
        await relay.line("THE RELAY IS OPEN")
        client = await relay.open(ticket=None)
        peer = await upstream.accept()
        await client.close()
        await peer.wait_closed()
        assert (await relay.refusal(ticket=None, origin=None)).code == "ticket_missing"


async def test_forwarded_addresses_are_believed_only_from_proxies(upstream: Upstream) -> None:
    for trusted in ("0", "1"):
        async with Relay.start("uvicorn", upstream.url, MAX_CONNECTIONS_PER_IP="1", TRUST_PROXY=trusted) as relay:
            first = await relay.open(headers={"X-Forwarded-For": "192.0.2.1"})
            peers = [await upstream.accept()]
            if trusted == "1":
                await relay.open(headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
                peers.append(await upstream.accept())
            # What stands before the proxy's own entry is the client's invention.
            refusal = await relay.refusal(headers={"X-Forwarded-For": "192.0.2.3, 192.0.2.1"})
            assert refusal.code == "too_many_connections"
            await first.close()
            await peers[0].wait_closed()
