"""How often one address and one user may ask."""

from __future__ import annotations

import math
from collections.abc import Callable

from .codes import Refusal
from .state.shared import Block, SharedState, Verdict, Window


def rate_headers(verdict: Verdict) -> dict[str, str]:
    """`RateLimit-*` for an answer; none where there is no limit."""
    if verdict.limit == 0:
        return {}
    return {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(math.ceil(verdict.retry_after_ms / 1000)),
    }


def tighter(one: Verdict, other: Verdict) -> Verdict:
    """Of two verdicts the one that leaves less."""
    return other if other.remaining < one.remaining else one


class RequestLimits:
    """Limits how often one address and one user ask. Who is blocked at one limit is blocked at all of a state."""

    def __init__(self, name: str, window: Window, block: Block, state: SharedState) -> None:
        """:param name: What is asked for: each has a window of its own."""
        self._name = name
        self._window = window
        self._block = block
        self._state = state

    async def take(self, kind: str, value: str, on_block: Callable[[str], None]) -> Verdict:
        """
        Counts one request.

        :param kind: `ip` or `user`.
        :param on_block: Called where this request is the one that has the key blocked.
        :raises Refusal: 429 where the key is blocked or its window has no room.
        """
        key = f"{kind} {value}"
        await self.check_blocked(kind, value)
        verdict = await self._state.windows.take(f"{self._name} {key}", self._window)
        if not verdict.allowed and await self._state.blocks.violate(key, self._block):
            on_block(kind)
            await self.check_blocked(kind, value)
        _check(verdict)
        return verdict

    async def peek(self, kind: str, value: str) -> None:
        """Says what `take` would, without counting anything. :raises Refusal: 429 as `take`."""
        await self.check_blocked(kind, value)
        _check(await self._state.windows.peek(f"{self._name} {kind} {value}", self._window))

    async def check_blocked(self, kind: str, value: str) -> None:
        """:raises Refusal: 429 where the key is blocked, by whichever limit."""
        blocked_ms = await self._state.blocks.remaining_ms(f"{kind} {value}")
        if blocked_ms <= 0:
            return
        seconds = max(1, math.ceil(blocked_ms / 1000))
        message = "Too many requests were refused: nothing is answered for a while"
        headers = {
            "RateLimit-Limit": str(self._window.most),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(seconds),
        }
        raise Refusal(429, "blocked", message, retry_after=seconds, headers=headers)


def _check(verdict: Verdict) -> None:
    if not verdict.allowed:
        seconds = max(1, math.ceil(verdict.retry_after_ms / 1000))
        raise Refusal(429, "rate_limited", "Too many requests", retry_after=seconds, headers=rate_headers(verdict))
