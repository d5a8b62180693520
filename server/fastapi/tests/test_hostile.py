"""Clients that break RFC 6455, or flood: R-MSG-4 to R-MSG-9."""

import asyncio
import json
import struct
import time

import pytest

from .support import Running, pair, within

UPGRADE = (
    "GET /v1/realtime HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {}\r\n\r\n"
)


class RawClient:
    """Says what it is told, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, running: Running, behind: bytes = b"") -> "RawClient":
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(UPGRADE.format(running.ticket()).encode() + behind)
        await within(reader.readuntil(b"\r\n\r\n"))
        return cls(reader, writer)

    async def next(self) -> tuple[int, bytes]:
        """Opcode and payload of what comes next, other than pings."""
        while True:
            first, second = await within(self.reader.readexactly(2))
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await within(self.reader.readexactly(2)))
            payload = await within(self.reader.readexactly(size))
            if first & 0xF != 9:
                return first & 0xF, payload

    async def ending(self) -> tuple[str, int, str]:
        """The notice's code, and what the relay closes with."""
        code = ""
        while True:
            opcode, payload = await self.next()
            if opcode == 1:
                code = json.loads(payload)["error"]["code"]
            if opcode == 8:
                (close,) = struct.unpack("!H", payload[:2])
                return code, close, payload[2:].decode()

    async def gone(self) -> None:
        while await within(self.reader.read(65_536)):
            pass

    def close(self) -> None:
        self.writer.transport.abort()


def masked(first: int, payload: bytes = b"") -> bytes:
    """A message as a client sends it, with a mask of zeros."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, 0x80 | size) + bytes(4) + payload
    return struct.pack("!BBH", first, 0x80 | 126, size) + bytes(4) + payload


@pytest.mark.parametrize(
    ("sent", "code", "close"),
    [
        (b"\x81\x02hi", "protocol_error", 1002),
        (masked(0xC1, b"hi"), "protocol_error", 1002),
        (masked(0x83, b"hi"), "protocol_error", 1002),
        (masked(0x09, b"hi"), "protocol_error", 1002),
        (masked(0x89, b"x" * 126), "protocol_error", 1002),
        (masked(0x80, b"hi"), "protocol_error", 1002),
        (masked(0x01, b"hi") + masked(0x81, b"hi"), "protocol_error", 1002),
        (masked(0x88, b"\x03"), "protocol_error", 1002),
        (masked(0x88, struct.pack("!H", 1005)), "protocol_error", 1002),
        (masked(0x88, struct.pack("!H", 999)), "protocol_error", 1002),
        (masked(0x88, struct.pack("!H", 1000) + b"\xff\xff"), "protocol_error", 1007),
        (masked(0x81, b"\xff\xff"), "protocol_error", 1007),
        (struct.pack("!BBQ", 0x82, 0xFF, 2**40) + bytes(4), "message_too_big", 1009),
        (struct.pack("!BBQ", 0x82, 0xFF, 17 * 2**20) + bytes(4), "message_too_big", 1009),
        (masked(0x02) + masked(0x00) * 131_072, "too_many_fragments", 1008),
    ],
)
async def test_session_ends_when_the_client_breaks_the_protocol(sent: bytes, code: str, close: int) -> None:
    async with pair() as (running, upstream):
        client = await RawClient.open(running)
        dialled = await upstream.next()
        client.writer.write(sent)
        assert await client.ending() == (code, close, code)
        await within(dialled.wait_closed())
        assert dialled.close_code == 1001
        client.close()


async def test_session_takes_what_comes_with_the_handshake() -> None:
    async with pair() as (running, _):
        client = await RawClient.open(running, masked(0x81, b"early"))
        assert await client.next() == (1, b"early")
        client.close()
        await running.lines.find("session ended")


async def test_session_answers_pings_itself() -> None:
    async with pair() as (running, _):
        client = await RawClient.open(running)
        client.writer.write(masked(0x01, b"a") + masked(0x89, b"ping") + masked(0x80, b"b"))
        assert sorted([await client.next(), await client.next()]) == [(1, b"ab"), (10, b"ping")]
        client.close()
        await running.lines.find("session ended")


async def test_relay_drops_a_client_that_answers_no_close() -> None:
    async with pair() as (running, upstream):
        client = await RawClient.open(running)
        dialled = await upstream.next()
        started = time.monotonic()
        closing = asyncio.create_task(dialled.close(4000))
        assert await client.next() == (8, struct.pack("!H", 4000))
        await client.gone()
        assert time.monotonic() - started < 1.5
        await closing
        client.close()


@pytest.mark.parametrize("message", [masked(0x89), masked(0x82), masked(0x01) + masked(0x80)])
async def test_a_flood_stalls_no_other_session(message: bytes) -> None:
    async with pair() as (running, _), await running.open() as patient:
        flooding = await RawClient.open(running)

        async def flood() -> None:
            while True:
                flooding.writer.write(message * 10_000)
                await flooding.writer.drain()

        pouring = asyncio.create_task(flood())
        for index in range(20):
            await patient.send(str(index))
            assert await within(patient.recv(), 2) == str(index)
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        flooding.close()
        await running.lines.find("session ended")
