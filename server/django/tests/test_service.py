"""Tokens, CSRF, functions, and what there is besides, over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support import EXAMPLE, KEY, ORIGIN, SECRET, SERVERS, Answer, Relay, ServerName, Upstream, ticket

TOKEN = "/api/voice-agent/token"
REFRESH = "/api/voice-agent/refresh-token"
METRICS = secrets.token_hex(16)
ADMIN = secrets.token_hex(16)

_LOGIN = """
import django, json
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.conf import settings
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.middleware.csrf import get_token
from django.http import HttpRequest
user = get_user_model().objects.create_user("ann")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
request = HttpRequest()
token = get_token(request)
print(json.dumps([session.session_key, request.META["CSRF_COOKIE"], token]))
"""


@pytest_asyncio.fixture(scope="module", params=SERVERS)
async def production(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Relay, dict[str, str]]]:
    """A relay in production whose users Django knows, and the cookie and CSRF token of one."""
    database = str(tmp_path_factory.mktemp(request.param) / "db.sqlite3")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "example.settings",
        "EXAMPLE_DATABASE": database,
        "DJANGO_SECRET_KEY": SECRET,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _LOGIN],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    session, cookie, token = json.loads(done.stdout)
    options = {
        "EXAMPLE_DATABASE": database,
        "EXAMPLE_AUTHENTICATE": "example.voice.authenticate",
        "METRICS_TOKEN": METRICS,
        "ADMIN_TOKEN": ADMIN,
    }
    async with Relay.start(request.param, upstream.url, **options) as relay:
        yield relay, {"Cookie": f"sessionid={session}; csrftoken={cookie}", "X-CSRFToken": token}


async def ask(relay: Relay, path: str = TOKEN, body: Any = None, **headers: str) -> Answer:
    """A page's request."""
    return await relay.request("POST", path, {"Origin": ORIGIN, **headers}, {} if body is None else body)


async def test_page_gets_a_ticket_that_opens_one_session(relay: Relay, upstream: Upstream) -> None:
    answer = await ask(relay, body={"provider": "openai"})
    assert answer.status == 200
    body = answer.json
    assert (body["success"], body["mode"], body["expiresIn"]) == (True, "relay", 60)
    assert set(body) == {"success", "token", "expiresAt", "expiresIn", "sessionId", "mode"}
    assert (await relay.refusal("/v1/listen", ticket=body["token"])).code == "provider_forbidden"
    assert (await relay.refusal(ticket=body["token"], origin="http://127.0.0.1:3000")).code == "origin_forbidden"
    client = await relay.open(ticket=body["token"])
    peer = await upstream.accept()
    assert (await relay.refusal(ticket=body["token"])).code == "ticket_used"
    await client.close()
    await peer.wait_closed()


