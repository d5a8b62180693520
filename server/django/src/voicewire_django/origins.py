"""
Which pages may use the relay.

Channels' `AllowedHostsOriginValidator` compares hosts, with patterns and without scheme and port, and takes
`ALLOWED_HOSTS`: who may be asked. Here whole origins are compared, as who may ask is another question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_origin(text: str) -> bool:
    """Whether a text is exactly what a browser would send as `Origin`."""
    if not re.fullmatch(r"[a-z][a-z\d+.-]*://[^/?#\s@\\A-Z]+", text) or text.startswith("file:"):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or text.endswith(":"):
        return False
    return port is None or port != _DEFAULT_PORTS.get(parts.scheme)


class OriginPolicy:
    """Exact origins, without patterns: a suffix that looks alike is another site."""

    def __init__(self, allowed: Iterable[str]) -> None:
        """:param allowed: Origins such as `https://example.com`, or `*` for all of them."""
        self._origins = frozenset(allowed)
        self._any = "*" in self._origins

    def allows(self, origin: str | None) -> bool:
        """Whether a request with this `Origin` may go on; None: it had none, as it does not come from a page."""
        return origin is None or self._any or origin in self._origins

    def may_read(self, origin: str | None) -> bool:
        """Whether an answer to this `Origin` may be read there."""
        return origin is not None and self.allows(origin)

    def on_host(self, host: str) -> str | None:
        """The named origin that is served on a host, as in `Host`; None where there is none."""
        return next((origin for origin in self._origins if origin.partition("://")[2] == host), None)
