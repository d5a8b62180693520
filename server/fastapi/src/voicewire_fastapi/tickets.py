"""Tickets: JWTs that open one session each, checked as RFC 8725 advises and more narrowly where they can be."""

import asyncio
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from .codes import Refusal
from .config import Provider, Settings

TICKET_TYPE = "voicewire-ticket+jwt"

# A ticket is read at every attempt to connect; nothing honest is longer.
_MOST_TICKET_BYTES = 4096
# No ticket may be good for longer than an hour, whoever signed it.
_MOST_LIFE_SECONDS = 3600
# What public keys may sign with; never HS256, which would take a public key for a secret.
_PUBLIC_KEY_ALGORITHMS = ("RS256", "ES256", "EdDSA")
_KEYS_LIFE_SECONDS = 600.0
# An invented `kid` must not have the issuer asked each time.
_KEYS_COOLDOWN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class User:
    """A user as the application or a ticket knows them, and what they are allowed."""

    user: str
    """By the application's own id: 1…256 characters."""
    provider: Provider | None = None
    """May use this provider only."""
    model: str | None = None
    """May use this model only: a path whose query does not name it stays shut."""
    origin: str | None = None
    """May come from pages of this origin only."""
    max_seconds: float | None = None
    """The greatest length of a session; more than 0."""

    def __post_init__(self) -> None:
        if not _is_text(self.user, 256):
            raise TypeError("Cannot let a user in as user must be a text of 1…256 characters")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError("Cannot let a user in as max_seconds must be more than 0")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that was checked."""

    user: User
    id: str
    """``jti``: what makes it good only once."""
    expires_at: float
    """When it need not be remembered any more, in seconds of the epoch."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What a page is given."""

    token: str
    expires_at: int
    """In ms of the epoch."""
    expires_in: int
    """In seconds from now."""


def issue_ticket(user: User, settings: Settings) -> IssuedToken:
    """
    Issues a ticket that is good for one session and for ``VOICE_AGENT_TOKEN_DURATION``.

    :raises TypeError: Where there is no secret to sign it with.
    """
    if settings.ticket_secret is None:
        raise TypeError("Cannot issue a ticket as TICKET_SECRET must be given: current value is missing")
    now = int(time.time())
    expires_in = settings.voice_agent_token_duration // 1000
    claims: dict[str, Any] = {
        "iss": settings.ticket_issuer,
        "aud": settings.ticket_audience,
        "sub": user.user,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + expires_in,
        "provider": user.provider,
        "model": user.model,
        "origin": user.origin,
        "max_seconds": user.max_seconds,
    }
    token = jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        settings.ticket_secret.get_secret_value(),
        algorithm="HS256",
        headers={"typ": TICKET_TYPE},
    )
    return IssuedToken(token, (now + expires_in) * 1000, expires_in)


