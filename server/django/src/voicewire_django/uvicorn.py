"""
What uvicorn leaves to be said, for `manage.py voicewire`, or on its own command line:
`--http voicewire_django.uvicorn:RelayHttpProtocol --ws voicewire_django.uvicorn:RelayWebSocketProtocol`.

uvicorn hands a handshake on as it came: what of its form an application never sees is judged here, and so is what a
client's bytes make of a session, of which an application hears only that it is over.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Close, Frame, Opcode

from .answers import common_headers, json_bytes, refusal_parts
from .codes import Provider, Refusal, error_notice
from .conf import configuration
from .origins import OriginPolicy

_CLOSE_SECONDS = 1.0
_HEADER_SECONDS = 10.0
_MOST_HEADER_BYTES = 16 * 1024
_MOST_FRAGMENTS = 131_072

_VIOLATIONS = {1008: "too_many_fragments", 1009: "message_too_big"}
"""What a close by this server means; any other is a breach of RFC 6455."""


class RelayHttpProtocol(HttpToolsProtocol):
    """Judges the form of handshakes, and gives up on headers that are too long or take too long."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._answered = False
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = self.loop.call_later(_HEADER_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._answered:
            return
        if self._header_timer is not None:
            self._header_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._hand_over(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._header_timer is not None and self._header_bytes > _MOST_HEADER_BYTES:
            self.send_400_response("The header is too long")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._header_timer is None:
            self._header_bytes = 0
            self._header_timer = self.loop.call_later(_HEADER_SECONDS, self.transport.abort)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > _MOST_HEADER_BYTES:
            raise ValueError
        if self.parser.should_upgrade() and self._should_upgrade():
            refusal = self._fault()
            if refusal is not None:
                self._refuse(refusal)
                raise ValueError
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if not self._answered:
            self._answered = True
            super().send_400_response(msg)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _hand_over(self, rest: bytes) -> None:
        """Goes on as a WebSocket, also with what came in one piece with the handshake."""
        # Of a target in absolute form only path and query count.
        self.url = re.sub(rb"^(?:http|ws)s?://[^/?#]*", b"", self.url, flags=re.IGNORECASE) or b"/"
        self.handle_websocket_upgrade()
        if rest:
            self.transport.get_protocol().data_received(rest)  # type: ignore[attr-defined]

    def _fault(self) -> Refusal | None:
        """What is wrong with the form of a handshake (RFC 6455 §4.2.1)."""
        headers = dict(self.headers)
        if self.parser.get_method() != b"GET":
            return Refusal(405, "method_not_allowed", "A handshake is a GET request", headers={"Allow": "GET"})
        if self.parser.get_http_version() != "1.1":
            return Refusal(400, "bad_request", "The version of HTTP must be 1.1")
        if b"content-length" in headers or b"transfer-encoding" in headers:
            return Refusal(400, "bad_request", "A handshake has no body")
        if headers.get(b"sec-websocket-version") != b"13":
            return Refusal(426, "bad_request", "The header Sec-WebSocket-Version must be 13")
        if not re.fullmatch(rb"[+/0-9A-Za-z]{22}==", headers.get(b"sec-websocket-key", b"")):
            return Refusal(400, "bad_request", "The header Sec-WebSocket-Key must be 16 bytes in base64")
        return None

    def _refuse(self, refusal: Refusal) -> None:
        self._answered = True
        origin = dict(self.headers).get(b"origin")
        headers, body = refusal_parts(refusal)
        content = json_bytes(body)
        lines = {
            **common_headers(None if origin is None else origin.decode("latin-1"), _origins()),
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(content)),
            **headers,
            "Connection": "close",
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        start = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n"
        self.transport.write(f"{start}{text}\r\n".encode("latin-1") + content)
        self.transport.close()


class RelayWebSocketProtocol(WebSocketsSansIOProtocol):
    """
    Tells clients why their bytes end a session, bounds the fragments of a message, takes anything that comes as a
    sign of life, and drops who has not answered a close, or not read what was sent before, within a second: uvicorn
    waits for ten seconds for the one, and for the other without an end.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = _CLOSE_SECONDS
        self._heard = False

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if not self.transport.is_closing():
            super().data_received(data)

    def send_keepalive_ping(self) -> None:
        self._heard = False
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        if self._heard or self.read_paused:
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _MOST_FRAGMENTS:
            self.conn.fail(1008)
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        """Closes with a code of the protocol's list in place of the parser's words, and a notice before."""
        if self.close_sent or self.conn.close_sent is None:
            return
        close_code = int(self.conn.close_sent.code)
        self.conn.data_to_send()  # the parser's own close
        code = _VIOLATIONS.get(close_code, "protocol_error")
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": close_code, "reason": code, "voicewire.code": code}  # type: ignore[arg-type]
        )
        self.close_sent = True
        provider: Provider = "openai" if "realtime" in self.scope["path"] else "deepgram"
        notice = error_notice(provider, code, "The client's bytes are not what the protocol allows").encode()
        if self.handshake_complete:
            frames = [Frame(Opcode.TEXT, notice), Frame(Opcode.CLOSE, Close(close_code, code).serialize())]
            self.transport.write(b"".join(frame.serialize(mask=False) for frame in frames))
        self.transport.close()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)


def _origins() -> OriginPolicy:
    return OriginPolicy(configuration().allowed_origins)
