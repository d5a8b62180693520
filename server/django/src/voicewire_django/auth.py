"""Who a client is: a ticket, or whom the application knows."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import io
import re
import time
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

from .codes import Refusal
from .conf import Configuration
from .grants import Grant, read_grant
from .origins import OriginPolicy
from .routes import Route, offered_protocols, protocol_credential
from .state.shared import Holder, SharedState
from .tickets import Ticket, TicketVerifier

_MOST_HOOK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is."""

    grant: Grant | None
    """What the ticket or the application says; None for somebody nobody knows."""
    ticket: Ticket | None
    """The ticket that must be used up before the client is let in."""
    holder: Holder | None
    """What of it could be revoked."""


def hash_user(user: str) -> str:
    """A user in logs and at the provider: always the same, and nobody's name. 64 characters."""
    return hashlib.sha256(user.encode()).hexdigest()


def short_hash(user: str | None) -> str | None:
    """A user in the log."""
    return None if user is None else hash_user(user)[:16]


def origin_of(request: HttpRequest) -> str | None:
    """The `Origin` of a request; None where it has none."""
    return request.headers.get("Origin")


def page_origin(request: HttpRequest, policy: OriginPolicy) -> str | None:
    """
    The origin of the page that sent an ordinary request. A browser leaves `Origin` out of a GET to the page's own
    origin, and says so (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header).
    """
    origin = origin_of(request)
    if origin is not None or request.headers.get("Sec-Fetch-Site") != "same-origin":
        return origin
    return policy.on_host(request.headers.get("Host") or "")


def bearer_of(request: HttpRequest) -> str:
    """What stands behind `Bearer`; '' where there is none."""
    found = re.fullmatch(r"bearer +(\S+) *", request.headers.get("Authorization") or "", re.IGNORECASE)
    return found[1] if found else ""


def handshake_request(scope: dict[str, Any]) -> HttpRequest:
    """
    A WebSocket's handshake as a request of Django, for the application's hook. `user` and `session` are those of the
    scope where Channels' `AuthMiddlewareStack` has put them there, else those of the session's cookie.
    """
    request = ASGIRequest({**scope, "method": "GET"}, io.BytesIO())
    for name in ("session", "user"):
        if name in scope:
            setattr(request, name, scope[name])
    return request


