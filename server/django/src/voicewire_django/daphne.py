"""
What Daphne does not pass on by ASGI.

Daphne reads on whatever nobody takes, keeps whatever a client does not read, sends no close codes but 1000 and
3000…4999, no close reasons and no empty messages, and says 1006 of a close without a code. What it is made of can do
all of that: Twisted's transport pauses and tells when it is full, and Autobahn's protocol closes as it is told.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any, cast

VIOLATIONS = {1002: "protocol_error", 1007: "protocol_error", 1009: "message_too_big"}
"""What Autobahn closes a client with that breaks RFC 6455, or a bound."""


class DaphneConnection:
    """A client's connection, as Twisted and Autobahn know it."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._busy = False
        self._looking = False
        self._closing = False

    @classmethod
    def behind(cls, send: Any) -> DaphneConnection | None:
        """What is behind an application's `send`; None for any other server, or where something else is between."""
        while hasattr(getattr(send, "__self__", None), "real_send"):
            send = send.__self__.real_send  # Channels' own session middleware
        if not isinstance(send, functools.partial) or len(send.args) != 1:
            return None
        server = getattr(send.func, "__self__", None)
        if type(server).__module__ != "daphne.server":
            return None
        protocol = send.args[0]
        needed = ("transport", "sendCloseFrame", "sendMessage")
        return cls(protocol) if all(hasattr(protocol, name) for name in needed) else None

    def watch(self) -> None:
        """Begins to be told when the client does not read, and has breaches be closed; after the handshake."""
        self._protocol.failByDrop = False
        transport = self._protocol.transport
        transport.unregisterProducer()  # that of the HTTP request before
        transport.registerProducer(self, True)

    async def writable(self) -> None:
        """Returns as soon as what was sent before is not too much."""
        await self._writable.wait()

    def take(self) -> None:
        """Somebody takes what comes: the socket is read."""
        self._busy = False
        if self._paused:
            self._paused = False
            self._protocol.transport.resumeProducing()

    def taken(self) -> None:
        """
        A message was taken. Whoever does not come for the next one in the same turn of the loop is busy, and the
        socket is not read until they do; to pause at each message would cost more than to pass it on.
        """
        self._busy = True
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._looking = False
        if self._busy and not self._paused and not self._closing:
            self._paused = True
            self._protocol.transport.pauseProducing()

    def send_empty(self, binary: bool) -> None:
        """Sends an empty message."""
        self._protocol.sendMessage(b"", binary)

    def close(self, code: int, reason: str) -> None:
        """Closes with any code."""
        self._closing = True
        self.take()  # for the answer
        self._protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode())

    def abort(self) -> None:
        """Drops the connection."""
        self._protocol.transport.abortConnection()

    def closed_with(self) -> tuple[int, str, str | None]:
        """The client's close: code, reason, and what it has broken where the server closed it for that."""
        own = cast("int | None", self._protocol.localCloseCode)
        if own in VIOLATIONS and not self._closing:
            return own, "", VIOLATIONS[own]
        if not self._protocol.wasClean:
            return 1006, "", None
        code = cast("int | None", self._protocol.remoteCloseCode)
        return (1005 if code is None else code), self._protocol.remoteCloseReason or "", None

    # What Twisted calls

    def pauseProducing(self) -> None:  # noqa: N802
        self._writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._writable.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._writable.set()
