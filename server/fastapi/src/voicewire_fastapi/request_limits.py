"""How often one address and one user may ask."""

import math
from collections.abc import Callable
from typing import Literal

from .codes import Refusal
from .limits import Verdict, Window
from .metrics import Metrics
from .state import Blocking, SharedState

LimitKey = Literal["ip", "user"]
OnBlock = Callable[[LimitKey], None]


class RequestLimits:
    """Who is blocked at one limit is blocked at all of the same state."""

    def __init__(
        self,
        name: str,
        window: Window,
        state: SharedState,
        metrics: Metrics,
        blocking: Blocking | None = None,
    ) -> None:
        """:param name: What is asked for: each has a window of its own."""
        self._name = name
        self._window = window
        self._state = state
        self._metrics = metrics
        self._blocking = blocking or Blocking()

    async def take(self, kind: LimitKey, value: str, on_block: OnBlock) -> Verdict:
        """
        Counts one request.

        :param on_block: Called where this request is the one that has the key blocked.
        :raises Refusal: 429 where the key is blocked or its window has no room.
        """
        key = f"{kind} {value}"
        await self.check_blocked(kind, value)
        verdict = await self._state.take(f"{self._name} {key}", self._window)
        self._metrics.limited(f"{self._name}_{kind}", "allowed" if verdict.allowed else "refused")
        if not verdict.allowed and await self._state.violate(key, self._blocking):
            on_block(kind)
            await self.check_blocked(kind, value)
        verdict.check()
        return verdict

    async def peek(self, kind: LimitKey, value: str) -> None:
        """
        Says what ``take`` would, without counting anything.

        :raises Refusal: 429 as ``take``.
        """
        await self.check_blocked(kind, value)
        (await self._state.peek(f"{self._name} {kind} {value}", self._window)).check()

    async def check_blocked(self, kind: LimitKey, value: str) -> None:
        """
        Lets through who is not blocked, by whichever limit.

        :raises Refusal: 429 for who is.
        """
        blocked_ms = await self._state.blocked_ms(f"{kind} {value}")
        if blocked_ms <= 0:
            return
        self._metrics.limited(f"{self._name}_{kind}", "blocked")
        retry_after = max(1, math.ceil(blocked_ms / 1000))
        headers = {
            "RateLimit-Limit": str(self._window.most),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(retry_after),
        }
        message = "Too many requests were refused: nothing is answered for a while"
        raise Refusal(429, "blocked", message, retry_after=retry_after, headers=headers)