class Authenticator:
    """Finds out who a client is, before anything is accepted or dialled."""

    def __init__(self, config: Configuration, state: SharedState) -> None:
        self.origins = OriginPolicy(config.allowed_origins)
        self._config = config
        self._state = state
        has_tickets = config.ticket_secret is not None or config.ticket_jwks_url is not None
        self.verifier = TicketVerifier(config) if has_tickets else None

    async def identify(self, request: HttpRequest, origin: str | None, route: Route) -> Identity:
        """
        Finds out who a client is.

        :param origin: Of the page; None for a request that comes from none.
        :raises Refusal: 401, 403 or 503.
        """
        self.check_origin(origin)
        if self._config.open and origin is not None:
            return Identity(None, None, None)
        credential = _credential_of(request)
        if credential is not None and self.verifier is not None:
            ticket = await self.verifier.verify(credential)
            check_scope(ticket.grant, route, origin)
            holder = Holder(ticket.grant.user, ticket.id, ticket.issued_at)
            await self.check_revoked(holder)
            if await self._state.used_tickets.has(ticket.id):
                raise _used()
            return Identity(ticket.grant, ticket, holder)
        issued_at = time.time() * 1000  # what is revoked while the application thinks, is revoked
        grant = await self.ask(request)
        if grant is None:
            raise Refusal(401, "ticket_missing", "A ticket is needed")
        check_scope(grant, route, origin)
        return Identity(grant, None, Holder(grant.user, None, issued_at))

    async def use(self, ticket: Ticket) -> None:
        """Uses a ticket up. :raises Refusal: 401 where it was used before."""
        if not await self._state.used_tickets.use(ticket.id, ticket.expires_at):
            raise _used()

    async def check_revoked(self, holder: Holder) -> None:
        """:raises Refusal: 401 where the ticket, or what the user was given before, was revoked."""
        if await self._state.revocations.has(holder):
            raise Refusal(401, "revoked", "The right to talk was withdrawn")

    def check_origin(self, origin: str | None) -> None:
        """:raises Refusal: 403 where pages of this origin may not use the relay."""
        if not self.origins.allows(origin):
            raise Refusal(403, "origin_forbidden", "This origin is not allowed")

    async def ask(self, request: HttpRequest) -> Grant | None:
        """
        Asks the application who sent a request, for at most ten seconds; without a hook, Django's own `request.user`.

        :raises Refusal: 503 where the hook fails or does not answer.
        :raises TypeError: Where it answers neither with a user nor with nobody.
        """
        try:
            async with asyncio.timeout(_MOST_HOOK_SECONDS):
                await _load_user(request)
                answer = await self._answer(request)
        except Refusal:
            raise  # the application said it better
        except Exception:  # noqa: BLE001 - whatever a hook does, the client cannot help it
            raise Refusal(
                503, "authentication_unavailable", "The user cannot be checked at the moment", retry_after=5
            ) from None
        return read_grant(answer)

    async def _answer(self, request: HttpRequest) -> object:
        hook = self._config.authenticate
        if hook is None:
            return getattr(request, "user", None)
        if inspect.iscoroutinefunction(hook):
            return await hook(request)
        answer = await sync_to_async(hook)(request)
        return await answer if inspect.isawaitable(answer) else answer


async def _load_user(request: HttpRequest) -> None:
    """Has `request.user` be there, and be read: it is lazy, and would ask the database where that is not allowed."""
    if not hasattr(request, "user"):
        if "django.contrib.auth.middleware.AuthenticationMiddleware" not in settings.MIDDLEWARE:
            return
        await sync_to_async(_open_session)(request)
    user = cast("Any", getattr(request, "user", None))
    if user is not None:
        await sync_to_async(lambda: user.is_authenticated)()


def _open_session(request: HttpRequest) -> None:
    from django.contrib.auth.middleware import AuthenticationMiddleware
    from django.contrib.sessions.middleware import SessionMiddleware

    def unanswered(_request: HttpRequest) -> Any:
        raise NotImplementedError

    if not hasattr(request, "session"):
        SessionMiddleware(unanswered).process_request(request)
    AuthenticationMiddleware(unanswered).process_request(request)


def _credential_of(request: HttpRequest) -> str | None:
    """The credential a client shows: header, subprotocol or query, in this order."""
    # Deepgram's own clients say `Token`.
    header = re.fullmatch(r"(?:bearer|token) +(\S+) *", request.headers.get("Authorization") or "", re.IGNORECASE)
    if header:
        return header[1]
    offered = protocol_credential(offered_protocols(request.headers.get("Sec-WebSocket-Protocol")))
    if offered is not None:
        return offered
    query = parse_qsl(request.META.get("QUERY_STRING") or "", keep_blank_values=True, errors="replace")
    return next((value for name, value in query if name == "token"), None)


def check_scope(grant: Grant, route: Route, origin: str | None) -> None:
    """:raises Refusal: 403 where the ticket is good, but not for this."""
    if grant.origin is not None and grant.origin != origin:
        raise Refusal(403, "origin_forbidden", "The ticket is for another origin")
    if grant.provider is not None and grant.provider != route.provider:
        title = "OpenAI" if route.provider == "openai" else "Deepgram"
        raise Refusal(403, "provider_forbidden", f"The ticket is not for {title}")
    if grant.model is not None and route.models != (grant.model,):
        raise Refusal(403, "model_forbidden", "The ticket is for another model")


def _used() -> Refusal:
    return Refusal(401, "ticket_used", "The ticket was used before")