async def test_token_is_refreshed_once(relay: Relay) -> None:
    first = (await ask(relay)).json
    bearer = {"Authorization": f"Bearer {first['token']}"}
    body = {"sessionId": first["sessionId"]}
    answers = await asyncio.gather(*(ask(relay, REFRESH, body, **bearer) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 403, 403, 403, 403]
    second = next(answer.json for answer in answers if answer.status == 200)
    assert second["sessionId"] == first["sessionId"]
    assert (await ask(relay, REFRESH, body, **bearer)).code == "session_forbidden"
    assert (await ask(relay, REFRESH, body)).code == "ticket_missing"
    unknown = await ask(relay, REFRESH, {"sessionId": "other"}, Authorization=f"Bearer {second['token']}")
    assert unknown.code == "session_unknown"
    elsewhere = {"Authorization": f"Bearer {second['token']}", "Origin": "http://127.0.0.1:3000"}
    assert (await ask(relay, REFRESH, body, **elsewhere)).code == "origin_forbidden"


@pytest.mark.parametrize(
    ("method", "headers", "body", "status", "code"),
    [
        ("POST", {"Origin": "https://other.example"}, b"{}", 403, "origin_forbidden"),
        ("GET", {"Origin": "https://other.example"}, None, 403, "origin_forbidden"),
        ("GET", {"Origin": ORIGIN}, None, 405, "method_not_allowed"),
        ("POST", {"Origin": ORIGIN, "Content-Type": "text/plain"}, b"{}", 415, "unsupported_media_type"),
        ("POST", {"Origin": ORIGIN, "Content-Type": "application/json"}, b"{", 400, "bad_request"),
        ("POST", {"Origin": ORIGIN, "Content-Type": "application/json"}, b"[]", 400, "bad_request"),
        ("POST", {"Origin": ORIGIN}, {"provider": "azure"}, 400, "bad_request"),
        ("POST", {"Origin": ORIGIN}, {"use": "direct"}, 403, "direct_forbidden"),
        ("POST", {"Origin": ORIGIN}, {"padding": "x" * 5000}, 413, "body_too_big"),
        ("POST", {}, {}, 401, "unauthenticated"),
    ],
)
async def test_request_for_a_token_that_is_wrong_is_refused(
    relay: Relay, method: str, headers: dict[str, str], body: Any, status: int, code: str
) -> None:
    answer = await relay.request(method, TOKEN, headers, body)
    assert (answer.status, answer.code) == (status, code)
    assert answer.header("Cache-Control") == "no-store"
    allowed = headers.get("Origin") == ORIGIN
    assert answer.header("Access-Control-Allow-Origin") == (ORIGIN if allowed else None)


async def test_preflight_of_a_page_is_answered(relay: Relay) -> None:
    answer = await relay.request("OPTIONS", TOKEN, {"Origin": ORIGIN})
    assert answer.status == 204
    assert "Authorization" in (answer.header("Access-Control-Allow-Headers") or "")
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN
    assert (await relay.request("OPTIONS", TOKEN, {"Origin": "https://other.example"})).status == 403


async def test_user_of_a_session_cookie_needs_the_csrf_token(production: tuple[Relay, dict[str, str]]) -> None:
    relay, known = production
    good = await ask(relay, **known)
    assert good.status == 200
    cookie = {"Cookie": known["Cookie"]}
    for headers in (cookie, {**cookie, "X-CSRFToken": "x" * 64}):
        answer = await ask(relay, **headers)
        assert (answer.status, answer.code) == (401, "unauthenticated")
    assert (await ask(relay)).code == "unauthenticated"


async def test_bearer_needs_no_csrf_token(production: tuple[Relay, dict[str, str]]) -> None:
    relay, known = production
    body = (await ask(relay, **known)).json
    headers = {"Cookie": known["Cookie"], "Authorization": f"Bearer {body['token']}"}
    answer = await ask(relay, REFRESH, {"sessionId": body["sessionId"]}, **headers)
    assert answer.status == 200


async def test_user_of_a_session_cookie_is_let_in_by_it(
    production: tuple[Relay, dict[str, str]], upstream: Upstream
) -> None:
    relay, known = production
    client = await relay.open(ticket=None, headers={"Cookie": known["Cookie"]})
    peer = await upstream.accept()
    await client.close()
    await peer.wait_closed()
    foreign = await relay.refusal(ticket=None, headers={"Cookie": known["Cookie"]}, origin="https://other.example")
    assert foreign.code == "origin_forbidden"


async def test_revoked_user_is_sent_away(production: tuple[Relay, dict[str, str]], upstream: Upstream) -> None:
    relay, _ = production
    token = ticket(sub="mallory")
    client = await relay.open(ticket=ticket(sub="mallory"))
    peer = await upstream.accept()
    other = await relay.open(ticket=ticket(sub="bob"))
    await upstream.accept()
    assert (await relay.request("POST", "/admin/revoke", {}, {"user": "mallory"})).code == "unauthenticated"
    bearer = {"Authorization": f"Bearer {ADMIN}"}
    answer = await relay.request("POST", "/admin/revoke", bearer, {"user": "mallory"})
    assert answer.json == {"success": True, "shared": True}
    async with asyncio.timeout(1):
        assert await client.closed() == (4403, "revoked")
    await peer.wait_closed()
    assert (await relay.refusal(ticket=token)).code == "revoked"
    await other.connection.ping()
    await other.close()


async def test_metrics_need_their_bearer_and_name_nobody(production: tuple[Relay, dict[str, str]]) -> None:
    relay, _ = production
    for path in ("/metrics", "/stats"):
        assert (await relay.request("GET", path)).code == "unauthenticated"
    bearer = {"Authorization": f"Bearer {METRICS}"}
    text = (await relay.request("GET", "/metrics", bearer)).content.decode()
    assert 'voicewire_relay_sessions{path="/v1/realtime"} ' in text
    assert "# TYPE voicewire_relay_handshakes_total counter" in text
    stats = (await relay.request("GET", "/stats", bearer)).json
    assert stats["draining"] is False


async def test_metrics_are_not_there_without_a_token(relay: Relay) -> None:
    assert (await relay.request("GET", "/metrics")).code == "not_found"


async def test_health_of_the_service_tells_how_it_is(relay: Relay) -> None:
    answer = await relay.request("GET", "/api/voice-agent/health")
    assert answer.status == 200
    assert answer.json["services"] == {"provider": "healthy", "rateLimit": "healthy", "sessions": "healthy"}
    assert set(answer.json["metrics"]) == {
        "totalRequests",
        "activeSessions",
        "totalRefreshes",
        "errorRate",
        "averageResponseTime",
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"id": "1", "name": "current_time", "arguments": "{}"}, 200, None),
        ({"id": "1", "name": "current_time"}, 200, None),
        ({"id": "1", "name": "other"}, 404, "function_unknown"),
        ({"id": "1", "name": "current_time", "arguments": "["}, 400, "bad_request"),
        ({"name": "current_time"}, 400, "bad_request"),
    ],
)
async def test_function_is_called(relay: Relay, body: Any, status: int, code: str | None) -> None:
    answer = await ask(relay, "/function-call", body)
    assert answer.status == status
    if code is None:
        assert "T" in answer.json["content"]
    else:
        assert answer.code == code


