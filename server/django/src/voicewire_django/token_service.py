"""Issues and refreshes tokens, within limits, with an account of each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import hmac
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from django.http import HttpRequest

from . import log
from .addresses import address_of
from .auth import bearer_of, origin_of, short_hash
from .body import choice_field, read_json, text_field
from .budgets import check_budget
from .codes import Refusal
from .csrf import check_csrf
from .direct import DirectTokens
from .grants import Grant
from .limits import RequestLimits, rate_headers, tighter
from .state.shared import Block, Health, Holder, Verdict, Window
from .tickets import IssuedTicket, issue_ticket, ticket_id

if TYPE_CHECKING:
    from .relay import Relay

_WINDOW_MS = 60_000
_MOST_STORE_SECONDS = 5
"""A store's time to answer; a store that hangs must not hold requests."""

Action = Literal["issue", "refresh"]
_Result = TypeVar("_Result")


@dataclass(slots=True)
class Asking:
    """Who asks; filled in as it becomes known, so that a refusal can tell, too."""

    request: HttpRequest
    action: Action
    address: str
    origin: str | None
    user: str | None = None
    session_id: str | None = None
    mode: str | None = None
    verdicts: list[Verdict] = field(default_factory=list)


class TokenService:
    """What the paths below `api/voice-agent` answer."""

    def __init__(self, relay: Relay) -> None:
        config = relay.config
        self._relay = relay
        self._config = config
        self._direct = DirectTokens(config, relay.providers)
        self._sessions_health: Health = "healthy"
        self._started_at = time.monotonic()
        self._requests = self._refreshes = self._errors = 0
        self._total_ms = 0.0
        most = config.voice_agent_rate_limit
        # Whoever replaces each token in time must never meet the limit, however short tokens are.
        twice = 0 if most == 0 else max(most, math.ceil(2 * _WINDOW_MS / config.voice_agent_token_duration))
        block = Block(config.suspicious_activity_threshold, config.block_duration)
        self._limits = {
            "issue": RequestLimits("issue", Window(_WINDOW_MS, most), block, relay.state),
            "refresh": RequestLimits("refresh", Window(_WINDOW_MS, twice), block, relay.state),
        }

    @property
    def issues(self) -> bool:
        """Whether there is any token to be had here."""
        return self._config.ticket_secret is not None or bool(self._config.voice_agent_direct)

    async def answer(self, action: Action, request: HttpRequest) -> tuple[int, Any, dict[str, str]]:
        """
        Answers a request for a token.

        :raises Refusal: With the status that the answer must have.
        """
        started_at = time.monotonic()
        address = address_of(request, self._config.trust_proxy)
        asking = Asking(request, action, address, origin_of(request))
        status, code = 503, "authentication_unavailable"
        try:
            self._relay.auth.check_origin(asking.origin)
            await self._limit(asking, "ip", asking.address)
            body = await (self._issue(asking) if action == "issue" else self._refresh(asking))
            status, code = 200, "ok"
        except Refusal as refusal:
            status, code = refusal.status, refusal.code
            self._audit(asking, "refused", code=refusal.code)
            raise
        except Exception:
            self._audit(asking, "refused")
            raise
        finally:
            self._requests += 1
            self._errors += status >= 500
            self._total_ms += (time.monotonic() - started_at) * 1000
            self._relay.metrics.token_answered(action, code)
        self._audit(asking, "issued" if action == "issue" else "refreshed")
        self._refreshes += action == "refresh"
        return 200, body, rate_headers(reduce(tighter, asking.verdicts))

    async def health(self) -> tuple[int, Any, dict[str, str]]:
        """How the service is; it asks no provider, and tells nothing of the configuration."""
        active = 0
        with contextlib.suppress(Refusal):  # `services` says so, and it is asked first to find out
            active = await self._keep(self._relay.state.sessions.count)
        services = {
            "provider": self._relay.providers.status,
            "rateLimit": self._relay.state.status,
            "sessions": self._sessions_health,
        }
        ranks: tuple[Health, ...] = ("healthy", "degraded", "unhealthy")
        status = max(services.values(), key=ranks.index)
        requests = max(1, self._requests)
        from . import __version__

        report = {
            "status": status,
            "uptime": int(time.monotonic() - self._started_at),
            "version": __version__,
            "services": services,
            "metrics": {
                "totalRequests": self._requests,
                "activeSessions": active,
                "totalRefreshes": self._refreshes,
                "errorRate": round(self._errors / requests, 3),
                "averageResponseTime": round(self._total_ms / requests, 3),
            },
        }
        return (503 if status == "unhealthy" else 200), report, {}

    async def _issue(self, asking: Asking) -> dict[str, Any]:
        body = await read_json(asking.request)
        provider = choice_field(body, "provider", ("openai", "deepgram"))
        use = choice_field(body, "use", ("relay", "direct"))
        relays, direct = self._config.ticket_secret is not None, bool(self._config.voice_agent_direct)
        relay = (use or ("relay" if relays else "direct")) == "relay"
        if relay and not relays:
            raise Refusal(400, "bad_request", 'The field "use" must be "direct" here')
        if not relay and not direct:
            raise Refusal(403, "direct_forbidden", "Providers can only be reached through the relay")
        began_at = time.time() * 1000  # what is revoked while the application thinks must count
        grant = await self._find_user(asking)
        asking.user = grant.user
        await self._limit(asking, "user", grant.user)
        await check_budget(grant.user, self._config, self._relay.state.budgets)
        asking.mode = mode = "relay" if relay else self._provider_for(grant, provider)
        claims = _narrowed(grant, asking.origin, provider)
        await self._relay.auth.check_revoked(Holder(grant.user, None, began_at))
        issued = await self._mint(mode, claims)
        session_id = str(uuid.uuid4())
        session = {
            "claims": _claims(claims),
            "mode": mode,
            "origin": asking.origin,
            "beganAt": began_at,
            "refreshes": 0,
            "tokenHash": _hash(issued.token),
            "expiresAt": issued.expires_at,
        }
        sessions, forget_at = self._relay.state.sessions, issued.expires_at + self._config.refresh_grace
        await self._keep(lambda: sessions.add(session_id, session, forget_at))
        asking.session_id = session_id
        return _answer(issued, session_id, mode)

    async def _refresh(self, asking: Asking) -> dict[str, Any]:
        session_id = text_field(await read_json(asking.request), "sessionId", 128)
        shown = bearer_of(asking.request)
        if not shown:
            raise Refusal(401, "ticket_missing", "The session's token is needed")
        sessions = self._relay.state.sessions
        session = await self._keep(lambda: sessions.get(session_id))
        if session is None:
            raise Refusal(401, "session_unknown", "There is no such session, or no more")
        asking.session_id, asking.mode = session_id, session["mode"]
        if not hmac.compare_digest(session["tokenHash"], _hash(shown)):
            raise _foreign()
        grant = _grant(session["claims"])
        asking.user = grant.user
        await self._limit(asking, "user", grant.user)
        ticket = ticket_id(shown) if session["mode"] == "relay" else None
        await self._relay.auth.check_revoked(Holder(grant.user, ticket, session.get("beganAt", 0)))
        await check_budget(grant.user, self._config, self._relay.state.budgets)
        if session["origin"] != asking.origin:
            raise Refusal(403, "origin_forbidden", "The session is of another origin")
        self._check_age(session)
        issued = await self._mint(session["mode"], grant)
        next_session = {
            **session,
            "refreshes": session["refreshes"] + 1,
            "tokenHash": _hash(issued.token),
            "expiresAt": issued.expires_at,
        }
        forget_at = issued.expires_at + self._config.refresh_grace
        # Another request with the same token may have been quicker.
        if not await self._keep(lambda: sessions.replace(session_id, session["tokenHash"], next_session, forget_at)):
            raise _foreign()
        return _answer(issued, session_id, session["mode"])

    def _check_age(self, session: dict[str, Any]) -> None:
        if time.time() * 1000 > session["expiresAt"] + self._config.refresh_grace:
            raise Refusal(401, "ticket_expired", "The token expired too long ago")
        if 0 < self._config.max_refreshes <= session["refreshes"]:
            raise Refusal(403, "refresh_limit", "The session was refreshed as often as it may be")

    async def _mint(self, mode: str, grant: Grant) -> IssuedTicket:
        if mode == "relay":
            return issue_ticket(grant, config=self._config)
        return await self._direct.mint(mode, grant)

    async def _find_user(self, asking: Asking) -> Grant:
        grant = await self._relay.auth.ask(asking.request)
        if grant is not None:
            await check_csrf(asking.request)
            return grant
        anybody = self._config.authenticate is None and not self._config.production
        if not anybody or asking.origin is None:
            raise Refusal(401, "unauthenticated", "The user is not known")
        return Grant(user=f"anonymous {asking.address}")

    def _provider_for(self, grant: Grant, asked: str | None) -> str:
        providers = self._config.voice_agent_direct
        provider = asked or grant.provider or (providers[0] if len(providers) == 1 else None)
        if provider is None:
            raise Refusal(400, "bad_request", 'The field "provider" is needed with "use": "direct"')
        return provider

    async def _limit(self, asking: Asking, kind: str, value: str) -> None:
        limits = self._limits[asking.action]
        asking.verdicts.append(await limits.take(kind, value, lambda key: self._audit(asking, "blocked", key=key)))

    async def _keep(self, act: Callable[[], Awaitable[_Result]]) -> _Result:
        """Uses the store of sessions. :raises Refusal: 503 where that fails."""
        try:
            async with asyncio.timeout(_MOST_STORE_SECONDS):
                result = await act()
        except Exception:  # noqa: BLE001 - what was wrong may name hosts or ids
            self._sessions_health = "unhealthy"
            raise Refusal(503, "sessions_unavailable", "Sessions cannot be kept at the moment", retry_after=5) from None
        self._sessions_health = "healthy"
        return result

    def _audit(self, asking: Asking, event: str, *, code: str | None = None, key: str | None = None) -> None:
        log.info(
            f"token {event}",
            log="audit",
            event=event,
            at=round(time.time() * 1000),
            address=asking.address,
            origin=asking.origin,
            user=short_hash(asking.user),
            sessionId=asking.session_id,
            mode=asking.mode,
            code=code,
            key=key,
        )


