"""Runs functions of the backend for whom may call them, within limits."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from . import log
from .addresses import address_of
from .auth import bearer_of, origin_of, short_hash
from .body import parse_json, read_json, text_field, wrong_field
from .codes import Refusal
from .csrf import check_csrf
from .grants import Grant
from .limits import RequestLimits, rate_headers, tighter
from .state.shared import Block, Holder, Verdict, Window

if TYPE_CHECKING:
    from .relay import Relay

_MOST_BODY_BYTES = 64 * 1024
"""More than a model writes."""


class FunctionEndpoint:
    """What `function-call` answers."""

    def __init__(self, relay: Relay) -> None:
        config = relay.config
        self._relay = relay
        self._config = config
        block = Block(config.suspicious_activity_threshold, config.block_duration)
        window = Window(60_000, config.voice_agent_rate_limit)
        self._limits = RequestLimits("function", window, block, relay.state)

    async def answer(self, request: HttpRequest) -> tuple[int, Any, dict[str, str]]:
        """
        Answers one call of the model.

        :raises Refusal: With the status that the answer must have; it quotes neither arguments nor the error.
        """
        address, origin = address_of(request, self._config.trust_proxy), origin_of(request)
        self._relay.auth.check_origin(origin)
        verdicts = [await self._take("ip", address)]
        body = await read_json(request, _MOST_BODY_BYTES)
        text_field(body, "id", 128)
        name, arguments = text_field(body, "name", 128), _arguments(body.get("arguments", ""))
        grant = await self._find_user(request, address)
        verdicts.append(await self._take("user", grant.user))
        function = self._config.functions.get(name)
        if function is None:
            raise Refusal(404, "function_unknown", "There is no function of this name")
        content = await self._run(name, function, arguments, grant)
        return 200, {"content": content}, rate_headers(reduce(tighter, verdicts))

    async def _take(self, kind: str, value: str) -> Verdict:
        return await self._limits.take(kind, value, lambda key: log.warn("function calls blocked", key=key))

    async def _find_user(self, request: HttpRequest, address: str) -> Grant:
        origin = origin_of(request)
        grant = await self._relay.auth.ask(request)
        if grant is not None:
            await check_csrf(request)
        else:
            grant = await self._ticket_holder(request)
        if grant is not None:
            if grant.origin in (None, origin):
                return grant
            raise Refusal(403, "origin_forbidden", "The user may not call functions from this origin")
        anybody = self._config.authenticate is None and not self._config.production
        if not anybody or origin is None:
            raise Refusal(401, "unauthenticated", "The user is not known")
        return Grant(user=f"anonymous {address}")

    async def _ticket_holder(self, request: HttpRequest) -> Grant | None:
        """Whoever shows a ticket, used or not: its session calls functions for as long as it is good."""
        shown, verifier = bearer_of(request), self._relay.auth.verifier
        if not shown or verifier is None:
            return None
        ticket = await verifier.verify(shown)
        await self._relay.auth.check_revoked(Holder(ticket.grant.user, ticket.id, ticket.issued_at))
        return ticket.grant

    async def _run(self, name: str, function: Callable[..., Any], arguments: Any, grant: Grant) -> str:
        started_at = time.monotonic()
        failure: Refusal | None = None
        error: str | None = None
        content = ""
        try:
            async with asyncio.timeout(self._config.function_timeout / 1000):
                content = _text_of(await _call(function, arguments, grant))
        except TimeoutError:
            failure, error = Refusal(504, "function_timeout", "The function took too long"), "TimeoutError"
        except Exception as raised:  # noqa: BLE001 - whatever a function does, the caller gets generic words
            failure, error = Refusal(500, "internal_error", "The function failed"), log.error_name(raised)
        fields = {
            "function": name,
            "user": short_hash(grant.user),
            "durationMs": round((time.monotonic() - started_at) * 1000),
        }
        if failure is not None:
            log.warn("function failed", **fields, error=error)
            raise failure
        log.info("function called", **fields)
        return content


async def _call(function: Callable[..., Any], arguments: Any, grant: Grant) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(arguments, grant)
    result = await sync_to_async(function)(arguments, grant)
    return await result if inspect.isawaitable(result) else result


def _arguments(value: Any) -> dict[str, Any]:
    """Providers give a JSON text, pages an object; nothing counts as no arguments."""
    if value == "":
        return {}
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except (ValueError, RecursionError):
            raise wrong_field("arguments") from None  # the parser's message would quote it
    if not isinstance(value, dict):
        raise wrong_field("arguments")
    return value


def _text_of(result: Any) -> str:
    if isinstance(result, str):
        return result
    return "" if result is None else json.dumps(result)
