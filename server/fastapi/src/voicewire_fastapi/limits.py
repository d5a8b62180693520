"""How often, and how many at one time."""

import ipaddress
import math
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .codes import Refusal

# Beyond this many keys the oldest is forgotten, so that invented addresses cannot fill the memory.
MOST_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Window:
    """How often in any stretch of ``length_ms``; 0 requests: no limit."""

    length_ms: int
    most: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window says about one more request."""

    allowed: bool
    limit: int
    remaining: int
    retry_after_ms: float = 0

    def headers(self) -> dict[str, str]:
        """``RateLimit-*`` for an answer; none where there is no limit."""
        if self.limit == 0:
            return {}
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.retry_after_ms / 1000)),
        }

    def check(self) -> None:
        """
        Lets through what is allowed.

        :raises Refusal: 429 where the window has no room.
        """
        if self.allowed:
            return
        retry_after = max(1, math.ceil(self.retry_after_ms / 1000))
        raise Refusal(429, "rate_limited", "Too many requests", retry_after=retry_after, headers=self.headers())


class SlidingWindow:
    """
    A true sliding window: in no stretch of its length, wherever it begins, are more allowed for one key than
    may be. Refused requests do not count, so waiting always helps.
    """

    def __init__(self, window: Window, now: Callable[[], float] = time.monotonic) -> None:
        """:param now: A clock in seconds."""
        self._window = window
        self._now = now
        self._seen: dict[str, deque[float]] = {}

    def take(self, key: str) -> Verdict:
        """Counts one request, if it is allowed."""
        verdict = self.peek(key)
        if not verdict.allowed or self._window.most == 0:
            return verdict
        times = self._seen.pop(key, None) or deque()
        times.append(self._now())
        self._seen[key] = times  # behind all others: the dict is in order of last use
        if len(self._seen) > MOST_KEYS:
            del self._seen[next(iter(self._seen))]
        return Verdict(True, verdict.limit, verdict.remaining - 1)

    def peek(self, key: str) -> Verdict:
        """What ``take`` would say, without counting."""
        if self._window.most == 0:
            return Verdict(True, 0, 0)
        now = self._now()
        oldest = now - self._window.length_ms / 1000
        times = self._seen.get(key, deque())
        while times and times[0] <= oldest:
            times.popleft()
        remaining = max(0, self._window.most - len(times))
        if remaining > 0:
            return Verdict(True, self._window.most, remaining)
        return Verdict(False, self._window.most, 0, (times[0] - oldest) * 1000)


def tighter(one: Verdict, other: Verdict) -> Verdict:
    """Of two verdicts the one that leaves less."""
    return other if other.remaining < one.remaining else one


@dataclass(frozen=True, slots=True)
class Caps:
    """The greatest numbers of sessions at one time; 0: no limit."""

    total: int
    per_ip: int
    per_user: int


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who wants a session. Without a user only the other caps apply."""

    ip: str
    user: str | None


_IPV4_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+")
_IPV6_IN_BRACKETS = re.compile(r"\[(.+)\](?::\d+)?")


def client_address(remote: str, forwarded_for: str, trusted_proxies: int) -> str:
    """
    The address of a client as limits count it: IPv4, or the /64 of IPv6, as one household owns all of that.

    :param remote: The socket's peer.
    :param forwarded_for: ``X-Forwarded-For``; only what the trusted proxies wrote is believed.
    :param trusted_proxies: How many proxies of the operator's are in front; 0: the header is ignored.
    """
    entries = [entry.strip() for entry in forwarded_for.split(",")]
    if trusted_proxies == 0 or len(entries) < trusted_proxies:
        return _network(remote)
    # Each proxy appends whom it saw: counted from the right, the first n entries are the operator's own.
    entry = entries[-trusted_proxies]
    with_port = _IPV4_WITH_PORT.fullmatch(entry) or _IPV6_IN_BRACKETS.fullmatch(entry)
    entry = with_port[1] if with_port else entry
    return _network(remote if _parsed(entry) is None else entry)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    number, percent, zone = address.partition("%")
    if percent and not (":" in number and re.fullmatch(r"[0-9A-Za-z.:-]+", zone)):
        return None
    try:
        return ipaddress.ip_address(number)
    except ValueError:
        return None


def _network(address: str) -> str:
    parsed = _parsed(address)
    if parsed is None:
        return address  # a socket that has no address, such as one of the file system
    if parsed.version == 4:
        return str(parsed)
    mapped = parsed.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    groups = [f"{int(group, 16):x}" for group in parsed.exploded.split(":")[:4]]
    return f"{':'.join(groups)}::/64"  # as every other relay on the same Redis writes it
