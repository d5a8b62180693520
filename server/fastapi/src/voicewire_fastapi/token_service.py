"""Issues and refreshes tokens, within limits, with an account of each."""

import asyncio
import hashlib
import hmac
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from fastapi import Request

from .admission import address_of
from .auth import Authenticate, ask_application, bearer_of, check_origin, hash_for_log, origin_of
from .budgets import Budgets
from .codes import Code, Refusal
from .config import Provider, Settings
from .direct_tokens import DirectTokens
from .limits import Verdict, Window, tighter
from .log import RelayLog
from .metrics import Metrics
from .origins import OriginPolicy
from .provider_health import ProviderHealth
from .request_limits import LimitKey, RequestLimits
from .state import Mode, SharedState, Status, TokenSession
from .tickets import IssuedToken, User, issue_ticket
from .token_models import (
    HealthMetrics,
    HealthReport,
    HealthServices,
    RefreshRequest,
    TokenAnswer,
    TokenRequest,
)
from .version import VERSION

Action = Literal["issue", "refresh"]
Answer = TypeVar("Answer")

_WINDOW_MS = 60_000
# Refreshes of one session; the application is not asked again at a refresh.
_MOST_REFRESHES = 60
# How long after its end a token can still be refreshed.
_GRACE_MS = 30_000
# A store that hangs must not hold requests.
_STORE_SECONDS = 5


@dataclass(slots=True)
class Asking:
    """Who asks; filled in as it becomes known, so that a refusal can tell, too."""

    request: Request
    address: str
    origin: str | None
    user: str | None = None
    session_id: str | None = None
    mode: Mode | None = None
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(slots=True)
class _Counts:
    """What the service did."""

    started_at: float = field(default_factory=time.monotonic)
    requests: int = 0
    refreshes: int = 0
    errors: int = 0
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class TokenParts:
    """What a token service is made of."""

    settings: Settings
    origins: OriginPolicy
    state: SharedState
    authenticate: Authenticate | None
    direct: DirectTokens
    budgets: Budgets
    health: ProviderHealth
    metrics: Metrics
    log: RelayLog


