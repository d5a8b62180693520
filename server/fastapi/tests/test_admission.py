"""Who comes in: PROTOCOL.md, sections 3, 5, 6 and 9."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from .support import ORIGIN, end_of, pair, relay, within


async def test_relay_answers_one_subprotocol_and_never_the_secret() -> None:
    async with pair() as (running, upstream):
        shown = running.ticket()
        offered = ["realtime", f"openai-insecure-api-key.{shown}", "openai-beta.realtime-v1"]
        async with await running.open(shown="", subprotocols=offered, origin=ORIGIN) as client:
            assert client.subprotocol == "realtime"
            assert client.response is not None
            assert shown not in str(client.response.headers)
            dialled = await upstream.next()
            assert dialled.request is not None
            assert dialled.request.headers.get("Sec-WebSocket-Protocol") == "realtime"
        for offered in (["token", "T"], ["bearer", "T"], ["access_token.T"]):
            shown = running.ticket()
            offered = [item.replace("T", shown) for item in offered]
            async with await running.open("/v1/listen", shown="", subprotocols=offered) as client:
                assert client.subprotocol == offered[0]


async def test_relay_dials_with_its_own_key_and_nothing_of_the_client() -> None:
    async with pair() as (running, upstream):
        shown = running.ticket(sub="ann")
        headers = {"Cookie": "session=1", "OpenAI-Beta": "realtime=v1", "OpenAI-Organization": "evil"}
        path = f"/realtime?model=a%2Fb&x=+&token={shown}"
        async with await running.open(path, shown="", headers=headers, origin=ORIGIN):
            request = (await upstream.next()).request
    assert request is not None
    sent = {name.lower(): value for name, value in request.headers.raw_items()}
    assert request.path == "/v1/realtime?model=a%2Fb&x=+"
    assert sent["authorization"] == f"Bearer {running.settings.key_of('openai')}"
    assert len(sent["openai-safety-identifier"]) == 64
    assert {"cookie", "origin", "openai-beta", "openai-organization"}.isdisjoint(sent)
    assert "extensions" not in " ".join(sent)


async def test_relay_refuses_an_upgrade_with_status_and_reason() -> None:
    async with relay() as running:
        other = running.ticket(provider="deepgram")
        expired = running.ticket(iat=1, exp=2)
        assert await running.refused(shown="") == (401, "ticket_missing")
        assert await running.refused(shown="forged") == (401, "ticket_invalid")
        assert await running.refused(shown=expired) == (401, "ticket_expired")
        assert await running.refused(shown=other) == (403, "provider_forbidden")
        assert await running.refused(shown=running.ticket(model="a"), path="/v1/realtime?model=b") == (
            403,
            "model_forbidden",
        )
        assert await running.refused(shown=running.ticket(origin=ORIGIN)) == (403, "origin_forbidden")
        for origin in ("null", "https://evil.example", f"{ORIGIN}.evil", "http://app.example"):
            assert await running.refused(origin=origin) == (403, "origin_forbidden")
        assert await running.refused("/v1/other") == (404, "not_found")
        assert await running.refused("/deepgram-proxy?service=other") == (404, "not_found")
        line = await running.lines.find("upgrade refused", code="origin_forbidden")
        assert (line["path"], line["status"]) == ("/v1/realtime", 403)


async def test_relay_refuses_a_provider_that_has_no_key() -> None:
    async with relay(deepgram_api_key=None) as running:
        assert await running.refused("/v1/listen") == (503, "provider_not_configured")


async def test_relay_answers_refusals_that_pages_can_read() -> None:
    async with relay() as running:
        with pytest.raises(InvalidStatus) as caught:
            await running.open(shown="", origin=ORIGIN)
        headers = caught.value.response.headers
        assert headers["Access-Control-Allow-Origin"] == ORIGIN
        assert headers["Cache-Control"] == "no-store"
        assert headers["WWW-Authenticate"] == "Bearer"
        assert headers["Connection"] == "close"
        asked = await running.http.get("/v1/realtime", headers={"Origin": ORIGIN})
        assert asked.status_code == 401
        assert asked.json() == json.loads(caught.value.response.body or b"")
        foreign = await running.http.get("/v1/realtime", headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert "access-control-allow-origin" not in foreign.headers


async def test_preview_changes_nothing() -> None:
    async with pair(voice_agent_rate_limit=1, max_connections_per_ip=1) as (running, upstream):
        shown = running.ticket()
        for _ in range(3):
            asked = await running.http.get("/v1/realtime", headers={"Authorization": f"Bearer {shown}"})
            assert (asked.status_code, asked.json()["error"]["code"]) == (426, "upgrade_required")
            assert asked.headers["upgrade"] == "websocket"
        assert upstream.dialled == 0
        async with await running.open(shown=shown):
            await upstream.next()
            asked = await running.http.get("/v1/realtime", headers={"Authorization": f"Bearer {running.ticket()}"})
            assert (asked.status_code, asked.json()["error"]["code"]) == (429, "rate_limited")


async def test_a_ticket_opens_one_session_also_when_shown_at_the_same_moment() -> None:
    async with pair() as (running, upstream):
        shown = running.ticket()
        attempts = [asyncio.create_task(running.open(shown=shown)) for _ in range(8)]
        results = await asyncio.gather(*attempts, return_exceptions=True)
        opened = [result for result in results if not isinstance(result, BaseException)]
        refused = [result for result in results if isinstance(result, InvalidStatus)]
        assert (len(opened), len(refused)) == (1, 7)
        assert {json.loads(one.response.body or b"")["error"]["code"] for one in refused} == {"ticket_used"}
        await upstream.next()
        assert upstream.dialled == 1
        await opened[0].close()


async def test_a_refused_attempt_uses_no_ticket_up() -> None:
    async with pair(max_connections_per_user=1) as (running, _):
        shown = running.ticket(sub="ann", origin=ORIGIN)
        assert await running.refused(shown=shown, origin="https://evil.example") == (403, "origin_forbidden")
        async with await running.open(shown=running.ticket(sub="ann")):
            assert await running.refused(shown=shown, origin=ORIGIN) == (429, "too_many_connections")
        await running.lines.find("session ended")
        async with await running.open(shown=shown, origin=ORIGIN):
            pass


async def test_places_are_bounded_and_given_back() -> None:
    async with pair(max_connections=2, max_connections_per_ip=0) as (running, _):
        first, second = await running.open(), await running.open()
        assert await running.refused() == (503, "at_capacity")
        ready = await running.http.get("/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "at_capacity")
        assert ready.headers["retry-after"] == "10"
        assert (await running.http.get("/health")).status_code == 200
        first.transport.abort()
        await running.lines.find("session ended", clientCloseCode=1006)
        third = await running.open()
        for client in (second, third):
            await client.close()


async def test_upgrades_of_one_address_are_bounded() -> None:
    async with pair(voice_agent_rate_limit=2, trust_proxy=1) as (running, _):
        for _ in range(2):
            (await running.open(headers={"X-Forwarded-For": "9.9.9.9, 192.0.2.1"})).transport.abort()
        with pytest.raises(InvalidStatus) as caught:
            await running.open(headers={"X-Forwarded-For": "8.8.8.8, 192.0.2.1"})
        headers = caught.value.response.headers
        assert caught.value.response.status_code == 429
        assert 1 <= int(headers["Retry-After"]) <= 60
        assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("2", "0")
        async with await running.open(headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}):
            pass


async def test_an_open_relay_lets_pages_in_and_nobody_else() -> None:
    async with pair(relay_open="true", ticket_secret=None) as (running, _):
        await running.lines.find("anybody may talk here at your cost, as the relay is open")
        async with await running.open(shown="", origin=ORIGIN):
            pass
        assert await running.refused(shown="") == (401, "ticket_missing")
        assert await running.refused(shown="", origin="https://evil.example") == (403, "origin_forbidden")


async def test_budgets_bound_what_a_user_uses_in_a_day() -> None:
    done = '{"type":"response.done","response":{"usage":{"total_tokens":60}}}'
    async with pair(budget_tokens_per_day=100) as (running, upstream):
        async with await running.open(shown=running.ticket(sub="ann")) as client:
            provider = await upstream.next()
            await provider.send(done)
            await client.recv()
            await provider.send(done)
            close = await end_of(client)
            assert (close.code, close.reason) == (4429, "budget_spent")
        assert await running.refused(shown=running.ticket(sub="ann")) == (429, "budget_spent")
        async with await running.open(shown=running.ticket(sub="bob")):
            pass


async def raw(port: int, request: bytes) -> bytes:
    """The whole answer to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        answer: bytes = await within(reader.read())
    finally:
        writer.close()
    return answer


