"""How well the providers work, as real traffic met them; nobody is asked."""

import time
from collections.abc import Callable

from .codes import Code
from .config import Provider
from .state import Status

# After so many failures in a row a provider counts as away.
_UNHEALTHY_FAILURES = 3
# After so long without another failure it counts as degraded only: who is sent no traffic could never recover.
_FADE_SECONDS = 60.0


class ProviderHealth:
    """Remembers how requests to the providers went."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._streaks: dict[Provider, tuple[int, float]] = {}

    def record(self, provider: Provider, code: Code | None) -> None:
        """:param code: Why a request failed; None: it did not. A refusal for its content counts as an answer."""
        failed = code is not None and code != "upstream_refused"
        failures, _ = self._streaks.get(provider, (0, 0))
        self._streaks[provider] = (failures + 1 if failed else 0, self._now())

    @property
    def status(self) -> Status:
        """Unhealthy where all that were asked are; healthy where none failed, or none was asked."""
        each = [self._judge(failures, at) for failures, at in self._streaks.values()]
        if each and all(status == "unhealthy" for status in each):
            return "unhealthy"
        return "healthy" if all(status == "healthy" for status in each) else "degraded"

    def _judge(self, failures: int, at: float) -> Status:
        if failures == 0:
            return "healthy"
        recent = self._now() - at < _FADE_SECONDS
        return "unhealthy" if failures >= _UNHEALTHY_FAILURES and recent else "degraded"
