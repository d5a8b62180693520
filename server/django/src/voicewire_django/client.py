"""The client's end of a session, as an ASGI server shows it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from .closes import Close, cut_reason, private_code
from .daphne import DaphneConnection

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ClientLeg:
    """
    A WebSocket behind `receive` and `send` of ASGI.

    uvicorn stops reading from the socket while nobody calls `receive`, and lets `send` wait while the client does not
    read. Daphne does neither by itself; see `DaphneConnection`, without which a session here bounds what it can.
    """

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._daphne = DaphneConnection.behind(send)
        extensions = scope.get("extensions") or {}
        self.answers = "websocket.http.response" in extensions
        """Whether the server can refuse an upgrade with a status: uvicorn can, Daphne cannot."""
        self.waits = self.answers or self._daphne is not None
        """Whether the server can be made to stop reading, and has who sends wait."""
        self.closed: Close | None = None
        """How the client closed; None while it has not."""
        self.sent: Close | None = None
        """What it was closed with."""
        self.waiting_since: float | None = None
        """Since when a message has been waiting for the client to read, by the loop's clock."""

    async def receive(self) -> str | bytes | Close:
        """The next message, or the close, after which nothing comes."""
        if self._daphne is not None:
            self._daphne.take()
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.closed = self._close_of(message)
            return self.closed
        if self._daphne is not None and self.sent is None:
            self._daphne.taken()
        text = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def send(self, data: str | bytes) -> None:
        """Sends a message. :raises OSError: Where the client has gone."""
        kind = "text" if isinstance(data, str) else "bytes"
        self.waiting_since = asyncio.get_running_loop().time()
        try:
            if self._daphne is not None:
                await self._daphne.writable()
            if self._daphne is not None and not data:
                self._daphne.send_empty(isinstance(data, bytes))
            else:
                await self._send({"type": "websocket.send", kind: data})
        finally:
            self.waiting_since = None

    async def accept(self, subprotocol: str | None) -> None:
        """Answers the handshake with 101."""
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
        if self._daphne is not None:
            self._daphne.watch()

    async def refuse(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answers the handshake with another status; only where the server can."""
        lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": lines})
        await self._send({"type": "websocket.http.response.body", "body": body})

    async def reject(self) -> None:
        """Closes before the handshake was answered: 403 without a reason, at every server."""
        await self._send({"type": "websocket.close"})

    async def close(self, code: int, reason: str) -> None:
        """Closes, if the client has not; where it has gone, nothing happens."""
        if self.closed is not None or self.sent is not None:
            return
        self.sent = Close(code if self.waits else private_code(code), cut_reason(reason))
        if self._daphne is not None:
            self._daphne.close(self.sent.code, self.sent.reason)
            return
        with contextlib.suppress(OSError, RuntimeError):  # it has gone meanwhile
            await self._send({"type": "websocket.close", "code": self.sent.code, "reason": self.sent.reason})

    async def leave(self) -> None:
        """Reads on until the client has answered the close."""
        while self.closed is None:
            await self.receive()

    def drop(self) -> None:
        """Drops a client that has not answered, where the server does not by itself."""
        if self._daphne is not None and self.closed is None:
            self._daphne.abort()

    def _close_of(self, message: dict[str, Any]) -> Close:
        if self._daphne is not None:
            return Close(*self._daphne.closed_with())
        code, reason = message.get("code", 1006), message.get("reason")
        # uvicorn says 1005 for a connection that ended without a close, too, and then gives no reason.
        if self.answers and code == 1005 and reason is None:
            return Close(1006)
        return Close(1006 if code is None else code, reason or "", message.get("voicewire.code"))