UPGRADE = (
    b"Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("start", "headers", "status", "code"),
    [
        (b"POST /v1/realtime HTTP/1.1", UPGRADE, 405, "method_not_allowed"),
        (b"GET /v1/realtime HTTP/1.0", UPGRADE, 400, "bad_request"),
        (b"GET /v1/realtime HTTP/1.1", UPGRADE.replace(b": websocket", b": h2c"), 400, "bad_request"),
        (b"GET /v1/realtime HTTP/1.1", UPGRADE.replace(b": 13", b": 8"), 426, "bad_request"),
        (b"GET /v1/realtime HTTP/1.1", UPGRADE.replace(b"dGhl", b""), 400, "bad_request"),
        (b"GET /v1/realtime HTTP/1.1", UPGRADE + b"Sec-WebSocket-Protocol: a, a\r\n", 400, "bad_request"),
        pytest.param(
            b"GET /v1/realtime HTTP/1.1",
            UPGRADE + b"X: " + b"x" * 20_000 + b"\r\n",
            431,
            "bad_request",
            id="long header",
        ),
        pytest.param(b"GET /v1/realtime?" + b"q" * 20_000 + b" HTTP/1.1", UPGRADE, 431, "bad_request", id="long query"),
        (b"GET /v1/realtime/ HTTP/1.1", b"Host: h\r\nConnection: close\r\n", 404, "not_found"),
        (b"GET http://evil.example/v1/realtime HTTP/1.1", UPGRADE, 401, "ticket_missing"),
        (b"GET http://evil.example/v1/realtime HTTP/1.1", b"Host: h\r\nConnection: close\r\n", 401, "ticket_missing"),
    ],
)
async def test_relay_refuses_what_is_no_handshake_of_its_own(
    start: bytes, headers: bytes, status: int, code: str
) -> None:
    async with relay() as running:
        answer = await raw(running.port, start + b"\r\n" + headers + b"\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) == status
        assert json.loads(body)["error"]["code"] == code


async def test_health_and_ready_answer_other_methods_and_preflights() -> None:
    async with relay() as running:
        assert (await running.http.get("/health")).json() == {"status": "ok"}
        assert (await running.http.get("/ready")).json() == {"status": "ready"}
        refused = await running.http.post("/health")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, OPTIONS")
        unknown = await running.http.request("PROPFIND", "/health")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (405, "method_not_allowed")
        assert unknown.headers["cache-control"] == "no-store"
        preflight = await running.http.options("/v1/realtime", headers={"Origin": ORIGIN})
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-headers"] == "Authorization, Content-Type"


async def test_metrics_are_behind_their_bearer_and_hold_nothing_of_clients() -> None:
    async with relay() as running:
        assert (await running.http.get("/metrics")).status_code == 404
    async with pair(metrics_token="m" * 16) as (running, _):
        assert (await running.http.get("/metrics")).status_code == 401
        async with await running.open("/v1/realtime?model=unique-model", shown=running.ticket(sub="ann")):
            headers = {"Authorization": f"Bearer {'m' * 16}"}
            text = (await running.http.get("/metrics", headers=headers)).text
            assert 'voicewire_relay_sessions{path="/v1/realtime"} 1' in text
            assert "unique-model" not in text
            assert "ann" not in text.replace("handshakes", "")
            stats = (await running.http.get("/stats", headers=headers)).json()
            assert stats["sessions"]["total"] == 1