class TokenService:
    """The endpoints of PROTOCOL.md, sections 14 to 17."""

    def __init__(self, parts: TokenParts) -> None:
        self._parts = parts
        settings = parts.settings
        most = settings.voice_agent_rate_limit
        # Whoever replaces each token in time must never meet the limit, however short tokens are.
        in_time = math.ceil(2 * _WINDOW_MS / settings.voice_agent_token_duration)
        refreshes = 0 if most == 0 else max(most, in_time)
        self._limits: dict[Action, RequestLimits] = {
            "issue": RequestLimits("issue", Window(_WINDOW_MS, most), parts.state, parts.metrics),
            "refresh": RequestLimits("refresh", Window(_WINDOW_MS, refreshes), parts.state, parts.metrics),
        }
        self._relays = settings.ticket_secret is not None
        self._store_status: Status = "healthy"
        self._counts = _Counts()

    @property
    def available(self) -> bool:
        """Whether there is any token to be had."""
        return self._relays or bool(self._parts.direct.providers)

    async def issue(
        self, request: Request, read: Callable[[], Awaitable[TokenRequest]]
    ) -> tuple[TokenAnswer, dict[str, str]]:
        """
        Begins a session with its first token.

        :param read: Reads the body, once it is known that anybody wants to.
        :returns: The answer and headers that belong to it.
        :raises Refusal: With the status that the answer must have.
        """

        async def answer(asking: Asking) -> TokenAnswer:
            return await self._issue(asking, await read())

        return await self._answer("issue", request, answer)

    async def refresh(
        self, request: Request, read: Callable[[], Awaitable[RefreshRequest]]
    ) -> tuple[TokenAnswer, dict[str, str]]:
        """
        Replaces a session's token, which the request must show; it may have been used, or have just expired.

        :raises Refusal: With the status that the answer must have.
        """

        async def answer(asking: Asking) -> TokenAnswer:
            return await self._refresh(asking, await read())

        return await self._answer("refresh", request, answer)

    async def report(self) -> HealthReport:
        """How the service is; asks no provider."""
        active = await self._count_sessions()  # first: it finds out how the store is
        services = HealthServices(
            provider=self._parts.health.status,
            rateLimit=self._parts.state.status,
            sessions=self._store_status,
        )
        counts = self._counts
        requests = max(1, counts.requests)
        return HealthReport(
            status=_worst(services.provider, services.rateLimit, services.sessions),
            uptime=int(time.monotonic() - counts.started_at),
            version=VERSION,
            services=services,
            metrics=HealthMetrics(
                totalRequests=counts.requests,
                activeSessions=active,
                totalRefreshes=counts.refreshes,
                errorRate=round(counts.errors / requests, 3),
                averageResponseTime=round(counts.seconds * 1000 / requests, 3),
            ),
        )

    async def _answer(
        self, action: Action, request: Request, act: Callable[[Asking], Awaitable[TokenAnswer]]
    ) -> tuple[TokenAnswer, dict[str, str]]:
        started = time.monotonic()
        address = address_of(request, self._parts.settings.trust_proxy)
        asking = Asking(request, address, origin_of(request))
        try:
            check_origin(asking.origin, self._parts.origins)
            await self._limit(action, asking, "ip", asking.address)
            answer = await act(asking)
        except Exception as error:
            code = error.code if isinstance(error, Refusal) else None
            status = error.status if isinstance(error, Refusal) else 503
            self._audit("refused", asking, code=code)
            self._count(action, status, code or "authentication_unavailable", started)
            raise
        self._counts.refreshes += action == "refresh"
        self._audit("issued" if action == "issue" else "refreshed", asking)
        self._count(action, 200, None, started)
        tightest = asking.verdicts[0]
        for verdict in asking.verdicts[1:]:
            tightest = tighter(tightest, verdict)
        return answer, tightest.headers()

    async def _issue(self, asking: Asking, body: TokenRequest) -> TokenAnswer:
        relay = (body.use or ("relay" if self._relays else "direct")) == "relay"
        if relay and not self._relays:
            raise Refusal(400, "bad_request", 'The field "use" must be "direct" here')
        began_at = time.time() * 1000
        user = await self._find_user(asking)
        asking.user = user.user
        await self._limit("issue", asking, "user", user.user)
        await self._parts.budgets.check(user.user)
        asking.mode = "relay" if relay else self._provider_for(user, body.provider)
        user = _narrowed(user, body.provider, asking.origin)
        token = await self._mint(asking.mode, user)
        session = TokenSession(user, asking.mode, asking.origin, _hash(token.token), token.expires_at, began_at, 0)
        session_id = str(uuid.uuid4())
        await self._use(self._parts.state.add_session(session_id, session, session.expires_at + _GRACE_MS))
        asking.session_id = session_id
        return _token_answer(token, session_id, asking.mode)

    async def _refresh(self, asking: Asking, body: RefreshRequest) -> TokenAnswer:
        shown = bearer_of(asking.request)
        if shown is None:
            raise Refusal(401, "ticket_missing", "The session's token is needed")
        session = await self._use(self._parts.state.session(body.sessionId))
        if session is None:
            raise Refusal(401, "session_unknown", "There is no such session, or no more")
        asking.session_id, asking.mode = body.sessionId, session.mode
        if not hmac.compare_digest(session.token_hash, _hash(shown)):
            raise _foreign()
        asking.user = session.user.user
        await self._limit("refresh", asking, "user", session.user.user)
        await self._parts.budgets.check(session.user.user)
        if session.origin != asking.origin:
            raise Refusal(403, "origin_forbidden", "The session is of another origin")
        _check_age(session)
        token = await self._mint(session.mode, session.user)
        following = replace(
            session,
            token_hash=_hash(token.token),
            expires_at=token.expires_at,
            refreshes=session.refreshes + 1,
        )
        replaced = self._parts.state.replace_session(
            body.sessionId, session.token_hash, following, following.expires_at + _GRACE_MS
        )
        # Another request with the same token may have been quicker.
        if not await self._use(replaced):
            raise _foreign()
        return _token_answer(token, body.sessionId, session.mode)

    async def _find_user(self, asking: Asking) -> User:
        authenticate = self._parts.authenticate
        user = await ask_application(asking.request, authenticate)
        if user is not None:
            return user
        if authenticate is None and not self._parts.settings.production and asking.origin is not None:
            return User(f"anonymous {asking.address}")
        raise Refusal(401, "unauthenticated", "The user is not known")

    def _provider_for(self, user: User, asked: Provider | None) -> Provider:
        providers = self._parts.direct.providers
        provider = asked or user.provider or (providers[0] if len(providers) == 1 else None)
        if provider is None and providers:
            raise Refusal(400, "bad_request", 'The field "provider" is needed with "use": "direct"')
        if provider is None or provider not in providers:
            raise _unreachable()
        return provider

    async def _mint(self, mode: Mode, user: User) -> IssuedToken:
        if mode == "relay":
            return issue_ticket(user, self._parts.settings)
        # What is used there nobody counts; and what was enabled once may not be any more.
        if self._parts.budgets.limited or mode not in self._parts.direct.providers:
            raise _unreachable()
        return await self._parts.direct.mint(mode, user)

    async def _limit(self, action: Action, asking: Asking, kind: LimitKey, value: str) -> None:
        verdict = await self._limits[action].take(kind, value, lambda key: self._audit("blocked", asking, key=key))
        asking.verdicts.append(verdict)

    async def _count_sessions(self) -> int:
        try:
            return await self._use(self._parts.state.count_sessions())
        except Refusal:
            return 0  # the status says so

    async def _use(self, act: Awaitable[Answer]) -> Answer:
        """What the store of sessions answers. Raises a Refusal, 503, where it does not."""
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                answer = await act
        except Exception as error:
            self._store_status = "unhealthy"
            message = "Sessions cannot be kept at the moment"
            raise Refusal(503, "sessions_unavailable", message, retry_after=5) from error
        self._store_status = "healthy"
        return answer

    def _count(self, action: Action, status: int, code: Code | None, started: float) -> None:
        self._counts.requests += 1
        self._counts.errors += status >= 500
        self._counts.seconds += time.monotonic() - started
        self._parts.metrics.token_answered(action, code)

    def _audit(self, event: str, asking: Asking, *, code: Code | None = None, key: LimitKey | None = None) -> None:
        self._parts.log.info(
            f"token {event}",
            log="audit",
            event=event,
            at=int(time.time() * 1000),
            address=asking.address,
            origin=asking.origin,
            user=hash_for_log(asking.user),
            sessionId=asking.session_id,
            mode=asking.mode,
            code=code,
            key=key,
        )


