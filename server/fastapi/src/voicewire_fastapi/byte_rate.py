"""Bounds how fast one client sends."""

# So much may come at once: two seconds that were kept while a client was away, or a picture.
_BURST_BYTES = 1024 * 1024


class ByteRate:
    """A bucket that leaks at the highest rate. Times are seconds of one clock."""

    def __init__(self, bytes_per_second: int, most_slowed_seconds: float) -> None:
        """
        :param bytes_per_second: More than 0.
        :param most_slowed_seconds: After so long whoever is still ahead is no microphone.
        """
        self._rate = bytes_per_second
        self._most_slowed = most_slowed_seconds
        self._room = float(_BURST_BYTES)
        self._at = 0.0
        self._slowed_since: float | None = None

    def take(self, size: int, now: float) -> float:
        """Counts bytes that came. Returns how long none should be read, in seconds; 0: read on."""
        self._room = min(_BURST_BYTES, self._room + (now - self._at) * self._rate)
        self._at = now
        if self._room > _BURST_BYTES / 2:
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
