"""Tokens, refreshes, limits and health: PROTOCOL.md, sections 14 to 17."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from .support import ORIGIN, Running, pair, relay

TOKEN = "/api/voice-agent/token"
REFRESH = "/api/voice-agent/refresh-token"
PAGE = {"Origin": ORIGIN}


async def refresh(running: Running, shown: str, session_id: str, origin: str = ORIGIN) -> tuple[int, dict[str, Any]]:
    headers = {"Origin": origin, "Authorization": f"Bearer {shown}"}
    answer = await running.http.post(REFRESH, json={"sessionId": session_id}, headers=headers)
    return answer.status_code, answer.json()


async def test_token_opens_one_session_from_its_page_only() -> None:
    async with pair() as (running, _):
        answer = await running.http.post(TOKEN, headers=PAGE)
        body = answer.json()
        assert set(body) == {"success", "token", "expiresAt", "expiresIn", "sessionId", "mode"}
        assert (body["success"], body["mode"], body["expiresIn"]) == (True, "relay", 60)
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["cache-control"] == "no-store"
        assert await running.refused(shown=body["token"]) == (403, "origin_forbidden")
        async with await running.open(shown=body["token"], origin=ORIGIN):
            pass
        assert await running.refused(shown=body["token"], origin=ORIGIN) == (401, "ticket_used")
        line = await running.lines.find("token issued")
        assert (line["log"], line["sessionId"], line["mode"]) == ("audit", body["sessionId"], "relay")


async def test_token_is_narrowed_to_the_provider_that_was_asked_for() -> None:
    async with pair() as (running, _):
        body = (await running.http.post(TOKEN, json={"provider": "deepgram"}, headers=PAGE)).json()
        assert await running.refused(shown=body["token"], origin=ORIGIN) == (403, "provider_forbidden")


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        ("{", "application/json", 400, "bad_request"),
        ("[]", "application/json", 400, "bad_request"),
        ('{"provider":"secret-word"}', "application/json", 400, "bad_request"),
        ('{"use":1}', "application/json", 400, "bad_request"),
        ("{}", "text/plain", 415, "unsupported_media_type"),
        (" " * 5000, "application/json", 413, "body_too_big"),
        ('{"use":"direct"}', "application/json", 403, "direct_forbidden"),
        ('{"use":"direct","provider":"openai"}', "application/json", 403, "direct_forbidden"),
    ],
)
async def test_token_refuses_bodies_that_are_not_what_they_must_be(
    content: str, kind: str, status: int, code: str
) -> None:
    async with relay() as running:
        answer = await running.http.post(TOKEN, content=content, headers={**PAGE, "Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert "secret-word" not in answer.text
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        await running.lines.find("token refused", code=code)


async def test_token_refuses_strangers() -> None:
    async with relay() as running:
        for method in ("POST", "GET", "OPTIONS", "PUT"):
            answer = await running.http.request(method, TOKEN, headers={"Origin": "https://evil.example"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_forbidden")
        assert (await running.http.post(TOKEN)).json()["error"]["code"] == "unauthenticated"
        wrong = await running.http.get(TOKEN, headers=PAGE)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST, OPTIONS")
        preflight = await running.http.options(TOKEN, headers=PAGE)
        assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "POST, OPTIONS")
    async with relay(node_env="production") as running:
        assert (await running.http.post(TOKEN, headers=PAGE)).json()["error"]["code"] == "unauthenticated"


async def test_refresh_replaces_the_token_once() -> None:
    async with pair(voice_agent_token_duration=1000) as (running, _):
        first = (await running.http.post(TOKEN, headers=PAGE)).json()
        answers = await asyncio.gather(*(refresh(running, first["token"], first["sessionId"]) for _ in range(5)))
        succeeded = [body for status, body in answers if status == 200]
        assert len(succeeded) == 1
        assert {body["error"]["code"] for status, body in answers if status != 200} == {"session_forbidden"}
        async with await running.open(shown=succeeded[0]["token"], origin=ORIGIN):
            pass
        status, third = await refresh(running, succeeded[0]["token"], first["sessionId"])
        assert (status, third["sessionId"]) == (200, first["sessionId"])


async def test_refresh_is_refused_to_whom_it_is_not_for() -> None:
    async with relay(allowed_origins=f"{ORIGIN},https://other.example") as running:
        one = (await running.http.post(TOKEN, headers=PAGE)).json()
        two = (await running.http.post(TOKEN, headers=PAGE)).json()
        no_token = await running.http.post(REFRESH, json={"sessionId": one["sessionId"]}, headers=PAGE)
        assert (no_token.status_code, no_token.json()["error"]["code"]) == (401, "ticket_missing")
        cases = [
            ((one["token"], "unknown", ORIGIN), 401, "session_unknown"),
            ((two["token"], one["sessionId"], ORIGIN), 403, "session_forbidden"),
            ((one["token"], one["sessionId"], "https://other.example"), 403, "origin_forbidden"),
            ((one["token"], "", ORIGIN), 400, "bad_request"),
        ]
        for given, status, code in cases:
            answered, body = await refresh(running, *given)
            assert (answered, body["error"]["code"]) == (status, code)
        assert (await refresh(running, one["token"], one["sessionId"]))[0] == 200


async def test_refresh_ends_somewhere() -> None:
    async with relay() as running:
        body = (await running.http.post(TOKEN, headers=PAGE)).json()
        for _ in range(60):
            status, body = await refresh(running, body["token"], body["sessionId"])
            assert status == 200
        status, body = await refresh(running, body["token"], body["sessionId"])
        assert (status, body["error"]["code"]) == (403, "refresh_limit")


async def test_requests_are_bounded_and_who_goes_on_is_blocked() -> None:
    async with relay(voice_agent_rate_limit=2) as running:
        answers = [await running.http.post(TOKEN, headers=PAGE) for _ in range(13)]
        assert [answer.status_code for answer in answers] == [200] * 2 + [429] * 11
        assert answers[0].headers["ratelimit-remaining"] == "1"
        codes = [answer.json()["error"]["code"] for answer in answers[2:]]
        assert codes == ["rate_limited"] * 9 + ["blocked"] * 2
        assert 1 <= answers[2].json()["error"]["retryAfter"] <= 60
        assert answers[2].headers["retry-after"] == str(answers[2].json()["error"]["retryAfter"])
        assert answers[-1].json()["error"]["retryAfter"] > 800
        assert await running.refused() == (429, "blocked")
        assert (await running.lines.find("token blocked"))["key"] == "ip"


async def test_health_tells_how_the_service_is() -> None:
    async with relay("ws://127.0.0.1:1") as running:
        await running.http.post(TOKEN, headers=PAGE)
        report = (await running.http.get("/api/voice-agent/health")).json()
        assert report["services"] == {"provider": "healthy", "rateLimit": "healthy", "sessions": "healthy"}
        assert (report["metrics"]["totalRequests"], report["metrics"]["activeSessions"]) == (1, 1)
        for _ in range(3):
            await (await running.open()).wait_closed()
        answer = await running.http.get("/api/voice-agent/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")


@asynccontextmanager
async def provider_api(answer: Callable[[str, dict[str, Any]], tuple[int, str]]) -> AsyncIterator[str]:
    """A provider's HTTP API: gets path and body, gives status and body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        lines = {line.split(": ")[0].lower(): line.split(": ")[1] for line in head.split("\r\n")[1:] if line}
        body = json.loads(await reader.readexactly(int(lines["content-length"])))
        status, text = answer(path, {"authorization": lines["authorization"], **body})
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