async def test_service_limits_and_blocks(upstream: Upstream) -> None:
    from support import QUICK

    async with Relay.start("uvicorn", upstream.url, VOICE_AGENT_RATE_LIMIT="2", DJANGO_DEBUG="1", **QUICK) as relay:
        codes = [(await ask(relay)).json.get("error", {}).get("code") for _ in range(6)]
        assert codes == [None, None, "rate_limited", "rate_limited", "blocked", "blocked"]
        assert (await relay.refusal()).code == "blocked"
        assert (await relay.logged("token blocked"))["key"] == "ip"


@pytest.mark.parametrize("server", SERVERS)
async def test_direct_tokens_are_the_providers(server: ServerName, upstream: Upstream) -> None:
    asked: list[tuple[str, dict[str, str], Any]] = []
    answers = {
        "/v1/realtime/client_secrets": (200, {"value": "ek_short_lived", "expires_at": 1}),
        "/v1/auth/grant": (403, {"error": f"words of the provider {KEY}"}),
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        path = head[0].split()[1]
        asked.append((path, headers, body))
        status, content = answers[path]
        text = json.dumps(content)
        writer.write(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    provider = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{provider.sockets[0].getsockname()[1]}"
    options = {"VOICE_AGENT_DIRECT": "openai,deepgram", "OPENAI_REALTIME_MODEL": "gpt-realtime", "DJANGO_DEBUG": "1"}
    async with provider, Relay.start(server, url, **options) as relay:
        issued = await ask(relay, body={"use": "direct", "provider": "openai"})
        assert (issued.json["token"], issued.json["mode"]) == ("ek_short_lived", "openai")
        _, headers, body = asked[0]
        assert headers["authorization"] == f"bearer {KEY}"
        assert body == {
            "expires_after": {"anchor": "created_at", "seconds": 60},
            "session": {"type": "realtime", "model": "gpt-realtime"},
        }
        refused = await ask(relay, body={"use": "direct", "provider": "deepgram"})
        assert (refused.status, refused.code) == (502, "upstream_unauthorized")
        assert b"words of the provider" not in refused.content
        assert asked[1][2] == {"ttl_seconds": 60}


@pytest.mark.parametrize("server", SERVERS)
async def test_prefix_is_where_everything_is(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, RELAY_PREFIX="/voice") as relay:
        assert (await relay.request("GET", "/voice/health")).status == 200
        assert (await relay.request("GET", "/health")).status == 404
        client = await relay.open("/voice/v1/realtime")
        peer = await upstream.accept()
        assert peer.request is not None
        assert peer.request.path == "/v1/realtime"
        await client.close()
        await peer.wait_closed()


@pytest.mark.parametrize("server", SERVERS)
async def test_wrong_settings_end_the_start_with_a_line_each(server: ServerName) -> None:
    wrong = {"PORT": "0", "TICKET_SECRET": "too short", "MAX_CONNECTIONS": "many", "REDIS_URL": "http://user:pw@host"}
    relay = await Relay.spawn(server, "ws://127.0.0.1:1", **wrong)
    assert await relay.ended() == 1
    assert [line for line in relay.lines if not line.startswith("20")] == [
        "Cannot start the relay as TICKET_SECRET must be at least 32 bytes long: current value is not shown",
        'Cannot start the relay as MAX_CONNECTIONS must be a whole number from 0 to 1000000: current value is "many"',
        "Cannot start the relay as REDIS_URL must be a URL such as redis://host:6379 or"
        " rediss://user:password@host:6379/0: current value is not shown",
    ]
