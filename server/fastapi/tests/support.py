"""A relay, its provider and its clients, on real sockets."""

import asyncio
import json
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.typing import Origin, Subprotocol

from voicewire_fastapi import SessionLimits, Settings
from voicewire_fastapi.__main__ import RelayServer
from voicewire_fastapi.tickets import TICKET_TYPE

ORIGIN = "https://app.example"
SECONDS = 5.0


@dataclass
class Provider:
    """A provider that does what a test wants; by default it echoes."""

    connections: asyncio.Queue[ServerConnection] = field(default_factory=asyncio.Queue)
    handle: Callable[[ServerConnection], Awaitable[None]] | None = None
    server: Server | None = None
    dialled: int = 0

    @property
    def port(self) -> int:
        assert self.server is not None
        port: int = next(iter(self.server.sockets)).getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def next(self) -> ServerConnection:
        """The next connection of the relay's."""
        connection: ServerConnection = await within(self.connections.get())
        return connection

    async def serve(self, connection: ServerConnection) -> None:
        self.dialled += 1
        self.connections.put_nowait(connection)
        if self.handle is not None:
            await self.handle(connection)
            return
        async for message in connection:
            await connection.send(message)


def _select(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("realtime") if "realtime" in offered else None


@asynccontextmanager
async def provider(
    handle: Callable[[ServerConnection], Awaitable[None]] | None = None, **options: Any
) -> AsyncIterator[Provider]:
    """A provider on a free port."""
    scripted = Provider(handle=handle)
    options.setdefault("max_size", None)
    async with serve(scripted.serve, "127.0.0.1", 0, select_subprotocol=_select, compression=None, **options) as server:
        scripted.server = server
        yield scripted


class Lines(logging.Handler):
    """What the relay logs."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = getattr(record, "fields", {})
        self.all.append({"msg": record.getMessage(), **fields})
        self._changed.set()

    async def find(self, message: str, **fields: Any) -> dict[str, Any]:
        """Waits for a line."""
        async with asyncio.timeout(SECONDS):
            while True:
                for line in self.all:
                    if line["msg"] == message and all(line.get(name) == value for name, value in fields.items()):
                        return line
                self._changed.clear()
                await self._changed.wait()


class ReadyServer(RelayServer):
    """Says when it listens."""

    def __init__(self, settings: Settings, limits: SessionLimits | None) -> None:
        super().__init__(settings, limits)
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()  # uvicorn looks ten times a second


@dataclass
class Running:
    """A relay that listens."""

    settings: Settings
    address: str
    lines: Lines
    http: httpx.AsyncClient

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def ticket(self, **claims: Any) -> str:
        assert self.settings.ticket_secret is not None
        return ticket(self.settings.ticket_secret.get_secret_value(), **claims)

    async def open(
        self, path: str = "/v1/realtime", *, shown: str | None = None, origin: str | None = None, **options: Any
    ) -> ClientConnection:
        """A session, by a ticket of its own unless one is given; '': without any."""
        headers = {} if shown == "" else {"Authorization": f"Bearer {shown or self.ticket()}"}
        return await connect(
            self.address.replace("http", "ws") + path,
            additional_headers={**headers, **options.pop("headers", {})},
            origin=None if origin is None else Origin(origin),
            subprotocols=[Subprotocol(item) for item in options.pop("subprotocols", [])] or None,
            proxy=None,
            compression=None,
            max_size=None,
            **options,
        )

    async def refused(self, path: str = "/v1/realtime", **options: Any) -> tuple[int, str]:
        """The status and the code with which an upgrade is refused."""
        with pytest.raises(InvalidStatus) as caught:
            await self.open(path, **options)
        response = caught.value.response
        return response.status_code, json.loads(response.body or b"{}")["error"]["code"]


def settings_for(upstream: str = "ws://127.0.0.1:9", **fields: Any) -> Settings:
    """Settings for a test; the environment has no say."""
    given: dict[str, Any] = {
        "openai_api_key": "sk-openai-" + secrets.token_hex(8),
        "deepgram_api_key": "deepgram-" + secrets.token_hex(8),
        "openai_api_url": upstream,
        "deepgram_api_url": upstream,
        "deepgram_agent_url": upstream,
        "allowed_origins": ORIGIN,
        "ticket_secret": secrets.token_hex(32),
        "port": 0,
        "drain_seconds": 0,
        "voice_agent_rate_limit": 0,
        **fields,
    }
    return Settings(**{name: value for name, value in given.items() if value is not None})


@asynccontextmanager
async def relay(
    upstream: str = "ws://127.0.0.1:9", limits: SessionLimits | None = None, **fields: Any
) -> AsyncIterator[Running]:
    """A relay on a free port."""
    settings = settings_for(upstream, **fields)
    server = ReadyServer(settings, limits)
    lines = Lines()
    logger = logging.getLogger("voicewire")
    logger.handlers = [lines]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    serving = asyncio.create_task(server.serve())
    try:
        await within(server.listening.wait())
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
            yield Running(settings, address, lines, http)
    finally:
        server.stopping.set()
        await within(serving, 15)
        logger.handlers = []


@asynccontextmanager
async def pair(
    handle: Callable[[ServerConnection], Awaitable[None]] | None = None,
    limits: SessionLimits | None = None,
    **fields: Any,
) -> AsyncIterator[tuple[Running, Provider]]:
    """A relay and its provider."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(provider(handle))
        running = await stack.enter_async_context(relay(upstream.url, limits, **fields))
        yield running, upstream


def ticket(secret: str, *, header: Mapping[str, str | None] | None = None, **claims: Any) -> str:
    """A ticket; a claim or a field of the header that is None is left out."""
    now = int(time.time())
    all_claims: dict[str, object] = {
        "iss": "voicewire",
        "aud": "voicewire-relay",
        "sub": "user " + secrets.token_hex(4),
        "jti": secrets.token_hex(8),
        "iat": now,
        "exp": now + 60,
        **claims,
    }
    present = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(present, secret, algorithm="HS256", headers={"typ": TICKET_TYPE, **(header or {})})


async def within(act: Awaitable[Any], seconds: float = SECONDS) -> Any:
    """What is awaited, or a failure."""
    async with asyncio.timeout(seconds):
        return await act


async def end_of(connection: ClientConnection | ServerConnection, seconds: float = SECONDS) -> Close:
    """What the relay closes a connection with; messages before that are passed over."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                await connection.recv()
    except ConnectionClosed as closed:
        return closed.rcvd or Close(1006, "")


async def ending_of(connection: ClientConnection) -> tuple[str, int, str]:
    """The code of the last notice, and what the relay closes with."""
    code = ""
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                message = json.loads(await connection.recv())
                code = message.get("error", message).get("code", "")
    except ConnectionClosed as closed:
        close = closed.rcvd or Close(1006, "")
        return code, close.code, close.reason
