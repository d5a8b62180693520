"""
What uvicorn leaves to be said: for `--ws voicewire_django.uvicorn:RelayWebSocketProtocol`, which `manage.py voicewire`
uses.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_CLOSE_SECONDS = 1.0


class RelayWebSocketProtocol(WebSocketsSansIOProtocol):
    """
    Drops a client that has not answered a close, or not read what was sent before, within a second. uvicorn waits
    for ten seconds for the one, and for the other without an end.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = _CLOSE_SECONDS

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)
