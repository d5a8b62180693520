"""
The WebSocket protocol for uvicorn that a relay wants.

It does what uvicorn's own does not: it says how a connection ended, lets the session explain itself after a breach
of RFC 6455, reads no further than the session follows, lets no flood keep others waiting, and drops who does not
answer a close. Use it as ``uvicorn --ws voicewire_fastapi.websocket_protocol:RelayWebSocketProtocol``.
"""

import asyncio
import logging
import struct
from collections import deque
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

from starlette.datastructures import Headers
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.frames import Close as CloseFrame
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from .client import EXTENSION
from .closes import Close
from .codes import Refusal
from .handshake import accept_value, check_handshake
from .upstream import CLOSE_SECONDS

# So much is taken apart at once: some thousand of the shortest messages, a few ms.
_SLICE_BYTES = 16 * 1024
# What may wait for the session beside one message; over it the socket is not read.
_MOST_WAITING = 32
_MOST_WAITING_BYTES = 64 * 1024
# How often a client that is not read is written to, so that one that has gone shows itself.
_PROBE_SECONDS = 0.5
# In one message: a text letter by letter has fewer.
_MOST_FRAGMENTS = 131_072

_log = logging.getLogger("uvicorn.error")


class ClientGone(OSError):
    """There is nobody to send to any more."""


