"""SIGTERM: the relay drains first, and then the server in front ends as it would have at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from .conf import configuration


class Drain:
    """
    Stands in front of the server's own handler of SIGTERM, which would close every connection at once.

    It can only be put there when the server has installed its own, and so with the first request: whoever is told
    to end before has nobody to see out.
    """

    def __init__(self, drain: Callable[[float], Awaitable[None]]) -> None:
        self._drain = drain
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._previous: Any = None

    def install(self) -> None:
        """Takes the place of the server's handler, in the thread where that is possible."""
        if threading.current_thread() is not threading.main_thread():
            return  # whoever runs the server in a thread ends it in their own way
        self._loop = asyncio.get_running_loop()
        self._previous = signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        assert self._loop is not None
        if self._draining is not None:
            # A second one ends the process at once.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._draining = self._loop.create_task(self._run())
        # The loop may be asleep, and a handler does not wake it.
        self._loop.call_soon_threadsafe(lambda: None)

    async def _run(self) -> None:
        await self._drain(configuration().drain_seconds)
        # As by Ctrl-C: told by SIGTERM, uvicorn ends itself by that signal, and the exit code would not be 0.
        handler: Any = signal.getsignal(signal.SIGINT)
        if callable(handler) and handler is not signal.default_int_handler:
            handler(signal.SIGINT, None)
        elif callable(self._previous):
            # Where a shell has it ignored, as for what runs in the background, Twisted leaves that as it is.
            self._previous(signal.SIGTERM, None)
        else:
            os._exit(0)
