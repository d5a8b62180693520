"""Which pages may use the relay."""

import re
from collections.abc import Iterable

_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?",
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_origin(text: str) -> bool:
    """Whether a text is exactly what a browser would send as ``Origin``."""
    if not _ORIGIN.fullmatch(text) or text.startswith("file:"):
        return False
    port = _DEFAULT_PORTS.get(text.split(":", 1)[0])
    return port is None or not text.endswith(port)


class OriginPolicy:
    """Exact origins, without patterns: a suffix that looks alike is another site."""

    def __init__(self, allowed: Iterable[str]) -> None:
        """:param allowed: Origins such as ``https://example.com``, or ``*`` for all of them."""
        self._origins = tuple(dict.fromkeys(allowed))
        self._any = "*" in self._origins

    def allows(self, origin: str | None) -> bool:
        """Whether a request with this ``Origin`` may go on; None: it had none, as it comes from no page."""
        return origin is None or self.may_read(origin)

    def may_read(self, origin: str | None) -> bool:
        """Whether an answer may be read by a page of this origin."""
        return origin is not None and (self._any or origin in self._origins)

    def on_host(self, host: str) -> str | None:
        """The named origin that is served on a host, as in ``Host``; None where there is none."""
        return next((origin for origin in self._origins if origin.partition("://")[2] == host), None)
