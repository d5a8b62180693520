"""The relay of this process: what its sessions share, from the first request on."""

from __future__ import annotations

import asyncio
import time
import uuid

from django.http import HttpRequest

from . import log
from .addresses import address_of
from .admission import Admission, Admissions
from .auth import Authenticator, origin_of, short_hash
from .budgets import BudgetMeter
from .client import ClientLeg
from .codes import Refusal
from .conf import Configuration, configuration
from .metrics import Metrics
from .provider_health import ProviderHealth
from .session import Session, SessionEvents, Summary
from .signals import Drain
from .state import open_state
from .state.shared import Holder
from .upstream import upstream_request

_TICK_SECONDS = 0.1


class Relay:
    """Lets clients in, keeps their sessions, and sees them out."""

    def __init__(self, config: Configuration) -> None:
        log.set_up(config.log_level)
        self.config = config
        self.state = open_state(config)
        self.auth = Authenticator(config, self.state)
        self.admissions = Admissions(config, self.state, self.auth, self.audit_block)
        self.providers = ProviderHealth()
        self.sessions: dict[Session, Holder | None] = {}
        self.metrics = Metrics(self.sessions)
        self._budgets = BudgetMeter(config, self.state.budgets)
        self._drain = Drain(self.drain)
        self._ticker: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self.state.revocations.subscribe(self._end_revoked)
        if config.open:
            log.warn("THE RELAY IS OPEN: any page of an allowed origin spends your credit")

    async def opened(self) -> None:
        """Begins what needs the event loop; called with every request, for the first one of a loop."""
        if self._ticker is None or self._ticker.get_loop() is not asyncio.get_running_loop():
            self._ticker = asyncio.create_task(self._tick())
            self._drain.install()
            await self.state.opened()

    async def serve(self, client: ClientLeg, request: HttpRequest, admission: Admission) -> None:
        """
        Runs a session, whose handshake was answered, to its end.

        :raises asyncio.CancelledError: Where the server in front gives up on it.
        """
        grant, route, origin = admission.identity.grant, admission.route, origin_of(request)
        user = None if grant is None else grant.user
        fields = {"id": str(uuid.uuid4()), "user": short_hash(user), "path": route.path, "origin": origin}
        account = None if user is None else self._budgets.open(user, lambda: self._spent(session))

        def used(tokens: int) -> None:
            self.metrics.used(route.provider, tokens)
            if account is not None:
                self._budgets.use_tokens(account, tokens)

        def dialled(code: str | None, seconds: float) -> None:
            self.providers.record(route.provider, code)
            self.metrics.dialled(route.path, code, seconds)

        session = Session(
            client,
            upstream_request(self.config, route, admission.offered, user),
            route,
            self.config,
            max_seconds=_shorter(self.config.max_session_seconds, grant.max_seconds if grant else None),
            events=SessionEvents(dialled, admission.release, used),
        )
        self.sessions[session] = admission.identity.holder
        self.metrics.handshake(route.path, "accepted")
        log.info("session started", **fields)
        try:
            self._end_if_revoked(session)
            summary = await session.run()
            self.metrics.ended(summary)
            log.info("session ended", **fields, **_summary_fields(summary))
        finally:
            del self.sessions[session]
            admission.release()
            if account is not None:
                self._budgets.close(account)
            if not self.sessions:
                self._empty.set()

    def refused(self, request: HttpRequest, path: str | None, refusal: Refusal) -> None:
        """Accounts for an upgrade that was refused."""
        self.metrics.handshake(path, refusal.code)
        log.info("upgrade refused", path=path, origin=origin_of(request), status=refusal.status, code=refusal.code)

    def audit_block(self, request: HttpRequest, key: str) -> None:
        """One line for an address or a user that is blocked from now on."""
        address = address_of(request, self.config.trust_proxy)
        log.info(
            "token blocked",
            log="audit",
            event="blocked",
            at=round(time.time() * 1000),
            address=address,
            origin=origin_of(request),
            key=key,
        )

    async def drain(self, seconds: float) -> None:
        """
        Lets nobody in any more, warns those who are here, gives them time to finish, and closes the rest with 1012.
        """
        self.admissions.draining = True
        self.metrics.drains += 1
        log.info("draining", sessions=len(self.sessions))
        if seconds > 0:
            for session in self.sessions:
                session.warn("draining", f"The relay restarts within {round(seconds)} seconds")
        if not await self._emptied(seconds):
            for session in self.sessions:
                session.end("draining", 1012, "The relay restarts")
            await self._emptied(5)
        await self.close()

    async def close(self) -> None:
        """Gives up what was begun."""
        if self._ticker is not None:
            self._ticker.cancel()
        await self.state.close()

    async def _emptied(self, seconds: float) -> bool:
        self._empty.clear()
        if self.sessions:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                return False
        return True

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = loop.time()
            for session in list(self.sessions):
                session.tick(now)
            self._budgets.look(time.monotonic())

    def _spent(self, session: Session) -> None:
        session.end("budget_spent", 4429, "The day's budget is used up")

    def _end_revoked(self) -> None:
        for session in self.sessions:
            self._end_if_revoked(session)

    def _end_if_revoked(self, session: Session) -> None:
        holder = self.sessions[session]
        if holder is not None and self.state.revocations.knows(holder):
            session.end("revoked", 4403, "The right to talk was withdrawn")


_relay: Relay | None = None


def relay() -> Relay:
    """
    The relay of this process, made at the first call.

    :raises ConfigurationError: Where settings are missing or wrong.
    """
    global _relay
    if _relay is None:
        _relay = Relay(configuration())
    return _relay


async def revoke(*, user: str | None = None, ticket: str | None = None) -> bool:
    """
    Calls back what a user was given until now, or one ticket by its `jti`: live sessions end with 4403 at all
    instances, tickets and refreshes are refused. Whom the application authenticates afterwards comes in again.

    :returns: Whether all instances were told; otherwise they are as soon as Redis is back.
    :raises ValueError: Where not exactly one of both is given.
    """
    if (user is None) == (ticket is None):
        raise ValueError("Cannot revoke as exactly one of user and ticket must be given")
    await relay().opened()
    return await relay().state.revocations.revoke(user=user, ticket=ticket)


def _shorter(seconds: float, most: float | None) -> float:
    """The shorter of two lengths, where 0 is no limit."""
    return min((length for length in (seconds, most) if length), default=0)


def _summary_fields(summary: Summary) -> dict[str, object]:
    traffic = summary.traffic
    return {
        "durationMs": summary.duration_ms,
        "connectMs": summary.connect_ms,
        "bytesUp": traffic.bytes_up,
        "bytesDown": traffic.bytes_down,
        "messagesUp": traffic.messages_up,
        "messagesDown": traffic.messages_down,
        "endedBy": summary.ended_by,
        "code": summary.code,
        "clientCloseCode": summary.client_close_code,
        "upstreamCloseCode": summary.upstream_close_code,
        "upstreamStatus": summary.upstream_status,
    }
