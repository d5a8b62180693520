"""
The WebSocket paths, for Channels' `URLRouter`. Whoever imports this is about to serve: settings that are missing or
wrong end the process here, with a line for each.
"""

from __future__ import annotations

import sys

from django.urls import URLPattern, re_path

from . import log
from .conf import ConfigurationError, configuration, mount_prefix
from .consumers import RelayConsumer
from .routes import PROVIDERS

try:
    log.set_up(configuration().log_level)
except ConfigurationError as error:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(1) from None

_consumer = RelayConsumer.as_asgi()
_prefix = mount_prefix()

websocket_urlpatterns: list[URLPattern] = [
    *(re_path(rf"^{_prefix}{path[1:]}$", _consumer, {"path": path}) for path in PROVIDERS),
    re_path(rf"^{_prefix}realtime$", _consumer, {"path": "/v1/realtime"}),
    re_path(rf"^{_prefix}deepgram-proxy(/.*)?$", _consumer, {"path": None}),
]
"""The relay's own paths, below `RELAY_PREFIX`."""

unknown_path: URLPattern = re_path(r"", _consumer, {"path": "/v1/realtime", "unknown": True})
"""For the end of a router that has nothing else: any other path is refused with 404 instead of an error."""
