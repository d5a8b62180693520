"""All that a session does because time passes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

# Inactivity is looked at this many times within its limit, so it is seen at most a quarter late.
_LOOKS = 4
# The longest warning before the end of a session, in seconds; of a short one it is the last tenth.
_MOST_WARNING = 60.0
_WARNING_SHARE = 0.1
_MOST_TICK = 0.5


@dataclass(frozen=True, slots=True)
class ClockEvents:
    """What a session is told."""

    idle: Callable[[], None]
    warn: Callable[[int], None]
    """With the seconds that are left."""
    expire: Callable[[], None]
    tick: Callable[[float], None]
    """Twice a second at least, with the time in seconds."""


class SessionClock:
    """Watches inactivity and the session's length; 0 switches either off. All in seconds."""

    def __init__(self, inactivity: float, length: float, events: ClockEvents) -> None:
        self._events = events
        self._look_every = inactivity / _LOOKS
        self._length = length
        self.active = False
        """Whether there was a sign of activity since the last look; whoever sees one sets it."""

    async def run(self) -> None:
        """Runs until it is cancelled."""
        started = time.monotonic()
        warning = min(_MOST_WARNING, self._length * _WARNING_SHARE)
        warned = self._length == 0
        look_at = started + self._look_every
        quiet_looks = 0
        periods = [_MOST_TICK, *(period for period in (self._look_every, warning / 2) if period > 0)]
        while True:
            await asyncio.sleep(min(periods))
            now = time.monotonic()
            self._events.tick(now)
            if self._look_every > 0 and now >= look_at:
                look_at = now + self._look_every
                quiet_looks = 0 if self.active else quiet_looks + 1
                self.active = False
                if quiet_looks >= _LOOKS:
                    self._events.idle()
            if not warned and now - started >= self._length - warning:
                warned = True
                self._events.warn(round(warning))
            if 0 < self._length <= now - started:
                self._events.expire()