def _token_answer(token: IssuedToken, session_id: str, mode: Mode) -> TokenAnswer:
    return TokenAnswer(
        token=token.token,
        expiresAt=token.expires_at,
        expiresIn=token.expires_in,
        sessionId=session_id,
        mode=mode,
    )


def _narrowed(user: User, provider: Provider | None, origin: str | None) -> User:
    """What the page asks for may narrow what the application allows, never widen it."""
    if user.origin is not None and origin is not None and user.origin != origin:
        raise Refusal(403, "origin_forbidden", "The user may not use the relay from this origin")
    if provider is not None and user.provider not in (None, provider):
        raise Refusal(403, "provider_forbidden", "The user may not use this provider")
    return replace(user, provider=provider or user.provider, origin=origin or user.origin)


def _check_age(session: TokenSession) -> None:
    if time.time() * 1000 > session.expires_at + _GRACE_MS:
        raise Refusal(401, "ticket_expired", "The token expired too long ago")
    if session.refreshes >= _MOST_REFRESHES:
        raise Refusal(403, "refresh_limit", "The session was refreshed as often as it may be")


def _worst(*statuses: Status) -> Status:
    for status in ("unhealthy", "degraded"):
        if status in statuses:
            return status
    return "healthy"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _foreign() -> Refusal:
    """Also where the token was the session's once: what was replaced is nobody's any more."""
    return Refusal(403, "session_forbidden", "The token is not the session's current one")


def _unreachable() -> Refusal:
    return Refusal(403, "direct_forbidden", "This provider can only be reached through the relay")
