"""Bounds how fast bytes pass: a bucket that leaks at the highest rate."""

from __future__ import annotations

BURST_BYTES = 1024 * 1024
"""So much may come at once: two seconds that were kept while a client was away, or a picture."""


class ByteRate:
    """A bucket. Times are seconds of one clock."""

    def __init__(self, bytes_per_second: float, most_slowed_seconds: float, burst: int = BURST_BYTES) -> None:
        """:param most_slowed_seconds: After so long whoever is still ahead is no microphone."""
        self._rate = bytes_per_second
        self._most_slowed = most_slowed_seconds
        self._burst = burst
        self._room = float(burst)
        self._at = 0.0
        self._slowed_since: float | None = None

    def take(self, size: int, now: float) -> float:
        """Counts bytes that came. :returns: For how many seconds none should be read; 0: read on."""
        self._room = min(self._burst, self._room + (now - self._at) * self._rate)
        self._at = now
        if self._room > self._burst / 2:
            self._slowed_since = None
        self._room -= size
        if self._room >= 0:
            return 0
        if self._slowed_since is None:
            self._slowed_since = now
        return -self._room / self._rate

    def exceeded(self, now: float) -> bool:
        """Whether it has been slowed for longer than anything honest would need."""
        return self._slowed_since is not None and now - self._slowed_since > self._most_slowed
