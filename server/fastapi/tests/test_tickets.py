"""PROTOCOL.md, section 4: what a ticket must be."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from voicewire_fastapi import Refusal, User, issue_ticket
from voicewire_fastapi.tickets import TICKET_TYPE, TicketVerifier

from .support import settings_for, ticket

SECRET = secrets.token_hex(32)
JWKS: dict[str, Any] = {"ticket_secret": None, "ticket_jwks_url": "https://keys.example/jwks"}


async def refusal_of(token: str, **fields: Any) -> tuple[int, str]:
    settings = settings_for(**{"ticket_secret": SECRET, **fields})
    with pytest.raises(Refusal) as caught:
        await TicketVerifier(settings).verify(token)
    return caught.value.status, caught.value.code


def a_minute() -> dict[str, int]:
    """A minute from now on."""
    now = int(time.time())
    return {"iat": now, "exp": now + 60}


async def test_verify_reads_what_was_issued() -> None:
    settings = settings_for(ticket_secret=SECRET, voice_agent_token_duration=2000)
    user = User("ann", "openai", "gpt-realtime", "https://app.example", 600)
    issued = issue_ticket(user, settings)
    read = await TicketVerifier(settings).verify(issued.token)
    assert read.user == user
    assert issued.expires_in == 2
    assert read.expires_at == issued.expires_at / 1000 + 5


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"sub": None},
        {"sub": ""},
        {"sub": "u" * 257},
        {"sub": 7},
        {"jti": None},
        {"jti": "j" * 129},
        {"iat": None},
        {"iat": timedelta(seconds=3600), "exp": timedelta(seconds=3660)},
        {"exp": None},
        {"exp": timedelta(seconds=3700)},
        {"exp": 1e300},
        {"exp": "soon"},
        {"exp": True},
        {"iat": float("inf")},
        {"exp": float("nan")},
        {"iat": timedelta(seconds=-4000), "exp": timedelta(seconds=10)},
        {"nbf": timedelta(seconds=3600)},
        {"nbf": "later"},
        {"provider": "other"},
        {"provider": None, "model": ""},
        {"origin": 5},
        {"max_seconds": 0},
        {"max_seconds": "60"},
        {"max_seconds": True},
        {"exp": timedelta(seconds=-3600), "iat": timedelta(seconds=-3660), "aud": "another"},
    ],
)
async def test_verify_refuses_wrong_claims_in_one_way(claims: Mapping[str, Any]) -> None:
    now = int(time.time())
    dated: dict[str, Any] = {
        name: now + int(claim.total_seconds()) if isinstance(claim, timedelta) else claim
        for name, claim in claims.items()
    }
    assert await refusal_of(ticket(SECRET, **dated)) == (401, "ticket_invalid")


async def test_verify_tells_age_where_it_is_all_that_is_wrong() -> None:
    now = int(time.time())
    assert await refusal_of(ticket(SECRET, iat=now - 3600, exp=now - 3000)) == (401, "ticket_expired")


async def test_verify_lets_clocks_differ_by_the_tolerance() -> None:
    verifier = TicketVerifier(settings_for(ticket_secret=SECRET, ticket_clock_tolerance_seconds=60))
    now = int(time.time())
    await verifier.verify(ticket(SECRET, iat=now - 90, exp=now - 50))
    await verifier.verify(ticket(SECRET, iat=now + 50, nbf=now + 50, exp=now + 100))
    assert await refusal_of(ticket(SECRET, iat=now - 90, exp=now - 50)) == (401, "ticket_expired")


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "x",
        lambda: "a.b.c",
        lambda: "..",
        lambda: ticket(SECRET, header={"typ": "JWT"}),
        lambda: ticket(SECRET, header={"typ": "at+jwt"}),
        lambda: ticket(SECRET, padding="p" * 5000),
        lambda: ticket(secrets.token_hex(32)),
        lambda: jwt.encode({"sub": "u"}, "", algorithm="none", headers={"typ": TICKET_TYPE}),
        lambda: jwt.encode(
            {"iss": "voicewire", "aud": "voicewire-relay", "sub": "u", "jti": "j", **a_minute()},
            SECRET,
            algorithm="HS512",
            headers={"typ": TICKET_TYPE},
        ),
    ],
    ids=["empty", "word", "three", "dots", "jwt", "access", "long", "forged", "none", "hs512"],
)
async def test_verify_refuses_what_is_no_ticket_of_ours(make: Callable[[], str]) -> None:
    assert await refusal_of(make()) == (401, "ticket_invalid")


class Issuer:
    """Signs with keys that it publishes."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }
        self.asked = 0
        self.answers = True

    def sign(self, algorithm: str, key: str | None = None, **header: str) -> str:
        claims = {"iss": "voicewire", "aud": "voicewire-relay", "sub": "u", "jti": "j", **a_minute()}
        headers = {"typ": TICKET_TYPE, "kid": key or algorithm, **header}
        return jwt.encode(claims, self.keys[algorithm], algorithm=algorithm, headers=headers)

    def published(self) -> dict[str, Any]:
        kinds: dict[str, Any] = {
            "RS256": jwt.algorithms.RSAAlgorithm,
            "ES256": jwt.algorithms.ECAlgorithm,
            "EdDSA": jwt.algorithms.OKPAlgorithm,
        }
        keys = []
        for name, key in self.keys.items():
            public = json.loads(kinds[name].to_jwk(key.public_key()))
            keys.append({**public, "kid": name, "alg": name, "use": "sig"})
        return {"keys": keys}

    def answer(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(200, json=self.published()) if self.answers else httpx.Response(500)


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Issuer:
    published = Issuer()
    real = httpx.AsyncClient

    def client(**options: Any) -> httpx.AsyncClient:
        return real(**options, transport=httpx.MockTransport(published.answer))

    monkeypatch.setattr("voicewire_fastapi.tickets.httpx.AsyncClient", client)
    return published


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_verify_takes_published_keys(issuer: Issuer, algorithm: str) -> None:
    verifier = TicketVerifier(settings_for(**JWKS))
    assert (await verifier.verify(issuer.sign(algorithm))).user.user == "u"
    await verifier.verify(issuer.sign(algorithm))
    assert issuer.asked == 1


async def test_verify_takes_no_public_key_for_a_secret(issuer: Issuer) -> None:
    public = (
        issuer.keys["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    forged = ticket(public.hex(), header={"kid": "RS256"})
    assert await refusal_of(forged, **JWKS) == (401, "ticket_invalid")
    assert issuer.asked == 0


@pytest.mark.parametrize("header", [{"kid": "unknown"}, {"kid": "ES256"}, {"kid": "../RS256"}])
async def test_verify_refuses_keys_that_are_not_published(issuer: Issuer, header: dict[str, str]) -> None:
    token = issuer.sign("RS256", jku="https://evil.example/keys", **header)
    assert await refusal_of(token, **JWKS) == (401, "ticket_invalid")


async def test_verify_says_when_the_issuer_is_away(issuer: Issuer) -> None:
    issuer.answers = False
    assert await refusal_of(issuer.sign("RS256"), **JWKS) == (503, "authentication_unavailable")
