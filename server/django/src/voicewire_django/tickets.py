"""Tickets: signed, checked as RFC 8725 advises, and more narrowly where a ticket needs less than a JWT allows."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
import uuid
from dataclasses import dataclass, replace
from typing import Any

import jwt

from .codes import Refusal
from .conf import Configuration, configuration
from .grants import Grant

TICKET_TYPE = "voicewire-ticket+jwt"
"""The header `typ` of every ticket, so that no other JWT of the same issuer passes for one (RFC 8725 §3.11)."""

_MOST_TICKET_BYTES = 4096
_MOST_LIFE_SECONDS = 3600
_PUBLIC_KEY_ALGORITHMS = ["RS256", "ES256", "EdDSA"]
"""What public keys may sign with; never HS256, which would take a public key for a secret."""
_KEYS_LAST_SECONDS = 600
_KEYS_COOL_DOWN_SECONDS = 30
"""An unknown key is looked for again, but strangers cannot have the issuer asked at will."""
_MOST_KEYS_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that was checked."""

    grant: Grant
    id: str
    """`jti`: what makes it good only once."""
    issued_at: float
    """The earliest time at which it can have been issued, in ms of the epoch."""
    expires_at: float
    """When it need not be remembered any more, in seconds of the epoch."""


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket that was issued."""

    token: str
    expires_at: int
    """In ms of the epoch."""
    expires_in: int
    """In seconds from now."""


def issue_ticket(grant: Grant, *, duration_ms: int | None = None, config: Configuration | None = None) -> IssuedTicket:
    """
    Issues a ticket that is good for one session.

    :param grant: Whom it is for, and what it allows.
    :param duration_ms: 1,000…3,600,000; default `VOICE_AGENT_TOKEN_DURATION`.
    :raises ValueError: Where there is no `TICKET_SECRET`, or the duration is out of range.
    """
    config = config or configuration()
    duration_ms = config.voice_agent_token_duration if duration_ms is None else duration_ms
    if config.ticket_secret is None:
        raise ValueError("Cannot issue a ticket as TICKET_SECRET must be given: current value is missing")
    if not 1000 <= duration_ms <= _MOST_LIFE_SECONDS * 1000:
        raise ValueError(
            f"Cannot issue a ticket as duration_ms must be in 1000…3600000: current value is {duration_ms}"
        )
    now, seconds = int(time.time()), duration_ms // 1000
    claims: dict[str, Any] = {
        "iss": config.ticket_issuer,
        "aud": config.ticket_audience,
        "sub": grant.user,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
    }
    limits = {
        "provider": grant.provider,
        "model": grant.model,
        "origin": grant.origin,
        "max_seconds": grant.max_seconds,
    }
    claims |= {name: value for name, value in limits.items() if value is not None}
    token = jwt.encode(claims, config.ticket_secret, algorithm="HS256", headers={"typ": TICKET_TYPE})
    return IssuedTicket(token, (now + seconds) * 1000, seconds)


class TicketVerifier:
    """Checks tickets, all but whether they were used before."""

    def __init__(self, config: Configuration) -> None:
        self._config = config
        self._keys = IssuerKeys(config.ticket_jwks_url) if config.ticket_jwks_url else None

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
            key = self._config.ticket_secret if self._keys is None else await self._keys.find(header)
            return self._read(self._decode(token, key))
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            # One answer for all that is wrong with a ticket but its age: a forger learns nothing from it.
            raise _invalid() from None

    def _decode(self, token: str, key: Any) -> dict[str, Any]:
        # Times are looked at afterwards, as only a ticket that is otherwise good may be called expired.
        options: Any = {
            "require": ["iss", "aud", "sub", "jti", "iat", "exp"],
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        }
        return jwt.decode(
            token,
            key,
            algorithms=["HS256"] if self._keys is None else _PUBLIC_KEY_ALGORITHMS,
            issuer=self._config.ticket_issuer,
            audience=self._config.ticket_audience,
            options=options,
        )

    def _read(self, claims: dict[str, Any]) -> Ticket:
        tolerance, now = self._config.ticket_clock_tolerance_seconds, time.time()
        issued, expires, begins = claims["iat"], claims["exp"], claims.get("nbf", 0)
        if not (_is_number(issued) and _is_number(expires) and _is_number(begins)):
            raise _invalid()
        too_long = expires - issued > _MOST_LIFE_SECONDS or expires > now + _MOST_LIFE_SECONDS + tolerance
        if too_long or issued > now + tolerance or begins > now + tolerance:
            raise _invalid()
        if not (_is_text(claims["sub"], 256) and _is_text(claims["jti"], 128)):
            raise _invalid()
        grant = _limited(Grant(user=claims["sub"]), claims)
        if expires + tolerance <= now:
            raise Refusal(401, "ticket_expired", "The ticket has expired")
        return Ticket(grant, claims["jti"], (issued - tolerance) * 1000, expires + tolerance)


class IssuerKeys:
    """The issuer's published keys, kept for a while."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: list[jwt.PyJWK] = []
        self._read_at = -float("inf")
        self._lock = asyncio.Lock()

    async def find(self, header: dict[str, Any]) -> jwt.PyJWK:
        """
        The key that a ticket names, or the only one where it names none.

        :raises Refusal: 503 where the keys cannot be had, 401 where the ticket's is not among them.
        """
        if header.get("alg") not in _PUBLIC_KEY_ALGORITHMS:
            raise _invalid()
        async with self._lock:
            age = time.monotonic() - self._read_at
            if age > _KEYS_LAST_SECONDS or (self._pick(header) is None and age > _KEYS_COOL_DOWN_SECONDS):
                await self._fetch()
            key = self._pick(header)
        if key is None:
            raise _invalid()
        return key

    def _pick(self, header: dict[str, Any]) -> jwt.PyJWK | None:
        named = [key for key in self._keys if key.key_id == header.get("kid")]
        if "kid" not in header:
            named = [key for key in self._keys if key.algorithm_name == header.get("alg")]
        return named[0] if len(named) == 1 else None

    async def _fetch(self) -> None:
        try:
            content = await asyncio.to_thread(_download, self._url)
            keys = [jwt.PyJWK(entry) for entry in content["keys"] if _is_public(entry)]
        except Exception:  # noqa: BLE001 - whatever it was, the issuer could not be asked
            raise Refusal(
                503, "authentication_unavailable", "Tickets cannot be checked at the moment", retry_after=5
            ) from None
        self._keys = [key for key in keys if key.algorithm_name in _PUBLIC_KEY_ALGORITHMS]
        self._read_at = time.monotonic()


