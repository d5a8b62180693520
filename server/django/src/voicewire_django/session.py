"""One client and one provider, from the client's accepted handshake until both connections are gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from .byte_rate import ByteRate
from .client import ClientLeg
from .closes import Close, cut_reason, map_code
from .codes import Ending, error_notice, warning_notice
from .conf import Configuration
from .routes import Route
from .upstream import DialError, UpstreamRequest, dial

_CLOSE_SECONDS = 1.0
"""How long both sides have to answer a close, before they are dropped."""
_MOST_EARLY_BYTES = 1024 * 1024
"""What a client may send before the provider has answered."""
_MOST_QUEUED_BYTES = 1024 * 1024
"""What may wait for a provider that does not read, where the server cannot be made to read less."""
_MOST_SLOWED_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 2.0
"""At a time: the server in front answers and asks for pings only while it reads."""
_MOST_WARNING_SECONDS = 60.0
_PACE_BYTES_PER_SECOND = 1_000_000
_PACE_BURST_BYTES = 4 * 1024 * 1024
"""How fast a client is sent to where the server keeps all that it does not read, until it finds that out by ping."""
_LOOKS = 4
"""Inactivity is looked at so often within its limit: it is seen at most a quarter late."""
_USAGE_START = 64
"""OpenAI writes a message's type first."""
_ACTIVITY_START = 96
"""Enough to see a message's type where a client writes it first or second, as all known clients do."""


