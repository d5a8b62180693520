"""The client's side of a session, on whichever ASGI server there is."""

import asyncio
from typing import Protocol, runtime_checkable

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from .closes import LOST, Close
from .upstream import CLOSE_SECONDS

# Where a server that can do more for a session says so; see `RelayWebSocketProtocol`.
EXTENSION = "voicewire.connection"


@runtime_checkable
class ServerConnection(Protocol):
    """What :mod:`voicewire_fastapi.websocket_protocol` can do beyond ASGI."""

    lost: asyncio.Event
    """Set when the connection is gone, also while nobody reads it."""

    def end(self, close: Close, notice: str | None, *, flood: bool) -> None:
        """Says why and closes, at once, and drops the connection where that is not answered in a second."""


class Violation(Exception):
    """The client broke the protocol or a bound; the server has left the close to the session."""

    def __init__(self, close_code: int) -> None:
        super().__init__()
        self.close_code = close_code


class ClientLeg:
    """A client's WebSocket after its handshake."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        extension = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._server = extension if isinstance(extension, ServerConnection) else None
        self.received: Close | None = None
        self.sent: Close | None = None

    @property
    def close_seen(self) -> int:
        """What the client closed with, else what it was closed with, else 1006."""
        close = self.received or self.sent
        return 1006 if close is None else close.code

    async def receive(self) -> str | bytes | Close:
        """
        The next message, or how the client ended.

        :raises Violation: Where it broke the protocol, and can still be told.
        """
        event = await self._websocket.receive()
        if event["type"] == "websocket.disconnect":
            if event.get("violation"):
                raise Violation(event["code"])
            self.received = _close_of(event)
            return self.received
        text: str | None = event.get("text")
        if text is not None:
            return text
        payload: bytes = event["bytes"]
        return payload

    async def send(self, message: str | bytes) -> bool:
        """Sends a message as soon as there is room for it. Returns whether there is anybody to send it to."""
        kind = "text" if isinstance(message, str) else "bytes"
        try:
            await self._websocket.send({"type": "websocket.send", kind: message})
        except (WebSocketDisconnect, RuntimeError):
            return False
        return True

    async def lost(self) -> None:
        """Returns when the connection is gone; never, where the server does not say so."""
        if self._server is None:
            await asyncio.Event().wait()
        else:
            await self._server.lost.wait()

    async def end(self, close: Close | None, notice: str | None, *, flood: bool) -> None:
        """Says why and closes, within a second. :param flood: Whether much more is on its way."""
        if close is None or self.received is not None:
            return
        self.sent = close
        if self._server is not None:
            self._server.end(close, notice, flood=flood)
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if notice is not None:
                    await self.send(notice)
                await self._websocket.close(close.code, close.reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            pass  # it does not read, or is gone: the server ends it


def _close_of(event: Message) -> Close:
    code = event.get("code", 1005)
    reason = event.get("reason")
    # uvicorn's own implementations say 1005, without a reason, of a connection that is lost.
    if not isinstance(code, int) or (code == 1005 and reason is None):
        return LOST
    return Close(code, reason if isinstance(reason, str) else "")
