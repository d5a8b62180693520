"""What the relay counts, for Prometheus and as JSON. No label holds anything that a client chooses freely."""

import math
import time
from collections import Counter
from typing import Literal

from .codes import Code
from .routes import ProviderPath
from .version import VERSION

Decision = Literal["allowed", "refused", "blocked"]

_HELP = {
    "sessions": "Sessions now",
    "handshakes_total": "Upgrades: accepted, or the code of the refusal",
    "dials_total": "Handshakes with providers: accepted, or why not",
    "bytes_total": "Payload of messages, up from clients and down from providers",
    "messages_total": "Data messages",
    "session_seconds_total": "Length of sessions that have ended",
    "session_ends_total": "Who ended sessions, and why",
    "limit_decisions_total": "What limits said",
    "token_requests_total": "Requests for tokens: ok, or why not",
    "tokens_used_total": "Tokens that responses used, as far as the relay reads them",
    "drains_total": "How often the relay was told to close",
}


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.draining = False

    def handshake(self, path: ProviderPath, code: Code | None) -> None:
        self._add("handshakes_total", path=path, code=code or "accepted")

    def dialled(self, path: ProviderPath, code: Code | None) -> None:
        self._add("dials_total", path=path, code=code or "accepted")

    def started(self, path: ProviderPath) -> None:
        self._add("sessions", path=path)

    def ended(
        self,
        path: ProviderPath,
        *,
        ended_by: str,
        code: Code | None,
        duration_ms: int,
        up: tuple[int, int],
        down: tuple[int, int],
    ) -> None:
        """:param up: Messages and bytes of the client; ``down`` those of the provider."""
        self._add("sessions", -1, path=path)
        self._add("session_ends_total", ended_by=ended_by, code=code or "none")
        self._add("session_seconds_total", duration_ms / 1000, path=path)
        for direction, (messages, size) in (("up", up), ("down", down)):
            self._add("messages_total", messages, direction=direction)
            self._add("bytes_total", size, direction=direction)

    def limited(self, limiter: str, decision: Decision) -> None:
        self._add("limit_decisions_total", limiter=limiter, decision=decision)

    def token_answered(self, action: str, code: Code | None) -> None:
        self._add("token_requests_total", action=action, code=code or "ok")

    def used(self, tokens: int) -> None:
        self._add("tokens_used_total", tokens, provider="openai")

    def drained(self) -> None:
        self.draining = True
        self._add("drains_total")

    def text(self) -> str:
        """In the text format of Prometheus, version 0.0.4."""
        lines: list[str] = []
        for name, about in _HELP.items():
            full = f"voicewire_relay_{name}"
            kind = "gauge" if name == "sessions" else "counter"
            lines += [f"# HELP {full} {about}", f"# TYPE {full} {kind}"]
            for (counted, labels), value in sorted(self._counts.items()):
                if counted == name:
                    pairs = ",".join(f'{label}="{text}"' for label, text in labels)
                    lines.append(f"{full}{{{pairs}}} {_number(value)}" if pairs else f"{full} {_number(value)}")
        return "\n".join(lines) + "\n"

    def stats(self) -> dict[str, object]:
        """What an operator wants to see at a glance."""
        return {
            "version": VERSION,
            "uptimeSeconds": math.floor(time.monotonic() - self._started),
            "draining": self.draining,
            "sessions": {
                "total": sum(self._by("sessions", "path").values()),
                "byPath": self._by("sessions", "path"),
            },
            "traffic": {
                "messages": self._by("messages_total", "direction"),
                "bytes": self._by("bytes_total", "direction"),
            },
            "refusals": {
                code: count for code, count in self._by("handshakes_total", "code").items() if code != "accepted"
            },
        }

    def _by(self, name: str, label: str) -> dict[str, float]:
        found: Counter[str] = Counter()
        for (counted, labels), value in self._counts.items():
            if counted == name:
                found[dict(labels)[label]] += value
        return dict(found)

    def _add(self, name: str, value: float = 1, **labels: str) -> None:
        self._counts[name, tuple(labels.items())] += value  # type: ignore[assignment]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