@dataclass(slots=True)
class Traffic:
    """What passed through, in payload bytes."""

    bytes_up: int = 0
    bytes_down: int = 0
    messages_up: int = 0
    messages_down: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a session was."""

    duration_ms: int
    connect_ms: int | None
    traffic: Traffic
    ended_by: Literal["client", "upstream", "relay"]
    code: str | None
    client_close_code: int
    upstream_close_code: int
    upstream_status: int | None


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """Who is told of what happens in a session."""

    dialled: Callable[[str | None, float], None]
    """How the provider took the handshake (None: well), and after how many seconds."""
    left: Callable[[], None]
    """The client is gone; all that is left is to tell the provider."""
    used: Callable[[int], None]
    """The provider has counted tokens."""


class Session:
    """
    Passes messages on both ways, one at a time: a message is read when the one before it has been taken, so that a
    slow side slows the other, and what waits in between stays bounded.
    """

    def __init__(
        self,
        client: ClientLeg,
        request: UpstreamRequest,
        route: Route,
        config: Configuration,
        *,
        max_seconds: float,
        events: SessionEvents,
    ) -> None:
        """:param max_seconds: How long it may last; 0: no limit."""
        self.route = route
        self.traffic = Traffic()
        self._client = client
        self._request = request
        self._config = config
        self._events = events
        self._upstream: ClientConnection | None = None
        self._upstream_waiting_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[Ending | Close] = self._loop.create_future()
        self._ended_by: Literal["client", "upstream", "relay"] = "relay"
        self._upstream_status: int | None = None
        self._upstream_close: Close | None = None
        self._connect_ms: int | None = None
        self._started_at = self._loop.time()
        self._chores: set[asyncio.Task[None]] = set()
        self._early: deque[str | bytes] = deque()
        self._queue: deque[str | bytes] = deque()
        self._queued_bytes = 0
        self._queue_filled = asyncio.Event()
        self._rate = _rate_of(config)
        self._pace = None if client.waits else ByteRate(_PACE_BYTES_PER_SECOND, 0, _PACE_BURST_BYTES)
        self._clock = _Clock(self, config, max_seconds)

    async def run(self) -> Summary:
        """Relays until both connections are gone."""
        tasks = [asyncio.create_task(self._read_client()), asyncio.create_task(self._serve_upstream())]
        try:
            ending = await self._ending
        finally:
            # Also where the server in front cancels its application: nothing outlives the session.
            if not self._ending.done():
                self._ending.cancel()
            for task in [*tasks, *self._chores]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._ending.cancelled():
                self._drop_upstream()
        await self._shut(ending)
        return self._summary(ending)

    def warn(self, code: str, message: str) -> None:
        """Tells the client that the end is near."""
        if not self._ending.done():
            self._do(self._client.send(warning_notice(self.route.provider, code, message)))

    def end(self, code: str, close_code: int, message: str) -> None:
        """Ends the session for a reason of the relay's: the client gets the error message, then the close."""
        self._end(Ending(code, close_code, message), "relay")

    def tick(self, now: float) -> None:
        """Does what is due; called a few times a second."""
        if not self._ending.done():
            self._clock.tick(now)

    def waiting_since(self) -> float | None:
        """Since when one side has not taken what it was sent."""
        waits = [since for since in (self._client.waiting_since, self._upstream_waiting_since) if since]
        return min(waits, default=None)

    def beat(self) -> None:
        """
        Asks the provider whether it is there; that bytes came since the last time is answer enough. The client is
        asked by the server in front.
        """
        if self._upstream is None or self.waiting_since() is not None:
            return
        if not self._clock.heard:
            self._end(_LOST, "upstream")
            return
        self._clock.heard = False
        self._do(self._ping(self._upstream))

    def _end(self, ending: Ending | Close, by: Literal["client", "upstream", "relay"]) -> None:
        if not self._ending.done():
            self._ended_by = by
            self._ending.set_result(ending)

    # From the client

    async def _read_client(self) -> None:
        while True:
            data = await self._client.receive()
            if isinstance(data, Close):
                self._events.left()
                if data.violation is None:
                    self._end(data, "client")
                else:
                    self.end(data.violation, data.code, "The client broke the protocol")
                return
            size = _size(data)
            self.traffic.bytes_up += size
            self.traffic.messages_up += 1
            if not self._clock.active:
                self._clock.active = shows_activity(self.route.provider, data)
            if size > self._config.max_message_bytes:
                self.end("message_too_big", 1009, "A message is over its bound")
                return
            await self._take(data, size)
            if self._rate is not None:
                await self._slow(self._rate, size)

    async def _take(self, data: str | bytes, size: int) -> None:
        if self._client.waits and self._upstream is not None:
            await self._send_up(self._upstream, data)
            return
        self._queued_bytes += size
        if self._upstream is None:
            self._early.append(data)
            if self._queued_bytes > _MOST_EARLY_BYTES:
                self.end("message_too_big", 1009, "Too much was sent before the provider answered")
            return
        # The server reads on whatever happens here, so this is where it must stop.
        self._queue.append(data)
        self._queue_filled.set()
        if self._queued_bytes > _MOST_QUEUED_BYTES:
            self.end("slow_consumer", 1013, "One side did not read for too long")

    async def _slow(self, rate: ByteRate, size: int) -> None:
        """Whoever sends faster than anything can be said is read more slowly, and in the end not at all."""
        now = self._loop.time()
        delay = rate.take(size, now)
        if delay == 0:
            return
        # A server that cannot be slowed would only keep for later what is not taken now.
        if rate.exceeded(now) or not self._client.waits:
            self.end("too_fast", 1008, "Sound came faster than it can be spoken for too long")
            return
        await asyncio.sleep(min(delay, _LONGEST_PAUSE_SECONDS))

    async def _send_up(self, upstream: ClientConnection, data: str | bytes) -> None:
        self._upstream_waiting_since = self._loop.time()
        # How it closed is read where its messages are.
        with contextlib.suppress(ConnectionClosed):
            await upstream.send(data)
        self._upstream_waiting_since = None

    # From the provider

    async def _serve_upstream(self) -> None:
        started_at = self._loop.time()
        try:
            upstream = await dial(
                self._request,
                timeout_ms=self._config.connect_timeout,
                most_bytes=self._config.max_message_bytes,
            )
        except DialError as error:
            self._dialled(error.ending.code, started_at)
            self._upstream_status = error.status
            self._end(error.ending, "relay")
            return
        self._dialled(None, started_at)
        try:
            while self._early:
                await self._send_up(upstream, self._early[0])
                self._queued_bytes -= _size(self._early.popleft())
            self._upstream = upstream
            if not self._client.waits:
                self._do(self._drain_queue(upstream))
            await self._read_upstream(upstream)
        except ConnectionClosed as closed:
            self._upstream_closed(closed)
        except (OSError, RuntimeError):
            pass  # the client has gone: whoever reads from it says how
        finally:
            self._upstream = upstream

    async def _read_upstream(self, upstream: ClientConnection) -> None:
        client, traffic, clock, pace = self._client, self.traffic, self._clock, self._pace
        counts = self.route.provider == "openai"
        while True:
            data = await upstream.recv()
            size = _size(data)
            clock.heard = clock.active = True
            traffic.bytes_down += size
            traffic.messages_down += 1
            await client.send(data)
            if counts and isinstance(data, str) and '"response.done"' in data[:_USAGE_START]:
                self._events.used(_tokens_of(data))
            if pace is not None and (delay := pace.take(size, self._loop.time())):
                await asyncio.sleep(delay)

    async def _drain_queue(self, upstream: ClientConnection) -> None:
        while True:
            await self._queue_filled.wait()
            while self._queue:
                await self._send_up(upstream, self._queue[0])
                self._queued_bytes -= _size(self._queue.popleft())
            self._queue_filled.clear()

    async def _ping(self, upstream: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await (await upstream.ping())
            self._clock.heard = True

    def _dialled(self, code: str | None, started_at: float) -> None:
        seconds = self._loop.time() - started_at
        self._connect_ms = round(seconds * 1000)
        self._events.dialled(code, seconds)

    def _upstream_closed(self, closed: ConnectionClosed) -> None:
        if closed.sent is not None and not closed.rcvd_then_sent and closed.sent.code in _VIOLATIONS:
            self._end(_VIOLATIONS[closed.sent.code], "relay")
        elif closed.rcvd is None:
            self._end(_LOST, "upstream")
        else:
            self._upstream_close = Close(closed.rcvd.code, closed.rcvd.reason)
            self._end(self._upstream_close, "upstream")

    # The end

    async def _shut(self, ending: Ending | Close) -> None:
        """Says why and closes both sides at once; whoever does not answer in time is dropped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(self._shut_client(ending), self._shut_upstream(ending))
        self._client.drop()
        self._drop_upstream()

    async def _shut_client(self, ending: Ending | Close) -> None:
        if isinstance(ending, Close):
            reason = "" if self._request.secret in ending.reason else ending.reason
            await self._client.close(map_code(ending.code), reason)
        else:
            if self._client.closed is None:
                with contextlib.suppress(OSError, RuntimeError):
                    await self._client.send(error_notice(self.route.provider, ending.code, ending.message))
            await self._client.close(ending.close_code, ending.code)
        await self._client.leave()
        self._events.left()

    async def _shut_upstream(self, ending: Ending | Close) -> None:
        if self._upstream is None:
            return
        if isinstance(ending, Close):
            await self._upstream.close(map_code(ending.code), cut_reason(ending.reason))
        else:
            await self._upstream.close(ending.upstream_code)

    def _drop_upstream(self) -> None:
        if self._upstream is not None:
            self._upstream.transport.abort()

    def _summary(self, ending: Ending | Close) -> Summary:
        client = self._client.closed or self._client.sent or Close(1006)
        if self._upstream is None:
            upstream_code = 1006
        elif self._upstream_close is not None:
            upstream_code = self._upstream_close.code
        else:
            upstream_code = self._upstream.close_code or 1006
        return Summary(
            duration_ms=round((self._loop.time() - self._started_at) * 1000),
            connect_ms=self._connect_ms,
            traffic=self.traffic,
            ended_by=self._ended_by,
            code=ending.code if isinstance(ending, Ending) else None,
            client_close_code=client.code,
            upstream_close_code=upstream_code,
            upstream_status=self._upstream_status,
        )

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        async def quietly() -> None:
            with contextlib.suppress(OSError, RuntimeError):  # the client has gone
                await work

        task = asyncio.create_task(quietly())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


class _Clock:
    """All that a session does because time passes."""

    def __init__(self, session: Session, config: Configuration, max_seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self.active = False
        """Whether there was a sign of activity since the last look; whoever sees one sets it."""
        self.heard = True
        """Whether the provider was heard of since the last heartbeat."""
        self._session = session
        self._stall = config.stall_timeout / 1000
        self._beat_every = config.heartbeat_interval / 1000
        self._beat_at = now + self._beat_every
        self._look_every = config.inactivity_timeout / 1000 / _LOOKS
        self._look_at = now + self._look_every if self._look_every else float("inf")
        self._quiet_looks = 0
        self._ends_at = now + max_seconds if max_seconds else float("inf")
        self._warning = min(_MOST_WARNING_SECONDS, max_seconds / 10)
        self._warn_at = self._ends_at - self._warning

    def tick(self, now: float) -> None:
        session = self._session
        waiting_since = session.waiting_since()
        if waiting_since is not None and now - waiting_since >= self._stall:
            session.end("slow_consumer", 1013, "One side did not read for too long")
        if now >= self._beat_at:
            self._beat_at = now + self._beat_every
            session.beat()
        if now >= self._look_at:
            self._look_at = now + self._look_every
            self._quiet_looks = 0 if self.active else self._quiet_looks + 1
            self.active = False
            if self._quiet_looks >= _LOOKS:
                session.end("inactivity_timeout", 4408, "Nothing was said for too long")
        if now >= self._warn_at:
            self._warn_at = float("inf")
            session.warn("session_limit", f"The session ends in {round(self._warning)} seconds")
        if now >= self._ends_at:
            session.end("session_limit", 4408, "The session reached its greatest length")


_LOST = Ending("upstream_lost", 1011, "The connection to the provider was lost", by="upstream")
_MISSPOKEN = Ending("upstream_protocol_error", 1011, "The provider broke the protocol", upstream_code=1002)
_VIOLATIONS = {
    1002: _MISSPOKEN,
    1007: _MISSPOKEN,
    1009: Ending("message_too_big", 1009, "A message is over its bound"),
}
"""What the relay's own WebSocket closed with, as it found a fault in what the provider sent."""


def shows_activity(provider: str, data: str | bytes) -> bool:
    """
    Whether a client's message shows that somebody is there. Sound alone does not: a microphone sends as much in an
    empty room, and when there is speech in it the provider says so. Nor do messages that only keep the line open.
    """
    if isinstance(data, bytes):
        return provider == "openai"
    sign = '"input_audio_buffer.append"' if provider == "openai" else '"KeepAlive"'
    return sign not in data[:_ACTIVITY_START]


def _rate_of(config: Configuration) -> ByteRate | None:
    if config.max_bytes_per_second == 0:
        return None
    return ByteRate(config.max_bytes_per_second, _MOST_SLOWED_SECONDS)


def _size(data: str | bytes) -> int:
    return len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())


def _tokens_of(text: str) -> int:
    """The `total_tokens` of a `response.done`; 0 where it has none."""
    try:
        tokens = json.loads(text)["response"]["usage"]["total_tokens"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0  # the client will see it too, and nothing can be counted
    return int(tokens) if isinstance(tokens, int | float) and 0 < tokens < 1e12 else 0
