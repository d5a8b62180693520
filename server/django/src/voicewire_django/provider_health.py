"""Remembers from real traffic how the providers are; asks nobody."""

from __future__ import annotations

import time

from .state.shared import Health

_UNHEALTHY_FAILURES = 3
"""After so many failures in a row a provider counts as away."""
_FADE_SECONDS = 60
"""After so long without another failure it counts as degraded only: who is sent no traffic could never recover."""


class ProviderHealth:
    """How the providers took what they were asked."""

    def __init__(self) -> None:
        self._streaks: dict[str, tuple[int, float]] = {}

    def record(self, provider: str, code: str | None) -> None:
        """:param code: Why a request failed; None where it did not. A refusal for its content is an answer."""
        failed = code is not None and code != "upstream_refused"
        before = self._streaks.get(provider, (0, 0.0))[0]
        self._streaks[provider] = (before + 1 if failed else 0, time.monotonic())

    @property
    def status(self) -> Health:
        """Unhealthy where all that were asked are; healthy where none failed, or none was asked."""
        each = [self._judge(*streak) for streak in self._streaks.values()]
        if each and all(status == "unhealthy" for status in each):
            return "unhealthy"
        return "healthy" if all(status == "healthy" for status in each) else "degraded"

    def _judge(self, failures: int, at: float) -> Health:
        if failures == 0:
            return "healthy"
        lately = time.monotonic() - at < _FADE_SECONDS
        return "unhealthy" if failures >= _UNHEALTHY_FAILURES and lately else "degraded"
