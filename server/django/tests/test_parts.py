"""Small parts, alone."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import SECRET, ticket
from voicewire_django.addresses import client_address
from voicewire_django.byte_rate import BURST_BYTES, ByteRate
from voicewire_django.closes import cut_reason, map_code, private_code
from voicewire_django.codes import Refusal
from voicewire_django.conf import Configuration, ConfigurationError, read_configuration
from voicewire_django.grants import Grant, read_grant
from voicewire_django.log import WithoutQueries, allowed_fields
from voicewire_django.origins import is_origin
from voicewire_django.routes import find_route, select_protocol
from voicewire_django.session import shows_activity
from voicewire_django.state.memory import MemoryBlocks, MemoryWindows
from voicewire_django.state.shared import Block, Window
from voicewire_django.tickets import TicketVerifier, issue_ticket

GOOD = {"OPENAI_API_KEY": "k", "TICKET_SECRET": SECRET, "ALLOWED_ORIGINS": "https://app.example"}


def config(**changes: Any) -> Configuration:
    return read_configuration({**GOOD, **changes}, {}, debug=True)


@pytest.mark.parametrize(
    ("given", "environment", "debug", "named"),
    [
        ({"OPENAI_API_KEY": None}, {}, True, ["OPENAI_API_KEY"]),
        ({"ALLOWED_ORIGINS": "https://app.example/"}, {}, True, ["ALLOWED_ORIGINS"]),
        ({"ALLOWED_ORIGINS": "*"}, {}, False, ["ALLOWED_ORIGINS"]),
        ({"RELAY_OPEN": True}, {}, False, ["RELAY_OPEN"]),
        ({}, {"PORT": "0x50"}, True, ["PORT"]),
        ({}, {"OPENAI_API_URL": "wss://host?key=1", "PORT": "-1"}, True, ["OPENAI_API_URL", "PORT"]),
        ({"TICKET_JWKS_URL": "https://issuer.example"}, {}, True, ["TICKET_JWKS_URL"]),
        ({"TYPO": 1}, {}, True, ["TYPO"]),
        ({"AUTHENTICATE": "no.such.module"}, {}, True, ["AUTHENTICATE"]),
        ({}, {"VOICE_AGENT_DIRECT": "openai"}, True, ["OPENAI_REALTIME_MODEL"]),
    ],
)
def test_read_configuration_names_each_fault(
    given: dict[str, Any], environment: dict[str, str | None], debug: bool, named: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_configuration({**GOOD, **given}, environment, debug=debug)
    assert len(raised.value.faults) == len(named)
    for fault, name in zip(raised.value.faults, named, strict=True):
        assert name in fault
        assert SECRET not in fault
        assert "key=1" not in fault


def test_read_configuration_lets_the_environment_win() -> None:
    read = read_configuration({**GOOD, "PORT": 1, "MAX_CONNECTIONS": 7}, {"PORT": "2", "MAX_CONNECTIONS": ""})
    assert (read.port, read.max_connections, read.production) == (2, 7, True)
    assert read_configuration(GOOD, {"NODE_ENV": "development"}).production is False


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("https://app.example", True),
        ("http://127.0.0.1:3000", True),
        ("app://name", True),
        ("https://app.example/", False),
        ("https://app.example:443", False),
        ("https://App.example", False),
        ("https://user@app.example", False),
        ("https://app.example:", False),
        ("null", False),
        ("file://x", False),
    ],
)
def test_is_origin_takes_what_a_browser_would_send(text: str, good: bool) -> None:
    assert is_origin(text) is good


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", "198.51.100.1", 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9, 198.51.100.1", 1, "198.51.100.1"),
        ("192.0.2.1", "203.0.113.9, 198.51.100.1:443", 1, "198.51.100.1"),
        ("192.0.2.1", "203.0.113.9, 198.51.100.1", 2, "203.0.113.9"),
        ("192.0.2.1", "", 1, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", 2, "192.0.2.1"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("::1", "[2001:db8::1]:443", 1, "2001:db8:0:0::/64"),
    ],
)
def test_client_address(remote: str, forwarded: str, proxies: int, address: str) -> None:
    assert client_address(remote, forwarded, proxies) == address


def test_select_protocol_answers_no_secret() -> None:
    assert select_protocol(["openai-insecure-api-key.x", "realtime"]) == "realtime"
    assert select_protocol(["openai-insecure-api-key.x"]) is None
    assert select_protocol(["sk-abc", "chat"]) == "chat"
    assert select_protocol(["x" * 32]) is None
    assert select_protocol(["access_token.x"]) == "access_token.x"
    assert select_protocol(["access_token.x", "openai-beta.realtime-v1"]) is None


def test_find_route_leaves_other_parameters_as_they_are() -> None:
    route = find_route("/v1/realtime", "/v1/realtime", "b=%C3%BC&to%6ben=1&&a=2&model=m&service=x&b")
    assert route is not None
    assert (route.query, route.models) == ("?b=%C3%BC&a=2&model=m&b", ("m",))
    assert find_route(None, "/deepgram-proxy", "service=other") is None


def test_closes_are_mapped() -> None:
    assert [map_code(code) for code in (1000, 1005, 1006, 1015, 1004, 1013, 2999, 3000, 4999, 5000)] == [
        *(1000, 1000, 1011, 1011, 1011, 1013, 1011, 3000, 4999, 1011)
    ]
    assert cut_reason("ü" * 100) == "ü" * 61
    assert [private_code(code) for code in (1000, 1011, 4403)] == [1000, 4011, 4403]


async def test_windows_slide() -> None:
    clock = [0.0]
    windows = MemoryWindows(lambda: clock[0])
    window = Window(60_000, 3)
    for at in (0.0, 30.0, 59.0):
        clock[0] = at
        assert (await windows.take("a", window)).allowed
    refused = await windows.take("a", window)
    assert (refused.allowed, refused.retry_after_ms) == (False, 1000)
    clock[0] = 60.0
    assert (await windows.take("a", window)).allowed
    assert not (await windows.take("a", window)).allowed
    assert (await windows.take("b", window)).remaining == 2


async def test_blocks_last_as_long_as_they_say() -> None:
    clock = [0.0]
    blocks = MemoryBlocks(lambda: clock[0])
    block = Block(2, 10_000)
    assert [await blocks.violate("a", block), await blocks.violate("a", block)] == [False, True]
    assert await blocks.remaining_ms("a") == 10_000
    clock[0] = 10.0
    assert await blocks.remaining_ms("a") == 0


def test_byte_rate_slows_and_gives_up() -> None:
    rate = ByteRate(1000, 30)
    assert rate.take(BURST_BYTES, 1) == 0
    assert rate.take(1000, 1) == 1
    assert not rate.exceeded(31)
    rate.take(100_000, 32)
    assert rate.exceeded(32)


def test_shows_activity() -> None:
    assert not shows_activity("openai", '{"type":"input_audio_buffer.append","audio":""}')
    assert shows_activity("openai", '{"type":"response.create"}')
    assert not shows_activity("deepgram", b"\0")
    assert not shows_activity("deepgram", '{"type":"KeepAlive"}')


def test_log_lets_only_known_fields_through() -> None:
    fields = {"id": "x", "code": "at_capacity", "token": "secret", "path": "/v1/realtime?token=x", "status": -1}
    assert allowed_fields(fields) == {"code": "at_capacity"}
    import logging

    record = logging.LogRecord("n", 20, "p", 1, '%s - "WebSocket %s" 403', ("a", "/v1/realtime?token=t"), None)
    assert WithoutQueries().filter(record)
    assert record.getMessage() == 'a - "WebSocket /v1/realtime" 403'


def test_read_grant_takes_nobody_for_nobody_and_no_nonsense() -> None:
    assert read_grant(None) is None
    assert read_grant(False) is None
    assert read_grant({"user": "ann", "max_seconds": 5}) == Grant(user="ann", max_seconds=5)
    for wrong in ("ann", Grant(user=""), Grant(user="a", max_seconds=0), object()):
        with pytest.raises(TypeError):
            read_grant(wrong)


async def test_issued_tickets_are_good() -> None:
    settings = config()
    issued = issue_ticket(Grant(user="ann", provider="openai", max_seconds=5), config=settings)
    checked = await TicketVerifier(settings).verify(issued.token)
    assert checked.grant == Grant(user="ann", provider="openai", max_seconds=5)
    with pytest.raises(ValueError, match="duration_ms"):
        issue_ticket(Grant(user="ann"), duration_ms=3_600_001, config=settings)


@pytest.fixture
def issuer() -> Iterator[Any]:
    """An issuer that publishes its keys."""

    class Handler(BaseHTTPRequestHandler):
        keys: list[dict[str, Any]] = []  # noqa: RUF012
        asked = 0

        def do_GET(self) -> None:
            type(self).asked += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": self.keys}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/keys"  # type: ignore[attr-defined]
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


async def test_published_keys_check_tickets_and_shared_secrets_do_not(issuer: Any) -> None:
    keys: dict[str, Any] = {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    for algorithm, key in keys.items():
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        issuer.keys.append({**public, "kid": algorithm, "alg": algorithm})
    issuer.keys.append({"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"})
    verifier = TicketVerifier(config(TICKET_SECRET=None, TICKET_JWKS_URL=issuer.url))
    for algorithm, key in keys.items():
        good = ticket(key=key, algorithm=algorithm, header={"kid": algorithm})
        assert (await verifier.verify(good)).grant.user == "ann"
    forged = [
        _signed_with_public_key(keys["RS256"].public_key()),
        ticket(key="secret" * 6, header={"kid": "shared"}),
        ticket(key=keys["ES256"], algorithm="ES256", header={"kid": "RS256"}),
        ticket(key=keys["RS256"], algorithm="RS256", header={"kid": "unknown"}),
        ticket(key="", algorithm="none"),
    ]
    for token in forged:
        with pytest.raises(Refusal) as refused:
            await verifier.verify(token)
        assert refused.value.code == "ticket_invalid"
    assert issuer.asked == 1  # strangers cannot have the issuer asked at will


def _signed_with_public_key(key: Any) -> str:
    """As if what is published were a shared secret; by hand, as PyJWT refuses to."""
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = ticket(header={"kid": "RS256"}).rpartition(".")[0]
    signature = base64.urlsafe_b64encode(hmac.digest(pem, signed.encode(), "sha256")).rstrip(b"=")
    return f"{signed}.{signature.decode()}"


async def test_issuer_that_cannot_be_asked_is_told_apart() -> None:
    verifier = TicketVerifier(config(TICKET_SECRET=None, TICKET_JWKS_URL="http://127.0.0.1:1/keys"))
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Refusal) as refused:
        await verifier.verify(ticket(key=key, algorithm="ES256", header={"kid": "a"}))
    assert (refused.value.status, refused.value.code) == (503, "authentication_unavailable")


async def test_clock_tolerance_counts_for_all_times() -> None:
    verifier = TicketVerifier(config(TICKET_CLOCK_TOLERANCE_SECONDS=60))
    now = int(time.time())
    allowed: list[dict[str, Any]] = [
        {"iat": now + 30, "exp": now + 90},
        {"nbf": now + 30},
        {"iat": now - 60, "exp": now - 30},
    ]
    for claims in allowed:
        await verifier.verify(ticket(**claims))
