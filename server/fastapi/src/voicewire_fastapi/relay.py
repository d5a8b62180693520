"""The wiring: what a relay is made of, its sessions, and its end."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import WebSocket
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from .admission import Admission, AdmissionParts, Admissions, address_of
from .answers import as_refusal, common_headers, refusal_response
from .auth import Authenticate, Doorkeeper, hash_for_log, origin_of
from .budgets import Account, Budgets
from .client import ClientLeg
from .codes import Code, Refusal
from .config import Settings, check_way_in
from .direct_tokens import DirectTokens
from .handshake import select_protocol
from .log import RelayLog
from .metrics import Metrics
from .notices import error_notice
from .origins import OriginPolicy
from .provider_health import ProviderHealth
from .request_limits import LimitKey
from .routes import Route
from .session import Session, SessionLimits, SessionOptions, SessionSummary
from .shared import open_state
from .state import SharedState
from .token_service import TokenParts, TokenService
from .upstream import Providers

# Where a server cannot refuse an upgrade with a status; each code means the same there.
_CLOSES_FOR_STATUS = {401: 4401, 403: 4403, 429: 4429, 503: 1013}


class Relay:
    """Lets in whom it knows, dials the provider with the key that nobody else sees, and passes messages on."""

    def __init__(
        self,
        settings: Settings,
        authenticate: Authenticate | None = None,
        *,
        limits: SessionLimits | None = None,
        openai_session: Mapping[str, Any] | None = None,
    ) -> None:
        check_way_in(settings, authenticates=authenticate is not None)
        self.settings = settings
        self.log = RelayLog()
        self.origins = OriginPolicy(settings.allowed_origins)
        self.metrics = Metrics()
        self.state: SharedState = open_state(settings, self.log)
        self._providers = Providers(settings)
        self._budgets = Budgets(settings, self.state)
        self._health = ProviderHealth()
        self._limits = replace(
            limits or SessionLimits(),
            heartbeat_ms=settings.heartbeat_interval,
            inactivity_ms=settings.inactivity_timeout,
            max_bytes_per_second=settings.max_bytes_per_second,
        )
        doorkeeper = Doorkeeper(settings, self.origins, self.state, authenticate)
        self.admissions = Admissions(
            AdmissionParts(
                settings,
                doorkeeper,
                self.origins,
                self._providers,
                self._budgets,
                self.state,
                self.metrics,
                self._audit_block,
            )
        )
        self.doorkeeper = doorkeeper
        direct = DirectTokens(settings, self._health, self.log, openai_session)
        self.tokens = TokenService(
            TokenParts(
                settings,
                self.origins,
                self.state,
                authenticate,
                direct,
                self._budgets,
                self._health,
                self.metrics,
                self.log,
            )
        )
        self._sessions: set[Session] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connects to what instances share, and counts budgets, until the application ends."""
        if self.settings.open:
            self.log.warn("anybody may talk here at your cost, as the relay is open")
        await self.state.open()
        counting = asyncio.create_task(self._budgets.run())
        try:
            yield
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)
            await self.drain(0)
            await self.state.close()

    async def drain(self, seconds: float) -> None:
        """
        Lets nobody in any more, warns those who are here, gives them time to finish, and closes the rest with
        1012. Returns when all sessions are gone.
        """
        if not self.admissions.draining:
            self.admissions.draining = True
            self.metrics.drained()
            self.log.info("draining", sessions=self.sessions)
        if seconds > 0:
            for session in self._sessions:
                session.warn("draining", f"The relay restarts within {seconds:g} seconds")
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for session in list(self._sessions):
                session.end("draining", 1012, "The relay restarts")
            await self._empty.wait()

    async def serve(self, websocket: WebSocket, route: Route) -> None:
        """Takes over an upgrade: refuses it, or relays until the session is over."""
        try:
            admission = await self.admissions.admit(websocket, route)
        except Exception as error:
            await self._refuse(websocket, route, as_refusal(error, self.log))
            return
        try:
            await self._serve_admitted(websocket, admission)
        finally:
            admission.release()

    async def _serve_admitted(self, websocket: WebSocket, admission: Admission) -> None:
        route = admission.route
        self.metrics.handshake(route.path, None)
        try:
            await websocket.accept(select_protocol(admission.offered))
        except (OSError, RuntimeError, WebSocketDisconnect):
            return  # it has left while it was judged
        user = None if admission.identity.user is None else admission.identity.user.user
        fields = {
            "id": str(uuid.uuid4()),
            "user": hash_for_log(user),
            "path": route.path,
            "origin": origin_of(websocket),
        }
        account: Account | None = None
        counted: set[asyncio.Task[None]] = set()

        def count(tokens: int) -> None:
            self.metrics.used(tokens)
            if account is not None:
                task = asyncio.create_task(self._budgets.use(account, tokens))
                counted.add(task)
                task.add_done_callback(counted.discard)

        session = Session(
            ClientLeg(websocket),
            self._providers,
            SessionOptions(
                route=route,
                offered=admission.offered,
                user=user,
                secret=self._providers.secret(route.provider),
                limits=self._limits,
                length_seconds=self._length(admission),
                on_dial=lambda code: self._dialled(route, code),
                on_tokens=count if route.provider == "openai" else None,
                on_ending=admission.release,
                on_failure=lambda name: self.log.warn("session failed", error=name),
            ),
        )
        if user is not None and self._budgets.limited:
            message = "The day's budget is used up"
            account = self._budgets.open(user, lambda: session.end("budget_spent", 4429, message))
        self._sessions.add(session)
        self._empty.clear()
        self.metrics.started(route.path)
        self.log.info("session started", **fields)
        if self.admissions.draining:
            session.end("draining", 1012, "The relay restarts")
        summary = SessionSummary()
        try:
            summary = await session.run()
        finally:
            self._sessions.discard(session)
            self._ended(route, fields, summary)
            if not self._sessions:
                self._empty.set()
            if account is not None:
                await self._budgets.close(account)

    def _length(self, admission: Admission) -> float:
        """The shorter of two lengths in seconds, where 0 is no limit."""
        user = admission.identity.user
        lengths = (self.settings.max_session_seconds, (user and user.max_seconds) or 0)
        return min((length for length in lengths if length > 0), default=0)

    def _dialled(self, route: Route, code: Code | None) -> None:
        self._health.record(route.provider, code)
        self.metrics.dialled(route.path, code)

    def _ended(self, route: Route, fields: dict[str, str | None], summary: SessionSummary) -> None:
        self.metrics.ended(
            route.path,
            ended_by=summary.ended_by,
            code=summary.code,
            duration_ms=summary.duration_ms,
            up=(summary.messages_up, summary.bytes_up),
            down=(summary.messages_down, summary.bytes_down),
        )
        self.log.info("session ended", **fields, **summary.fields())

    def log_refusal(self, connection: HTTPConnection, route: Route, refusal: Refusal) -> None:
        """Counts an upgrade that was refused, and leaves its line."""
        self.metrics.handshake(route.path, refusal.code)
        self.log.info(
            "upgrade refused",
            path=route.path,
            origin=origin_of(connection),
            status=refusal.status,
            code=refusal.code,
        )

    async def _refuse(self, websocket: WebSocket, route: Route, refusal: Refusal) -> None:
        self.log_refusal(websocket, route, refusal)
        try:
            await refuse_upgrade(websocket, refusal, route, self.origins)
        except (OSError, RuntimeError, WebSocketDisconnect):
            return  # it has left

    def _audit_block(self, connection: HTTPConnection, key: LimitKey) -> None:
        address = address_of(connection, self.settings.trust_proxy)
        self.log.info(
            "token blocked",
            log="audit",
            event="blocked",
            at=int(time.time() * 1000),
            address=address,
            origin=origin_of(connection),
            key=key,
        )


async def refuse_upgrade(websocket: WebSocket, refusal: Refusal, route: Route | None, origins: OriginPolicy) -> None:
    """
    Refuses an upgrade with its HTTP status; where the server cannot do that, it is accepted, told why, and closed
    with what stands for the status there.
    """
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(refusal_response(refusal, common_headers(websocket, origins)))
        return
    await websocket.accept(select_protocol(websocket.scope.get("subprotocols", [])))
    if route is not None:
        await websocket.send_text(error_notice(route.provider, refusal.code, refusal.message))
    await websocket.close(_CLOSES_FOR_STATUS.get(refusal.status, 1008), refusal.code)
