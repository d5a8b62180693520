"""Relays as real processes, providers that a test scripts, and clients."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jwt
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

EXAMPLE = Path(__file__).parent.parent / "example"
ORIGIN = "https://app.example"
SECRET = secrets.token_hex(24)
KEY = f"key-{secrets.token_hex(16)}"

ServerName = Literal["uvicorn", "daphne", "plain", "wrapped", "stacked"]
"""uvicorn as `manage.py voicewire` sets it up, Daphne, uvicorn by its own command, and Daphne behind middleware
and behind Channels' own."""
SERVERS: tuple[ServerName, ...] = ("uvicorn", "daphne")


QUICK = {"DJANGO_SETTINGS_MODULE": "quick_settings", "PYTHONPATH": str(Path(__file__).parent)}
"""Has a relay wait less for what takes long."""

_shown: list[str] = []
"""Every ticket that was made."""


class Closed(NamedTuple):
    """How a WebSocket ended."""

    code: int
    reason: str


class Upstream:
    """A provider, and everything a test wants to know about who dialled it."""

    def __init__(self) -> None:
        self.peers: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._server: Server | None = None
        self.url = ""
        self.dials = 0

    @classmethod
    @asynccontextmanager
    async def start(cls, **options: Any) -> AsyncIterator[Upstream]:
        upstream = cls()
        defaults: dict[str, Any] = {
            "compression": None,
            "max_size": None,
            "ping_interval": None,
            "select_subprotocol": lambda _connection, offered: offered[0] if offered else None,
        }
        async with serve(upstream._handle, "127.0.0.1", 0, **(defaults | options)) as server:
            upstream._server = server
            upstream.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield upstream

    async def accept(self) -> ServerConnection:
        """The next connection."""
        async with asyncio.timeout(10):
            return await self.peers.get()

    async def _handle(self, connection: ServerConnection) -> None:
        self.dials += 1
        self.peers.put_nowait(connection)
        await connection.wait_closed()


class Relay:
    """The example project behind a real server."""

    def __init__(self, server: ServerName, process: asyncio.subprocess.Process) -> None:
        self.server = server
        self.process = process
        self.lines: list[str] = []
        self.port = 0
        self._told = asyncio.Event()
        self._readers = [
            asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr) if stream
        ]

    @property
    def url(self) -> str:
        """Of its WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """All that it said."""
        return "\n".join(self.lines)

    @classmethod
    @asynccontextmanager
    async def start(cls, server: ServerName, upstream: str, **environment: str | None) -> AsyncIterator[Relay]:
        relay = await cls.spawn(server, upstream, **environment)
        try:
            found = await relay.line(r"(?: on http://|Listening on TCP address )127\.0\.0\.1:(\d+)")
            relay.port = int(found[1])
            yield relay
        finally:
            if relay.process.returncode is None:
                relay.process.kill()
            await relay.ended()
            # Whatever a test was about: nothing of this may ever be said.
            assert not [secret for secret in (KEY, SECRET, *_shown) if secret in relay.output]

    @classmethod
    async def spawn(cls, server: ServerName, upstream: str, **environment: str | None) -> Relay:
        """Starts a process that may not come up."""
        daphne = ["-m", "daphne", "-b", "127.0.0.1", "-p", "0"]
        command = {
            "uvicorn": ["manage.py", "voicewire"],
            "plain": ["-m", "uvicorn", "--port", "0", "example.asgi:application"],
            "daphne": [*daphne, "example.asgi:application"],
            "wrapped": [*daphne, "wrapped_asgi:application"],
            "stacked": [*daphne, "stacked_asgi:application"],
        }[server]
        variables = relay_environment(upstream) | environment
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=EXAMPLE,
            env={name: value for name, value in variables.items() if value is not None},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(server, process)

    async def line(self, pattern: str, after: int = 0) -> re.Match[str]:
        """The first line behind `after` others in which a pattern is found, as soon as it is there."""
        async with asyncio.timeout(20):
            while True:
                for line in self.lines[after:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                self._told.clear()
                if self.process.returncode is not None and all(reader.done() for reader in self._readers):
                    raise AssertionError(f"the relay ended:\n{self.output}")
                await self._told.wait()

    async def logged(self, message: str, **fields: Any) -> dict[str, Any]:
        """The first line of its log with this message and these fields."""
        seen = 0
        while True:
            found = await self.line(rf'^(\{{.*"msg":"{message}"\}})$', seen)
            seen = self.lines.index(found[1], seen) + 1
            line: dict[str, Any] = json.loads(found[1])
            if fields.items() <= line.items():
                return line

    async def ended(self) -> int:
        """Its exit code."""
        code = await self.process.wait()
        await asyncio.gather(*self._readers)
        return code

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    async def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> Answer:
        """An ordinary request."""
        return await asyncio.to_thread(_request, self.port, method, path, headers or {}, body)

    async def open(self, path: str = "/v1/realtime", **options: Any) -> Client:
        """Opens a WebSocket, with a ticket unless `ticket` says otherwise."""
        headers = dict(options.pop("headers", {}))
        given = options.pop("ticket", ...)
        shown = ticket() if given is ... else given
        if shown is not None:
            headers["Authorization"] = f"Bearer {shown}"
        defaults: dict[str, Any] = {
            "origin": ORIGIN,
            "compression": None,
            "max_size": None,
            "ping_interval": None,
            "user_agent_header": None,
            "close_timeout": 2,
        }
        return Client(await connect(self.url + path, additional_headers=headers, **(defaults | options)))

    async def refusal(self, path: str = "/v1/realtime", **options: Any) -> Answer:
        """
        How an upgrade is refused. Daphne cannot say it with a status: there it is the notice and the close, which
        are read as the status that they stand for.
        """
        try:
            client = await self.open(path, **options)
        except InvalidStatus as error:
            response = error.response
            content = bytes(response.body or b"")
            return Answer(response.status_code, dict(response.headers.items()), content)
        assert self.server == "daphne", "an upgrade was let in that should not be"
        notice = json.loads(await client.next())
        code = notice["error"]["code"] if "error" in notice else notice["code"]
        close = await client.closed()
        status = {4401: 401, 4403: 403, 4429: 429, 1013: 503}[close.code]
        return Answer(status, {}, json.dumps({"error": {"code": code}}).encode())

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self.lines.append(line.decode().rstrip("\n"))
            self._told.set()
        self._told.set()


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The error's."""
        return str(self.json["error"]["code"])

    def header(self, name: str) -> str | None:
        lower = {key.lower(): value for key, value in self.headers.items()}
        return lower.get(name.lower())


