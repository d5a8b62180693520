"""What the provider does wrong, and what the client and the log learn of it: R-UP and R-MSG-7."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from voicewire_fastapi import SessionLimits
from voicewire_fastapi.handshake import accept_value

from .support import ending_of, pair, relay


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A provider that answers a handshake with these bytes, in which KEY is what RFC 6455 asks for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
        key = next(value for name, value in lines.items() if name.lower() == "sec-websocket-key")
        writer.write(answer.replace(b"KEY", accept_value(key).encode()))
        await reader.read(65_536)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def refusing(status: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: 4\r\n\r\nhush".encode()


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
ACCEPTED = SWITCHING + b"Sec-WebSocket-Accept: KEY\r\n"


@pytest.mark.parametrize(
    ("answer", "code", "close", "status"),
    [
        (refusing("401 Unauthorized"), "upstream_unauthorized", 1011, 401),
        (refusing("403 Forbidden"), "upstream_unauthorized", 1011, 403),
        (refusing("404 Not Found"), "upstream_refused", 1011, 404),
        (refusing("302 Found", "Location: ws://127.0.0.1:1/\r\n"), "upstream_refused", 1011, 302),
        (refusing("429 Too Many Requests"), "upstream_rate_limited", 1013, 429),
        (refusing("500 Internal Server Error"), "upstream_unavailable", 1011, 500),
        (refusing("200 OK"), "upstream_refused", 1011, 200),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "upstream_protocol_error", 1011, None),
        (SWITCHING + b"Sec-WebSocket-Accept: bm8=\r\n\r\n", "upstream_protocol_error", 1011, None),
        (ACCEPTED + b"Sec-WebSocket-Protocol: hush\r\n\r\n", "upstream_protocol_error", 1011, None),
        (ACCEPTED + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "upstream_protocol_error", 1011, None),
        (ACCEPTED + b"\r\n\x81\x84hush", "upstream_protocol_error", 1011, None),
        (ACCEPTED + b"\r\n\x83\x04hush", "upstream_protocol_error", 1011, None),
        (ACCEPTED + b"\r\n\x81\x02\xff\xff", "upstream_protocol_error", 1011, None),
        (b"", "upstream_timeout", 1011, None),
    ],
)
async def test_session_ends_with_a_code_for_what_the_provider_did(
    answer: bytes, code: str, close: int, status: int | None
) -> None:
    limits = SessionLimits(connect_timeout_ms=300)
    async with answering(answer) as url, relay(url, limits) as running, await running.open() as client:
        seen: list[str] = []
        receive = client.recv

        async def record() -> str | bytes:
            message = await receive()
            seen.append(str(message))
            return message

        client.recv = record  # type: ignore[method-assign,assignment]
        assert await ending_of(client) == (code, close, code)
        assert "hush" not in " ".join(seen)
        line = await running.lines.find("session ended")
        assert (line["code"], line["upstreamStatus"]) == (code, status)
        assert "hush" not in json.dumps(running.lines.all)


async def test_session_says_when_nobody_listens() -> None:
    async with relay("ws://127.0.0.1:1") as running, await running.open("/v1/listen") as client:
        assert await ending_of(client) == ("upstream_unavailable", 1011, "upstream_unavailable")


async def test_relay_serves_others_after_a_failure() -> None:
    async with pair() as (running, upstream):
        broken = await running.open()
        (await upstream.next()).transport.abort()
        await ending_of(broken)
        async with await running.open() as client:
            await client.send("hello")
            assert await client.recv() == "hello"
