"""Who comes in, before anything is accepted or dialled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from starlette.requests import HTTPConnection

from .auth import Doorkeeper, Identity, origin_of, page_origin
from .budgets import Budgets
from .codes import Refusal
from .config import Settings
from .handshake import offered_protocols
from .limits import Caps, Claimant, Window, client_address
from .metrics import Metrics
from .origins import OriginPolicy
from .request_limits import LimitKey, RequestLimits
from .routes import Route
from .state import Cap, Release, SharedState
from .upstream import Providers

_WINDOW_MS = 60_000
# After how long a client that met a cap on sessions may try again.
_RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Admission:
    """A client that may come in, and the place that is held for it."""

    route: Route
    identity: Identity
    offered: tuple[str, ...]
    release: Release


@dataclass(frozen=True, slots=True)
class AdmissionParts:
    """Who judges, and who is told."""

    settings: Settings
    doorkeeper: Doorkeeper
    origins: OriginPolicy
    providers: Providers
    budgets: Budgets
    state: SharedState
    metrics: Metrics
    on_block: Callable[[HTTPConnection, LimitKey], None]


class Admissions:
    """Decides in the order of PROTOCOL.md, R-AUTH-3: the first thing that is wrong is the answer."""

    def __init__(self, parts: AdmissionParts) -> None:
        self._parts = parts
        settings = parts.settings
        self._trusted_proxies = settings.trust_proxy
        self._caps = Caps(settings.max_connections, settings.max_connections_per_ip, settings.max_connections_per_user)
        window = Window(_WINDOW_MS, settings.voice_agent_rate_limit)
        self._upgrades = RequestLimits("upgrade", window, parts.state, parts.metrics)
        self.draining = False
        """Whether nobody new is let in."""

    async def admit(self, connection: HTTPConnection, route: Route) -> Admission:
        """
        Lets a client in: holds a place for it and uses its ticket up.

        :raises Refusal: Whatever stands in the way; the ticket is then as good as before.
        """
        address = address_of(connection, self._trusted_proxies)
        await self._upgrades.take("ip", address, lambda key: self._parts.on_block(connection, key))
        identity, offered = await self._consider(connection, origin_of(connection), route)
        user = None if identity.user is None else identity.user.user
        place = await self._parts.state.hold_place(Claimant(address, user), self._caps)
        if isinstance(place, str):
            self._refuse(place)
        try:
            if identity.ticket is not None:
                await self._parts.doorkeeper.use(identity.ticket)
        except BaseException:
            place()
            raise
        return Admission(route, identity, offered, place)

    async def preview(self, connection: HTTPConnection, route: Route) -> NoReturn:
        """
        Says what ``admit`` would say to the same request as an upgrade, and changes nothing.

        :raises Refusal: Always: 426 where nothing stands in the way.
        """
        address = address_of(connection, self._trusted_proxies)
        await self._upgrades.peek("ip", address)
        origin = page_origin(connection, self._parts.origins)
        identity, _ = await self._consider(connection, origin, route)
        user = None if identity.user is None else identity.user.user
        cap = await self._parts.state.check_place(Claimant(address, user), self._caps)
        if cap is not None:
            self._refuse(cap)
        raise Refusal(426, "upgrade_required", "Nothing stands in the way: ask again as a WebSocket")

    async def check_capacity(self) -> None:
        """
        Lets through where a new session would find a place.

        :raises Refusal: 503 where nobody new is let in.
        """
        self.check_draining()
        if not await self._parts.state.has_room(self._caps):
            self._refuse("total")

    def check_draining(self) -> None:
        """
        Lets through as long as the relay is not being restarted.

        :raises Refusal: 503 where it is.
        """
        if self.draining:
            raise Refusal(503, "draining", "The relay restarts", retry_after=_RETRY_SECONDS)

    async def _consider(
        self, connection: HTTPConnection, origin: str | None, route: Route
    ) -> tuple[Identity, tuple[str, ...]]:
        offered = offered_protocols(connection.headers)
        await self.check_capacity()
        identity = await self._parts.doorkeeper.identify(connection, origin, route)
        self._parts.providers.secret(route.provider)
        if identity.user is not None:
            await self._upgrades.check_blocked("user", identity.user.user)
            await self._parts.budgets.check(identity.user.user)
        self.check_draining()  # again: it may have begun while this client was identified
        return identity, offered

    def _refuse(self, cap: Cap) -> NoReturn:
        self._parts.metrics.limited("connections", "refused")
        if cap == "total":
            raise Refusal(503, "at_capacity", "The relay is full", retry_after=_RETRY_SECONDS)
        message = "Too many sessions at one time"
        raise Refusal(429, "too_many_connections", message, retry_after=_RETRY_SECONDS)


def address_of(connection: HTTPConnection, trusted_proxies: int) -> str:
    """The address of whoever sent a request, as limits count it."""
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    remote = "" if connection.client is None else connection.client.host
    return client_address(remote, forwarded, trusted_proxies)