def _narrowed(grant: Grant, origin: str | None, provider: Any) -> Grant:
    """What the page asks for may narrow what the application allows, never widen it."""
    if grant.origin is not None and origin is not None and grant.origin != origin:
        raise Refusal(403, "origin_forbidden", "The user may not use the relay from this origin")
    if provider is not None and grant.provider not in (None, provider):
        raise Refusal(403, "provider_forbidden", "The user may not use this provider")
    return dataclasses.replace(grant, origin=origin or grant.origin, provider=provider or grant.provider)


_NAMES = {
    "user": "user",
    "provider": "provider",
    "model": "model",
    "origin": "origin",
    "max_seconds": "maxSeconds",
}
"""A grant's fields, and how sessions call them: relays of other languages read them, too."""


def _claims(grant: Grant) -> dict[str, Any]:
    values = {name: getattr(grant, own) for own, name in _NAMES.items()}
    return {name: value for name, value in values.items() if value is not None}


def _grant(claims: dict[str, Any]) -> Grant:
    return Grant(**{own: claims.get(name) for own, name in _NAMES.items()})  # type: ignore[arg-type]


def _answer(issued: IssuedTicket, session_id: str, mode: str) -> dict[str, Any]:
    return {
        "success": True,
        "token": issued.token,
        "expiresAt": issued.expires_at,
        "expiresIn": issued.expires_in,
        "sessionId": session_id,
        "mode": mode,
    }


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _foreign() -> Refusal:
    """Also where the token was the session's once: what was replaced is nobody's any more."""
    return Refusal(403, "session_forbidden", "The token is not the session's current one")
