"""Numbers of this process in Prometheus' text format. Labels are words that the relay knows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .routes import PROVIDERS
from .session import Session, Summary, Traffic

_PREFIX = "voicewire_relay_"
_OWN_CLOSES = frozenset({4401, 4403, 4408, 4429})


class Metrics:
    """What the relay of this process does. What passes through is counted by the sessions."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        """:param sessions: Those that last, which the relay keeps."""
        self.drains = 0
        self._sessions = sessions
        self._started_at = time.monotonic()
        self._past = Traffic()
        self._handshakes: Counter[tuple[str, str]] = Counter()
        self._dials: Counter[tuple[str, str]] = Counter()
        self._dial_seconds: Counter[str] = Counter()
        self._closes: Counter[tuple[str, str]] = Counter()
        self._ends: Counter[tuple[str, str]] = Counter()
        self._token_requests: Counter[tuple[str, str]] = Counter()
        self._tokens: Counter[str] = Counter()

    def handshake(self, path: str | None, code: str) -> None:
        """An upgrade ended. :param path: None where it is none of the relay's."""
        self._handshakes[path or "other", code] += 1

    def dialled(self, path: str, code: str | None, seconds: float) -> None:
        """A provider took a handshake (None), or not."""
        self._dials[path, code or "accepted"] += 1
        self._dial_seconds[path] += seconds  # type: ignore[assignment]

    def used(self, provider: str, tokens: int) -> None:
        """The provider counted tokens."""
        self._tokens[provider] += tokens

    def token_answered(self, action: str, code: str) -> None:
        """:param code: `ok`, or why a request for a token was refused."""
        self._token_requests[action, code] += 1

    def ended(self, summary: Summary) -> None:
        """Takes over what a session counted; it must leave the sessions in the same turn."""
        _add(self._past, summary.traffic)
        self._closes["client", _close_label(summary.client_close_code)] += 1
        self._closes["upstream", _close_label(summary.upstream_close_code)] += 1
        self._ends[summary.ended_by, summary.code or "none"] += 1

    def stats(self, *, draining: bool) -> dict[str, Any]:
        """What `GET /stats` answers."""
        by_path = self._by_path()
        total, traffic = sum(by_path.values()), self._traffic()
        refusals: Counter[str] = Counter()
        for (_, code), count in self._handshakes.items():
            refusals[code] += count
        del refusals["accepted"]
        return {
            "uptimeSeconds": int(time.monotonic() - self._started_at),
            "draining": draining,
            "sessions": {"total": total, "draining": total if draining else 0, "byPath": by_path},
            "traffic": {
                "bytesUp": traffic.bytes_up,
                "bytesDown": traffic.bytes_down,
                "messagesUp": traffic.messages_up,
                "messagesDown": traffic.messages_down,
            },
            "refusals": refusals,
        }

    def text(self) -> str:
        """All of them."""
        traffic = self._traffic()
        lines = [
            *_gauge("sessions", "Sessions that last", [({"path": p}, n) for p, n in self._by_path().items()]),
            *_counter("bytes_total", "Payload bytes", _directions(traffic.bytes_up, traffic.bytes_down)),
            *_counter("messages_total", "Data messages", _directions(traffic.messages_up, traffic.messages_down)),
            *_counter("handshakes_total", "Upgrades, by how they ended", _two(self._handshakes, "path")),
            *_counter("dials_total", "Handshakes with providers", _two(self._dials, "path")),
            *_counter("session_closes_total", "What each side closed with", _two(self._closes, "side")),
            *_counter("session_ends_total", "Who ended sessions, and why", _two(self._ends, "ended_by")),
            *_counter("token_requests_total", "Requests for tokens", _two(self._token_requests, "action")),
            *_counter(
                "tokens_used_total",
                "Tokens that responses used",
                [({"provider": provider}, count) for provider, count in self._tokens.items()],
            ),
            *_counter("drains_total", "How often the relay was told to close", [({}, self.drains)]),
        ]
        return "\n".join(lines) + "\n"

    def _by_path(self) -> dict[str, int]:
        counts = Counter(session.route.path for session in self._sessions)
        return {path: counts[path] for path in PROVIDERS}

    def _traffic(self) -> Traffic:
        traffic = Traffic()
        for part in [self._past, *(session.traffic for session in self._sessions)]:
            _add(traffic, part)
        return traffic


_Samples = Iterable[tuple[dict[str, str], float]]


def _add(total: Traffic, part: Traffic) -> None:
    total.bytes_up += part.bytes_up
    total.bytes_down += part.bytes_down
    total.messages_up += part.messages_up
    total.messages_down += part.messages_down


def _directions(up: int, down: int) -> _Samples:
    return [({"direction": "up"}, up), ({"direction": "down"}, down)]


def _two(counts: Counter[tuple[str, str]], label: str) -> _Samples:
    return [({label: first, "code": code}, count) for (first, code), count in counts.items()]


def _gauge(name: str, about: str, samples: _Samples) -> list[str]:
    return _lines("gauge", name, about, samples)


def _counter(name: str, about: str, samples: _Samples) -> list[str]:
    return _lines("counter", name, about, samples)


def _lines(kind: str, name: str, about: str, samples: _Samples) -> list[str]:
    full = _PREFIX + name
    lines = [f"# HELP {full} {about}", f"# TYPE {full} {kind}"]
    for labels, value in samples:
        text = ",".join(f'{label}="{text}"' for label, text in labels.items())
        lines.append(f"{full}{{{text}}} {value}" if text else f"{full} {value}")
    return lines


def _close_label(code: int) -> str:
    """A peer may choose any of two thousand codes; those that mean nothing here share the label of their range."""
    if 1000 <= code <= 1015 or code in _OWN_CLOSES:
        return str(code)
    if 3000 <= code <= 3999:
        return "3xxx"
    return "4xxx" if 4000 <= code <= 4999 else "other"