def _download(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read(_MOST_KEYS_BYTES))


_KEY_KINDS = {"RSA": ("RS256",), "EC": ("ES256",), "OKP": ("EdDSA", "Ed25519")}


def _is_public(entry: Any) -> bool:
    """A key of a kind that no ticket may be signed with, a shared one above all, is none."""
    if not isinstance(entry, dict):
        return False
    algorithms = _KEY_KINDS.get(str(entry.get("kty")), ())
    return bool(algorithms) and entry.get("alg", algorithms[0]) in algorithms


def ticket_id(token: str) -> str | None:
    """`jti` of a ticket that is known to be ours."""
    found = jwt.decode(token, options={"verify_signature": False}).get("jti")
    return found if isinstance(found, str) else None


def _limited(grant: Grant, claims: dict[str, Any]) -> Grant:
    """The optional claims; a wrong one is refused rather than ignored, as it was meant to narrow."""
    if "provider" in claims and claims["provider"] not in ("openai", "deepgram"):
        raise _invalid()
    if any(name in claims and not _is_text(claims[name], 256) for name in ("model", "origin")):
        raise _invalid()
    seconds = claims.get("max_seconds", 1)
    if not (_is_number(seconds) and seconds > 0):
        raise _invalid()
    names = ("provider", "model", "origin", "max_seconds")
    return replace(grant, **{name: claims[name] for name in names if name in claims})


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _invalid() -> Refusal:
    return Refusal(401, "ticket_invalid", "The ticket is not good here")