class TicketVerifier:
    """Checks everything about a ticket but whether it was used before."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.ticket_issuer
        self._audience = settings.ticket_audience
        self._tolerance = settings.ticket_clock_tolerance_seconds
        secret = settings.ticket_secret
        self._secret = None if secret is None else secret.get_secret_value()
        self._keys = None if settings.ticket_jwks_url is None else PublishedKeys(settings.ticket_jwks_url)

    async def verify(self, token: str) -> Ticket:
        """
        Checks a ticket.

        :raises Refusal: 401 where it is not good; 503 where the issuer's keys cannot be had.
        """
        if len(token.encode(errors="replace")) > _MOST_TICKET_BYTES:
            raise _invalid()
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TICKET_TYPE or "crit" in header:
                raise _invalid()
            key, algorithms = await self._key_for(header)
            return self._read(jwt.decode(token, key, algorithms=algorithms, **self._rules()))
        except (jwt.PyJWTError, ArithmeticError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _invalid() from None  # one answer for all: a forger learns nothing from it

    def _rules(self) -> dict[str, Any]:
        # `exp` is looked at last: "expired" must not be said of what is wrong besides.
        return {
            "issuer": self._issuer,
            "audience": self._audience,
            "leeway": self._tolerance,
            "options": {"require": ["exp", "iat", "jti", "sub", "iss", "aud"], "verify_exp": False},
        }

    async def _key_for(self, header: Mapping[str, Any]) -> tuple[Any, list[str]]:
        if self._keys is None:
            return self._secret, ["HS256"]
        algorithm = header.get("alg")
        if algorithm not in _PUBLIC_KEY_ALGORITHMS:
            raise _invalid()
        return await self._keys.find(header.get("kid"), algorithm), [algorithm]

    def _read(self, claims: Mapping[str, Any]) -> Ticket:
        issued, expires = claims["iat"], claims["exp"]
        if not (_is_time(issued) and _is_time(expires)) or not _is_time(claims.get("nbf", 0)):
            raise _invalid()
        now = time.time()
        if issued > now + self._tolerance or expires - issued > _MOST_LIFE_SECONDS:
            raise _invalid()
        if expires > now + _MOST_LIFE_SECONDS + self._tolerance:
            raise _invalid()
        if not _is_text(claims["sub"], 256) or not _is_text(claims["jti"], 128):
            raise _invalid()
        user = User(claims["sub"], **_narrowed(claims))
        if expires <= now - self._tolerance:
            raise Refusal(401, "ticket_expired", "The ticket has expired")
        return Ticket(user, claims["jti"], expires + self._tolerance)


class PublishedKeys:
    """The issuer's public keys, asked for when they are needed and kept for ten minutes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: list[jwt.PyJWK] = []
        self._asked_at = -math.inf
        self._lock = asyncio.Lock()

    async def find(self, key_id: object, algorithm: str) -> jwt.PyJWK:
        """
        The key that a ticket's header names.

        :raises Refusal: 401 where there is none; 503 where the issuer cannot be asked.
        """
        age = time.monotonic() - self._asked_at
        found = self._matching(key_id, algorithm)
        if age > _KEYS_LIFE_SECONDS or (not found and age > _KEYS_COOLDOWN_SECONDS):
            async with self._lock:
                if time.monotonic() - self._asked_at >= age:
                    await self._ask()
            found = self._matching(key_id, algorithm)
        if len(found) != 1:
            raise _invalid()
        return found[0]

    def _matching(self, key_id: object, algorithm: str) -> list[jwt.PyJWK]:
        return [
            key for key in self._keys if (key_id is None or key.key_id == key_id) and key.algorithm_name == algorithm
        ]

    async def _ask(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=5, follow_redirects=False, trust_env=False) as client:
                answer = await client.get(self._url, headers={"Accept": "application/json"})
                answer.raise_for_status()
                self._keys = _public_keys(answer.json())
        except (httpx.HTTPError, ValueError, TypeError, AttributeError):
            raise Refusal(
                503, "authentication_unavailable", "Tickets cannot be checked at the moment", retry_after=5
            ) from None
        self._asked_at = time.monotonic()


def _public_keys(document: Any) -> list[jwt.PyJWK]:
    keys: list[jwt.PyJWK] = []
    for entry in document["keys"] if isinstance(document, dict) else []:
        if not isinstance(entry, dict) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
            continue
        try:
            keys.append(jwt.PyJWK(entry))
        except jwt.PyJWTError:
            continue  # a key of a kind that this library does not know checks no ticket
    return keys


def _narrowed(claims: Mapping[str, Any]) -> dict[str, Any]:
    """The optional claims; a wrong one is refused rather than ignored, as it was meant to narrow."""
    narrowed = {name: claims[name] for name in ("provider", "model", "origin", "max_seconds") if name in claims}
    if narrowed.get("provider", "openai") not in ("openai", "deepgram"):
        raise _invalid()
    if not all(_is_text(narrowed.get(name, "-"), 256) for name in ("model", "origin")):
        raise _invalid()
    seconds = narrowed.get("max_seconds", 1)
    if not _is_time(seconds) or not seconds > 0:
        raise _invalid()
    return narrowed


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _invalid() -> Refusal:
    return Refusal(401, "ticket_invalid", "The ticket is not good here")
