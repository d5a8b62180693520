"""
The HTTP protocol for uvicorn that a relay wants: bounds on a request's header, and handshakes that are none are
answered by the relay. Use it as ``uvicorn --http voicewire_fastapi.request_protocol:RelayRequestProtocol``.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import h11
from starlette.datastructures import Headers
from uvicorn.protocols.http.h11_impl import H11Protocol

from .codes import Refusal
from .handshake import check_handshake

# A browser sends its header at once; whoever needs longer only wants to hold the socket.
_HEADER_SECONDS = 10.0
MOST_HEADER_BYTES = 16 * 1024


def header_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How long a header is on the wire, without its first line."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


class RelayRequestProtocol(H11Protocol):
    """One connection, until it is upgraded."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = h11.Connection(h11.SERVER, MOST_HEADER_BYTES)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_timer = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()  # the header is there

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._stop_waiting()
        if not self.transport.is_closing():
            self._header_timer = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_waiting()
        super().handle_websocket_upgrade(event)
        rest, _ = self.conn.trailing_data
        protocol = self.transport.get_protocol()
        if rest and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(rest)  # uvicorn would drop what came behind the handshake

    def _should_upgrade(self) -> bool:
        if not super()._should_upgrade():
            return False
        if header_bytes(self.headers) + len(self.scope["query_string"]) > MOST_HEADER_BYTES:
            return False
        try:
            check_handshake(self.scope["method"], self.scope["http_version"], Headers(raw=self.headers))
        except Refusal:
            return False  # an ordinary request then, which is answered with what is wrong
        return True

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: the answer says it."""

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._header_timer = None
        self.transport.close()