class RelayWebSocketProtocol(asyncio.Protocol):
    """One client's connection from its upgrade on."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=config.ws_max_size, logger=_log)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._accept_key: str | None = None
        self._accepted = False
        self._task: asyncio.Task[None] | None = None
        self._unread: deque[bytes] = deque()
        self._feeding = False
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._fragments: list[bytes] = []
        self._is_text = False
        self._answer: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._violation: int | None = None
        self._received_close = False
        self._sent_close = False
        self._gone = False
        self._heard = True
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.lost = asyncio.Event()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(cast("Any", self))

    def connection_lost(self, exc: Exception | None) -> None:
        self._server_state.connections.discard(cast("Any", self))
        self._gone = True
        for timer in self._timers.values():
            timer.cancel()
        self._unread.clear()
        if not self._received_close and self._violation is None:
            self._events.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.lost.set()
        self._writable.set()  # nobody would ever wake who waits for room

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._accept_key is None:
            data = self._begin(data)
        if data:
            self._unread.append(data)
            self._feed()

    def shutdown(self) -> None:
        """uvicorn ends; by then the relay's sessions have ended."""
        if not self._accepted:
            self._transport.close()
        else:
            self._events.put_nowait({"type": "websocket.disconnect", "code": 1012})
            self.end(Close(1012), None, flood=False)

    # What a session can do beyond ASGI

    def end(self, close: Close, notice: str | None, *, flood: bool) -> None:
        """Says why and closes, at once, and drops the connection where that is not answered in a second."""
        if self._sent_close or self._received_close or self._gone:
            return
        self._sent_close = True
        if notice is not None:
            self._write(Opcode.TEXT, notice.encode())
        self._write(Opcode.CLOSE, CloseFrame(close.code, close.reason).serialize())
        self._drop_later()
        # Reading on until it has answered would be reading all that it still sends.
        if flood:
            self._unread.clear()
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            self._feed()

    # The handshake

    def _begin(self, data: bytes) -> bytes:
        """Reads the request that uvicorn has put together again. Returns what came behind it."""
        head, _, rest = data.partition(b"\r\n\r\n")
        request, *lines = head.split(b"\r\n")
        method, target, _ = request.split(b" ", 2)
        pairs = [line.split(b": ", 1) for line in lines]
        headers = [(name.lower(), value) for name, value in pairs]
        given = Headers(raw=headers)
        self._accept_key = accept_value(given.get("sec-websocket-key", ""))
        try:
            check_handshake(method.decode("latin-1"), "1.1", given)
        except Refusal as refusal:
            self._refuse(refusal.status)
            return b""
        path, _, query = target.partition(b"?")
        root = self._config.root_path
        scope = {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root,
            "path": root + unquote(path.decode("latin-1")),
            "raw_path": root.encode() + path,
            "query_string": query,
            "headers": headers,
            "subprotocols": [
                item.strip()
                for line in given.getlist("sec-websocket-protocol")
                for item in line.split(",")
                if item.strip()
            ],
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: self},
        }
        self._events.put_nowait({"type": "websocket.connect"})
        self._task = self._loop.create_task(self._run(scope))
        self._server_state.tasks.add(self._task)
        self._task.add_done_callback(self._server_state.tasks.discard)
        return rest

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._config.loaded_app(cast("Any", scope), self._receive, cast("Any", self._send))
        except ClientGone:
            pass
        except Exception:
            _log.error("Exception in ASGI application")  # its text could quote what must not be logged
        finally:
            self._finish()

    def _finish(self) -> None:
        """The application is done: nothing may be left open."""
        if self._gone or self._sent_close or self._received_close or self._transport.is_closing():
            return
        if self._accepted:
            self.end(Close(1011 if self._violation is None else self._violation), None, flood=False)
        else:
            self._refuse(500)

    def _refuse(self, status: int) -> None:
        self._write_answer(status, [], b"")

    def _accept(self, message: dict[str, Any]) -> None:
        lines = [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + (self._accept_key or "").encode(),
            *(name + b": " + value for name, value in message.get("headers", [])),
        ]
        if message.get("subprotocol"):
            lines.append(b"Sec-WebSocket-Protocol: " + message["subprotocol"].encode("latin-1"))
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
        self._accepted = True
        if self._config.ws_ping_interval:
            self._later("beat", self._config.ws_ping_interval, self._beat)
        self._feed()

    def _write_answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        own = {name.lower() for name, _ in headers}
        rest = {b"content-length": str(len(body)).encode(), b"connection": b"close"}
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
            *(name + b": " + value for name, value in headers),
            *(name + b": " + value for name, value in rest.items() if name not in own),
        ]
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self._sent_close = True
        self._events.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self._transport.close()
        self._drop_later()

    # From the client to the application

    def _feed(self) -> None:
        """Takes apart what came, a slice at a time, as far as the session follows."""
        if self._feeding or not self._accepted or self._gone:
            self._balance()
            return
        if self._unread and self._may_take:
            chunk = self._unread.popleft()
            if len(chunk) > _SLICE_BYTES:
                self._unread.appendleft(chunk[_SLICE_BYTES:])
            self._take(chunk[:_SLICE_BYTES])
        if self._unread and self._may_take:
            self._feeding = True
            self._loop.call_soon(self._feed_on)
        self._balance()

    def _feed_on(self) -> None:
        self._feeding = False
        self._feed()

    @property
    def _has_room(self) -> bool:
        return self._events.qsize() < _MOST_WAITING and self._waiting_bytes < _MOST_WAITING_BYTES

    @property
    def _may_take(self) -> bool:
        # After a close of our own all there is to find is its answer.
        return self._sent_close or (self._has_room and not self._is_over)

    @property
    def _is_over(self) -> bool:
        return self._sent_close or self._received_close or self._violation is not None

    def _balance(self) -> None:
        """Reads the socket as long as what came before is taken."""
        if self._gone or self._sent_close or self._transport.is_closing():
            return
        reads = (not self._unread and self._has_room) or self._violation is not None
        if reads and not self._transport.is_reading():
            self._heard = True  # while it was not read, it could not be heard
            self._transport.resume_reading()
        elif not reads and self._transport.is_reading():
            self._transport.pause_reading()
            self._later("probe", _PROBE_SECONDS, self._probe)

    def _take(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for piece in self._protocol.events_received():
            if isinstance(piece, Frame):
                self._take_piece(piece)
        if self._protocol.close_rcvd is not None:
            self._take_close()
        elif self._protocol.parser_exc is not None:
            sent = self._protocol.close_sent
            self._fail(1002 if sent is None else int(sent.code))
        else:
            self._answer_pings()

    def _take_piece(self, piece: Frame) -> None:
        if self._is_over or piece.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if piece.opcode is not Opcode.CONT:
            self._is_text = piece.opcode is Opcode.TEXT
            self._fragments = []
        self._fragments.append(bytes(piece.data))
        if len(self._fragments) > _MOST_FRAGMENTS:
            self._fail(1008)
        elif piece.fin:
            data = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
            self._fragments = []
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        event: dict[str, Any] = {"type": "websocket.receive"}
        try:
            event |= {"text": data.decode()} if self._is_text else {"bytes": data}
        except UnicodeDecodeError:
            self._fail(1007)
            return
        self._waiting_bytes += len(data)
        event["size"] = len(data)
        self._events.put_nowait(event)

    def _answer_pings(self) -> None:
        """RFC 6455, section 5.5.3: of several pings the last one needs an answer."""
        pongs = self._protocol.data_to_send()
        if pongs and self._writable.is_set():
            self._transport.write(pongs[-1])

    def _take_close(self) -> None:
        close = self._protocol.close_rcvd
        assert close is not None
        self._received_close = True
        if not self._sent_close:
            self._events.put_nowait({"type": "websocket.disconnect", "code": int(close.code), "reason": close.reason})
            payload = b"" if close.code == CloseCode.NO_STATUS_RCVD else CloseFrame(close.code, "").serialize()
            self._write(Opcode.CLOSE, payload)
        self._transport.close()
        self._drop_later()

    def _fail(self, code: int) -> None:
        """The client broke the protocol: the session says so, as it knows the provider's words."""
        if self._is_over:
            return
        self._violation = code
        self._protocol.data_to_send()  # what would say it without a reason
        self._unread.clear()
        self._events.put_nowait({"type": "websocket.disconnect", "code": code, "violation": True})

    async def _receive(self) -> Any:
        event = await self._events.get()
        self._waiting_bytes -= event.pop("size", 0)
        self._feed()
        return event

    # From the application to the client

    async def _send(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.send":
                await self._writable.wait()
                if self._gone or self._sent_close or self._received_close:
                    raise ClientGone
                text: str | None = message.get("text")
                if text is None:
                    self._write(Opcode.BINARY, message["bytes"])
                else:
                    self._write(Opcode.TEXT, text.encode())
            case "websocket.accept":
                if self._gone:
                    raise ClientGone
                self._accept(message)
            case "websocket.close" if self._accepted:
                self.end(Close(message.get("code", 1000), message.get("reason") or ""), None, flood=False)
            case "websocket.close":
                self._refuse(403)
            case "websocket.http.response.start":
                self._answer = (message["status"], list(message.get("headers", [])))
            case "websocket.http.response.body" if self._answer is not None and not self._gone:
                self._write_answer(*self._answer, message.get("body", b""))
            case _:
                raise ClientGone

    def _write(self, opcode: Opcode, payload: bytes) -> None:
        size = len(payload)
        first = 0x80 | opcode
        if size < 126:
            head = struct.pack("!BB", first, size)
        elif size < 65_536:
            head = struct.pack("!BBH", first, 126, size)
        else:
            head = struct.pack("!BBQ", first, 127, size)
        self._transport.write(head + payload)

    # What happens because time passes

    def _later(self, name: str, seconds: float, act: Any) -> None:
        before = self._timers.get(name)
        if before is not None:
            before.cancel()
        self._timers[name] = self._loop.call_later(seconds, act)

    def _drop_later(self) -> None:
        if not self._gone:
            self._later("drop", CLOSE_SECONDS, self._transport.abort)

    def _beat(self) -> None:
        interval = self._config.ws_ping_interval
        if self._is_over or not interval:
            return
        if self._transport.is_reading():
            if not self._heard:
                self._transport.abort()
                return
            self._heard = False
        if self._writable.is_set():
            self._write(Opcode.PING, b"")
        self._later("beat", interval, self._beat)

    def _probe(self) -> None:
        if self._is_over or self._transport.is_reading():
            return
        if self._writable.is_set():
            self._write(Opcode.PING, b"")
        self._later("probe", _PROBE_SECONDS, self._probe)