class Client:
    """A client's WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, data: str | bytes) -> None:
        await self.connection.send(data)

    async def next(self) -> str | bytes:
        """The next message."""
        async with asyncio.timeout(10):
            return await self.connection.recv()

    async def next_json(self) -> Any:
        return json.loads(await self.next())

    async def closed(self) -> Closed:
        """How it ends; messages that come before are passed over."""
        async with asyncio.timeout(20):
            return await closing(self.connection)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.connection.close(code, reason)


async def closing(connection: ClientConnection | ServerConnection) -> Closed:
    """How a connection ends."""
    while True:
        try:
            await connection.recv()
        except ConnectionClosed as error:
            return Closed(1006, "") if error.rcvd is None else Closed(error.rcvd.code, error.rcvd.reason)


def relay_environment(upstream: str) -> dict[str, str | None]:
    """What every relay is started with; the tester's own settings stay out."""
    kept = {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH"}
    return {
        **{name: value for name, value in os.environ.items() if name in kept},
        "OPENAI_API_KEY": KEY,
        "DEEPGRAM_API_KEY": KEY,
        "OPENAI_API_URL": upstream,
        "DEEPGRAM_API_URL": upstream,
        "DEEPGRAM_AGENT_URL": upstream,
        "ALLOWED_ORIGINS": f"{ORIGIN},http://127.0.0.1:3000",
        "TICKET_SECRET": SECRET,
        "PORT": "0",
        "DJANGO_SECRET_KEY": SECRET,
        "VOICE_AGENT_RATE_LIMIT": "0",
    }


def ticket(*, key: Any = SECRET, algorithm: str = "HS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A ticket that is good, but for what is given; None leaves a claim out."""
    now = int(time.time())
    good = {
        "iss": "voicewire",
        "aud": "voicewire-relay",
        "sub": "ann",
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 60,
    }
    payload = {name: value for name, value in {**good, **claims}.items() if value is not None}
    headers = {"typ": "voicewire-ticket+jwt"} | (header or {})
    token = jwt.encode(payload, key, algorithm=algorithm, headers=headers)
    _shown.append(token)
    return token


def _request(port: int, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    content = body
    if body is not None and not isinstance(body, bytes):
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | headers
    with contextlib.closing(connection):
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
