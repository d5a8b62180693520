"""Decides who comes in, before anything is accepted or dialled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from django.http import HttpRequest

from .addresses import address_of
from .auth import Authenticator, Identity, origin_of, page_origin
from .budgets import check_budget
from .codes import Refusal
from .conf import Configuration
from .limits import RequestLimits
from .routes import Route, offered_protocols
from .state.shared import Block, Cap, Caps, Claimant, SharedState, Window

_CAP_RETRY_SECONDS = 10
"""After how long a client that met a cap on sessions may try again."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A client that may come in, and the place that is held for it."""

    route: Route
    identity: Identity
    offered: tuple[str, ...]
    """The subprotocols it offers."""
    release: Callable[[], None]
    """Gives the place back; only the first call counts."""


class Admissions:
    """Lets clients in, or says why not."""

    def __init__(
        self,
        config: Configuration,
        state: SharedState,
        auth: Authenticator,
        on_block: Callable[[HttpRequest, str], None],
    ) -> None:
        """:param on_block: Told when somebody was refused so often that they are blocked."""
        self.draining = False
        self._config = config
        self._state = state
        self._auth = auth
        self._on_block = on_block
        self._caps = Caps(config.max_connections, config.max_connections_per_ip, config.max_connections_per_user)
        block = Block(config.suspicious_activity_threshold, config.block_duration)
        self._upgrades = RequestLimits("upgrade", Window(60_000, config.voice_agent_rate_limit), block, state)

    async def admit(self, request: HttpRequest, route: Route) -> Admission:
        """
        Lets a client in: holds a place for it and uses its ticket up.

        :raises Refusal: Whatever stands in the way; the ticket is then as good as before.
        """
        address = self._address_of(request)
        await self._upgrades.take("ip", address, lambda kind: self._on_block(request, kind))
        identity, offered = await self._consider(request, origin_of(request), route)
        lease = await self._state.leases.hold(self._claimant(address, identity), self._caps)
        _check(lease.refused_by)
        try:
            if identity.ticket is not None:
                await self._auth.use(identity.ticket)
        except BaseException:
            lease.release()
            raise
        return Admission(route, identity, offered, lease.release)

    async def preview(self, request: HttpRequest, route: Route) -> NoReturn:
        """
        Says what `admit` would say to the same request as an upgrade, and changes nothing.

        :raises Refusal: Always: 426 where nothing stands in the way.
        """
        address = self._address_of(request)
        await self._upgrades.peek("ip", address)
        identity, _ = await self._consider(request, page_origin(request, self._auth.origins), route)
        _check(await self._state.leases.check(self._claimant(address, identity), self._caps))
        raise Refusal(426, "upgrade_required", "Nothing stands in the way: ask again as a WebSocket")

    async def check_capacity(self) -> None:
        """:raises Refusal: 503 where nobody new is let in."""
        self._check_draining()
        _check(None if await self._state.leases.has_room(self._caps) else "total")

    async def _consider(
        self, request: HttpRequest, origin: str | None, route: Route
    ) -> tuple[Identity, tuple[str, ...]]:
        offered = offered_protocols(request.headers.get("Sec-WebSocket-Protocol"))
        await self.check_capacity()
        identity = await self._auth.identify(request, origin, route)
        if self._config.key_of(route.provider) is None:
            raise Refusal(503, "provider_not_configured", "This provider is not available here")
        if identity.grant is not None:
            await self._upgrades.check_blocked("user", identity.grant.user)
            await check_budget(identity.grant.user, self._config, self._state.budgets)
        self._check_draining()  # again: it may have begun while this client was identified
        return identity, offered

    def _check_draining(self) -> None:
        if self.draining:
            raise Refusal(503, "draining", "The relay restarts", retry_after=_CAP_RETRY_SECONDS)

    def _address_of(self, request: HttpRequest) -> str:
        return address_of(request, self._config.trust_proxy)

    def _claimant(self, address: str, identity: Identity) -> Claimant:
        return Claimant(address, None if identity.grant is None else identity.grant.user)


def _check(cap: Cap | None) -> None:
    """:raises Refusal: 503 or 429 where a cap is reached."""
    if cap == "total":
        raise Refusal(503, "at_capacity", "The relay is full", retry_after=_CAP_RETRY_SECONDS)
    if cap is not None:
        raise Refusal(429, "too_many_connections", "Too many sessions at one time", retry_after=_CAP_RETRY_SECONDS)
