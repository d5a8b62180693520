"""What SIGTERM does: sessions get time to finish before the server ends."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from .relay import Relay

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def draining_at_signals(relay: Relay, seconds: float) -> Iterator[None]:
    """
    Drains the relay at the first SIGTERM or SIGINT and hands the signal to the server's own handler afterwards; a
    second one is handed on at once. Does nothing outside the main thread, where no signals arrive.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    own = _Handlers(relay, seconds, loop)
    before = {number: signal.signal(number, own.receive) for number in _SIGNALS}
    own.before = before
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) == own.receive:
                signal.signal(number, handler)


class _Handlers:
    def __init__(self, relay: Relay, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._relay = relay
        self._seconds = seconds
        self._loop = loop
        self._draining: asyncio.Task[None] | None = None
        self.before: dict[signal.Signals, Any] = {}

    def receive(self, number: int, _frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._drain, signal.Signals(number))

    def _drain(self, number: signal.Signals) -> None:
        if self._draining is None:
            self._draining = self._loop.create_task(self._finish(number))
        else:
            self._hand_on(number, force=True)

    async def _finish(self, number: signal.Signals) -> None:
        await self._relay.drain(self._seconds)
        self._hand_on(number, force=False)

    def _hand_on(self, number: signal.Signals, *, force: bool) -> None:
        handler = self.before[number]
        server = getattr(handler, "__self__", None)
        if isinstance(server, uvicorn.Server):
            # Not by its handler, after which the process would end with the signal in place of the exit code 0.
            server.should_exit = True
            server.force_exit = server.force_exit or force
        elif callable(handler):
            handler(number, None)
        elif handler == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