DIRECT: dict[str, Any] = {"voice_agent_direct": "openai,deepgram", "openai_realtime_model": "gpt-realtime"}


async def test_direct_tokens_are_issued_by_the_providers() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def answer(path: str, body: dict[str, Any]) -> tuple[int, str]:
        asked.append((path, body))
        if "grant" in path:
            return 200, '{"access_token":"temporary","expires_in":60}'
        return 200, '{"value":"ek_temporary","expires_at":1}'

    async with provider_api(answer) as url, relay(url, **DIRECT) as running:
        body = (await running.http.post(TOKEN, json={"use": "direct", "provider": "openai"}, headers=PAGE)).json()
        assert (body["token"], body["mode"]) == ("ek_temporary", "openai")
        assert 58 <= body["expiresIn"] <= 60
        body = (await running.http.post(TOKEN, json={"use": "direct", "provider": "deepgram"}, headers=PAGE)).json()
        assert (body["token"], body["mode"]) == ("temporary", "deepgram")
        (path, secret), (grant, ttl) = asked
        assert path == "/v1/realtime/client_secrets"
        assert secret["authorization"] == f"Bearer {running.settings.key_of('openai')}"
        assert secret["session"] == {"type": "realtime", "model": "gpt-realtime"}
        assert secret["expires_after"] == {"anchor": "created_at", "seconds": 60}
        assert (grant, ttl["ttl_seconds"]) == ("/v1/auth/grant", 60)
        missing = await running.http.post(TOKEN, json={"use": "direct"}, headers=PAGE)
        assert missing.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (401, "hush", "upstream_unauthorized"),
        (429, "hush", "upstream_rate_limited"),
        (400, "hush", "upstream_refused"),
        (302, "hush", "upstream_refused"),
        (503, "hush", "upstream_unavailable"),
        (200, "hush", "upstream_protocol_error"),
        (200, '{"hush":1}', "upstream_protocol_error"),
        (200, '{"value":""}', "upstream_protocol_error"),
        (200, "KEY", "upstream_protocol_error"),
    ],
)
async def test_direct_tokens_fail_in_words_of_the_relay(status: int, text: str, code: str) -> None:
    def answer(_path: str, body: dict[str, Any]) -> tuple[int, str]:
        key = body["authorization"].removeprefix("Bearer ")
        return status, json.dumps({"value": key}) if text == "KEY" else text

    async with provider_api(answer) as url, relay(url, **DIRECT) as running:
        refused = await running.http.post(TOKEN, json={"use": "direct", "provider": "openai"}, headers=PAGE)
        assert (refused.status_code, refused.json()["error"]["code"]) == (502, code)
        assert "hush" not in refused.text
        assert str(running.settings.key_of("openai")) not in refused.text
