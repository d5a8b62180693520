"""Who a client is, before anything is accepted or dialled."""

import asyncio
import hashlib
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from .codes import Refusal
from .config import Settings
from .handshake import offered_protocols, protocol_credential
from .origins import OriginPolicy
from .routes import Route, parameters
from .state import SharedState
from .tickets import Ticket, TicketVerifier, User

Authenticate = Callable[[HTTPConnection], User | Awaitable[User | None] | None]
"""
Asks the application who sent a request or an upgrade; None where it does not know. One that is not ``async`` runs in a
thread.
"""

# The application's hook may take this long.
_MOST_HOOK_SECONDS = 10

# Deepgram's own clients say `Token`.
_CREDENTIAL = re.compile(r"(?:bearer|token) +(\S+) *", re.IGNORECASE)
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is; both are None for somebody nobody knows."""

    user: User | None
    ticket: Ticket | None
    """What must be used up before the client is let in."""


class Doorkeeper:
    """Finds out who a client is."""

    def __init__(
        self, settings: Settings, origins: OriginPolicy, state: SharedState, authenticate: Authenticate | None
    ) -> None:
        self._open = settings.open
        self._origins = origins
        self._state = state
        self._authenticate = authenticate
        has_tickets = settings.ticket_secret is not None or settings.ticket_jwks_url is not None
        self._verifier = TicketVerifier(settings) if has_tickets else None

    async def identify(self, connection: HTTPConnection, origin: str | None, route: Route) -> Identity:
        """
        Finds out who a client is, and whether that allows what is asked for.

        :param origin: Of the page; None for a request that comes from none.
        :raises Refusal: 401, 403 or 503.
        """
        check_origin(origin, self._origins)
        if self._open and origin is not None:
            return Identity(None, None)
        credential = _credential_of(connection)
        if credential is not None and self._verifier is not None:
            ticket = await self._verifier.verify(credential)
            _check_scope(ticket.user, route, origin)
            if await self._state.was_used(ticket.id):
                raise _used()
            return Identity(ticket.user, ticket)
        user = await ask_application(connection, self._authenticate)
        if user is None:
            raise Refusal(401, "ticket_missing", "A ticket is needed")
        _check_scope(user, route, origin)
        return Identity(user, None)

    async def use(self, ticket: Ticket) -> None:
        """
        Uses a ticket up.

        :raises Refusal: 401 where it was used before.
        """
        if not await self._state.use(ticket.id, ticket.expires_at):
            raise _used()

    async def holder_of(self, connection: HTTPConnection) -> User | None:
        """Whoever shows a ticket as a bearer, used or not; None where there is none."""
        shown = bearer_of(connection)
        if shown is None or self._verifier is None:
            return None
        return (await self._verifier.verify(shown)).user


def origin_of(connection: HTTPConnection) -> str | None:
    """The ``Origin`` of a request; None where it has none. Several of them are no origin that is allowed."""
    lines = connection.headers.getlist("origin")
    return ", ".join(lines) if lines else None


def page_origin(connection: HTTPConnection, origins: OriginPolicy) -> str | None:
    """
    The origin of the page that sent an ordinary request. A browser leaves ``Origin`` out of a GET to the page's
    own origin, and says so in ``Sec-Fetch-Site``.
    """
    origin = origin_of(connection)
    if origin is None and connection.headers.get("sec-fetch-site") == "same-origin":
        return origins.on_host(connection.headers.get("host", ""))
    return origin


def check_origin(origin: str | None, origins: OriginPolicy) -> None:
    """
    Lets pages of an allowed origin through, and what is no page.

    :raises Refusal: 403 for every other page.
    """
    if not origins.allows(origin):
        raise Refusal(403, "origin_forbidden", "This origin is not allowed")


async def ask_application(connection: HTTPConnection, authenticate: Authenticate | None) -> User | None:
    """
    Asks the application's hook, for at most ten seconds.

    :raises Refusal: 503 where the hook fails or does not answer.
    """
    if authenticate is None:
        return None
    try:
        async with asyncio.timeout(_MOST_HOOK_SECONDS):
            user = await call_hook(authenticate, connection)
    except Refusal:
        raise  # the application said it better
    except Exception as error:
        raise Refusal(
            503, "authentication_unavailable", "The user cannot be checked at the moment", retry_after=5
        ) from error
    if user is None or isinstance(user, User):
        return user
    raise TypeError("Cannot let a user in as authenticate must return a User or None")


async def call_hook(hook: Callable[..., Any], *arguments: Any) -> Any:
    """What the application's function answers; one that is not ``async`` may block, so it runs in a thread."""
    is_async = inspect.iscoroutinefunction(hook)
    answer = hook(*arguments) if is_async else await asyncio.to_thread(hook, *arguments)
    return await answer if inspect.isawaitable(answer) else answer


def bearer_of(connection: HTTPConnection) -> str | None:
    """What a request shows as ``Authorization: Bearer``; None where it shows nothing."""
    shown = _BEARER.fullmatch(connection.headers.get("authorization", ""))
    return shown[1] if shown else None


def hash_user(user: str) -> str:
    """A user at the provider, and its first 16 digits in logs: always the same, and nobody's name."""
    return hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()


def hash_for_log(user: str | None) -> str | None:
    """A user as logs know them."""
    return None if user is None else hash_user(user)[:16]


def _credential_of(connection: HTTPConnection) -> str | None:
    """What a client shows: header, subprotocol or query, in this order."""
    header = _CREDENTIAL.fullmatch(connection.headers.get("authorization", ""))
    if header:
        return header[1]
    offered = protocol_credential(offered_protocols(connection.headers))
    if offered is not None:
        return offered
    query = connection.scope["query_string"].decode("latin-1")
    return next((value for name, value in parameters(query) if name == "token"), None)


def _check_scope(user: User, route: Route, origin: str | None) -> None:
    if user.origin is not None and user.origin != origin:
        raise Refusal(403, "origin_forbidden", "The ticket is for another origin")
    if user.provider is not None and user.provider != route.provider:
        raise Refusal(403, "provider_forbidden", "The ticket is for another provider")
    if user.model is not None and route.models != (user.model,):
        raise Refusal(403, "model_forbidden", "The ticket is for another model")


def _used() -> Refusal:
    return Refusal(401, "ticket_used", "The ticket was used before")
