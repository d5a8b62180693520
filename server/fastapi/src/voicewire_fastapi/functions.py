"""What the model can have the backend do: PROTOCOL.md, section 18."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .admission import address_of
from .auth import Authenticate, ask_application, call_hook, check_origin, hash_for_log, origin_of
from .codes import Refusal
from .limits import Window, tighter
from .log import error_name
from .request_limits import RequestLimits
from .tickets import User

if TYPE_CHECKING:
    from .relay import Relay

_WINDOW_MS = 60_000
_TIMEOUT_SECONDS = 10.0
# More than a model writes.
_MOST_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FunctionContext:
    """The call that a function answers."""

    id: str
    """The call's, as the provider named it."""
    user: User
    """Who calls: as the application or the ticket says, or outside production somebody anonymous."""


Function = Callable[[Mapping[str, Any], FunctionContext], Any | Awaitable[Any]]
"""
Answers one call of the model, now or later: a text as it is, None as an empty one, all else as JSON. Nothing about the
arguments is checked: they are as the model wrote them. One that is not ``async`` runs in a thread.
"""


def _arguments(value: object) -> object:
    """Providers give a JSON text, pages an object; nothing counts as no arguments."""
    if value == "":
        return {}
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")  # NaN and its kin, which other readers refuse


class FunctionCall(BaseModel):
    """A call as it was asked for."""

    model_config = ConfigDict(strict=True)

    id: Annotated[str, Field(min_length=1, max_length=128)]
    name: Annotated[str, Field(min_length=1, max_length=128)]
    arguments: Annotated[dict[str, Any], BeforeValidator(_arguments)] = Field(default_factory=dict)


class FunctionEndpoint:
    """Runs functions of the backend for whom may call them, within limits."""

    def __init__(self, relay: "Relay", functions: Mapping[str, Function], authenticate: Authenticate | None) -> None:
        self._relay = relay
        self._functions = functions
        self._authenticate = authenticate
        window = Window(_WINDOW_MS, relay.settings.voice_agent_rate_limit)
        self._limits = RequestLimits("function", window, relay.state, relay.metrics)

    async def answer(
        self, request: Request, read: Callable[[int], Awaitable[FunctionCall]]
    ) -> tuple[str, dict[str, str]]:
        """
        Answers a call.

        :param read: Reads the body, of as many bytes at most.
        :returns: What the model is to read, and headers that belong to the answer.
        :raises Refusal: With the status that the answer must have.
        """
        relay = self._relay
        check_origin(origin_of(request), relay.origins)
        address = address_of(request, relay.settings.trust_proxy)
        by_address = await self._limits.take("ip", address, self._blocked)
        call = await read(_MOST_BODY_BYTES)
        user = await self._find_user(request, address)
        by_user = await self._limits.take("user", user.user, self._blocked)
        content = await self._run(call, user)
        return content, tighter(by_address, by_user).headers()

    async def _find_user(self, request: Request, address: str) -> User:
        origin = origin_of(request)
        user = await ask_application(request, self._authenticate)
        if user is None:
            user = await self._relay.doorkeeper.holder_of(request)
        if user is not None:
            if user.origin not in (None, origin):
                raise Refusal(403, "origin_forbidden", "The user may not call functions from this origin")
            return user
        if self._authenticate is None and not self._relay.settings.production and origin is not None:
            return User(f"anonymous {address}")
        raise Refusal(401, "unauthenticated", "The user is not known")

    async def _run(self, call: FunctionCall, user: User) -> str:
        function = self._functions.get(call.name)
        if function is None:
            raise Refusal(404, "function_unknown", "There is no function of this name")
        started = time.monotonic()
        failure: Refusal | None = None
        error = None
        content = ""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS) as limit:
                content = _text(await call_hook(function, call.arguments, FunctionContext(call.id, user)))
        except Exception as failed:
            error = error_name(failed)
            if isinstance(failed, TimeoutError) and limit.expired():
                failure = Refusal(504, "function_timeout", "The function took too long")
            else:
                failure = Refusal(500, "internal_error", "The function failed")
        duration = round((time.monotonic() - started) * 1000)
        fields = {"function": call.name, "user": hash_for_log(user.user), "durationMs": duration}
        if failure is not None:
            self._relay.log.warn("function failed", **fields, error=error)
            raise failure
        self._relay.log.info("function called", **fields)
        return content

    def _blocked(self, key: str) -> None:
        self._relay.log.warn("function calls blocked", key=key)


def _text(result: object) -> str:
    if isinstance(result, str):
        return result
    return "" if result is None else json.dumps(result, ensure_ascii=False)
