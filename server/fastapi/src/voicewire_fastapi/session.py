"""One client and one provider, from the accepted handshake until both connections are gone."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed

from .byte_rate import ByteRate
from .client import ClientLeg, Violation
from .closes import LOST, Close, EndedBy, Ending, by_client, by_relay, by_violation
from .codes import Code
from .config import Provider
from .log import error_name
from .notices import error_notice, warning_notice
from .routes import Route
from .session_clock import ClockEvents, SessionClock
from .upstream import DialError, Providers, Upstream
from .usage import total_tokens

# After so many messages in a row others have their turn: what has come already is read without waiting.
_MESSAGES_A_TURN = 32
# What RFC 6455 puts in front of most messages of a client.
_MESSAGE_OVERHEAD = 8
# Enough to see a message's type where a client writes it first or second, as all known clients do.
_PEEK_CHARACTERS = 96

# It may have closed before it went, and that is still to be read.
_LAST_WORDS_SECONDS = 0.2

# Ends after which a client has much more on its way than an answer.
_FLOODS: frozenset[Code | None] = frozenset({"message_too_big", "too_fast"})


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """A session's bounds; 0 switches off where it says so."""

    heartbeat_ms: int = 30_000
    inactivity_ms: int = 300_000
    """Without messages; 0: no limit."""
    connect_timeout_ms: int = 10_000
    """For the provider's whole handshake."""
    stall_ms: int = 15_000
    """How long a side may refuse to read."""
    max_message_bytes: int = 16 * 1024 * 1024
    """One message over all its fragments."""
    max_early_bytes: int = 1024 * 1024
    """What a client may send before the provider has answered."""
    max_bytes_per_second: int = 200_000
    """How fast a client may send beyond a first MiB before it is slowed; 0: no limit."""
    max_slowed_ms: int = 30_000
    """How long it is slowed before it is sent away."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a session is made of."""

    route: Route
    offered: Sequence[str]
    """The client's subprotocols."""
    user: str | None
    secret: str
    """The provider's key, which no close reason may carry to a client."""
    limits: SessionLimits
    length_seconds: float
    """0: no limit."""
    on_dial: Callable[[Code | None], None]
    """Told how the provider took the handshake; None: well."""
    on_tokens: Callable[[int], None] | None
    """Told the tokens of each of OpenAI's responses; None: nobody counts them."""
    on_ending: Callable[[], None]
    """Told as soon as it is decided that the session ends, before the last close is answered."""
    on_failure: Callable[[str], None]
    """Told the name of an error that nobody foresaw."""


@dataclass(slots=True)
class SessionSummary:
    """What a session was, once it is over."""

    ended_by: EndedBy = "relay"
    code: Code | None = None
    duration_ms: int = 0
    connect_ms: int | None = None
    bytes_up: int = 0
    bytes_down: int = 0
    messages_up: int = 0
    messages_down: int = 0
    client_close_code: int = 1006
    upstream_close_code: int = 1006
    upstream_status: int | None = None

    def fields(self) -> dict[str, object]:
        """As log lines name it."""
        return {
            "durationMs": self.duration_ms,
            "connectMs": self.connect_ms,
            "bytesUp": self.bytes_up,
            "bytesDown": self.bytes_down,
            "messagesUp": self.messages_up,
            "messagesDown": self.messages_down,
            "endedBy": self.ended_by,
            "code": self.code,
            "clientCloseCode": self.client_close_code,
            "upstreamCloseCode": self.upstream_close_code,
            "upstreamStatus": self.upstream_status,
        }


@dataclass(slots=True)
class _Early:
    """What the client said before the provider had answered."""

    messages: list[str | bytes] = field(default_factory=list)
    size: int = 0


class Session:
    """Wires the two legs together and sees to it that they die together."""

    def __init__(self, client: ClientLeg, providers: Providers, options: SessionOptions) -> None:
        self._client = client
        self._providers = providers
        self._options = options
        self._limits = options.limits
        self._provider: Provider = options.route.provider
        self._upstream: Upstream | None = None
        self._early: _Early | None = _Early()
        self._flushed = asyncio.Event()
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._blocked: dict[str, float] = {}
        self._summary = SessionSummary()
        rate = self._limits.max_bytes_per_second
        self._rate = ByteRate(rate, self._limits.max_slowed_ms / 1000) if rate > 0 else None
        events = ClockEvents(self._idle, self._warn_of_end, self._expire, self._look_for_stall)
        self._clock = SessionClock(self._limits.inactivity_ms / 1000, options.length_seconds, events)

    async def run(self) -> SessionSummary:
        """Relays until one side ends or the relay ends it; then both connections are gone."""
        started = time.monotonic()
        try:
            await self._relay(started)
        finally:
            if self._upstream is not None:
                self._upstream.transport.abort()
                self._summary.upstream_close_code = self._upstream.close_seen
            self._summary.client_close_code = self._client.close_seen
            self._summary.duration_ms = _ms_since(started)
        return self._summary

    def warn(self, code: Code, message: str) -> None:
        """Tells the client that the end is near."""
        self._waiting.put_nowait(warning_notice(self._provider, code, message))

    def end(self, code: Code, close_code: int, message: str) -> None:
        """Ends the session for a reason of the relay's: the client gets the error message, then the close."""
        self._end_with(by_relay(code, close_code, message))

    async def _relay(self, started: float) -> None:
        jobs: list[Coroutine[Any, Any, None]] = [
            self._read_client(),
            self._read_provider(started),
            self._speak(),
            self._notice_loss(),
            self._clock.run(),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._guard(job)) for job in jobs]
            ending = await self._ended
            for task in tasks:
                task.cancel()
        self._summary.ended_by = ending.ended_by
        self._summary.code = ending.code
        notice = None if ending.code is None else error_notice(self._provider, ending.code, ending.message)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._client.end(ending.client, notice, flood=ending.code in _FLOODS))
            if self._upstream is not None:
                group.create_task(self._upstream.end(ending.upstream))

    async def _guard(self, job: Coroutine[Any, Any, None]) -> None:
        """What nobody foresaw costs this session, and no other."""
        try:
            await job
        except Exception as error:
            self._options.on_failure(error_name(error))
            self._end_with(by_relay("upstream_lost", 1011, "The session cannot go on"))

    def _end_with(self, ending: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)
            self._options.on_ending()

    async def _read_client(self) -> None:
        count = 0
        while True:
            try:
                message = await self._client.receive()
            except Violation as violation:
                self._end_with(by_violation(violation.close_code))
                return
            if isinstance(message, Close):
                self._end_with(by_client(message, self._options.secret))
                return
            size = _size(message)
            self._summary.messages_up += 1
            self._summary.bytes_up += size
            if not self._clock.active:
                self._clock.active = _shows_activity(self._provider, message)
            await self._send_up(message)
            if self._rate is not None:
                await self._slow(self._rate, size + _MESSAGE_OVERHEAD)
            count += 1
            if count % _MESSAGES_A_TURN == 0:
                await asyncio.sleep(0)

    async def _send_up(self, message: str | bytes) -> None:
        if self._early is not None:
            self._keep(self._early, message)
            return
        await self._flushed.wait()
        assert self._upstream is not None
        self._blocked["up"] = time.monotonic()
        try:
            await self._upstream.send(message)
        except ConnectionClosed:
            await asyncio.Event().wait()  # whoever reads it says how it ended
        finally:
            del self._blocked["up"]

    def _keep(self, early: _Early, message: str | bytes) -> None:
        early.messages.append(message)
        early.size += _size(message) + 1  # empty ones must not be endless either
        if early.size > self._limits.max_early_bytes:
            self.end("message_too_big", 1009, "Too much was sent before the provider answered")

    async def _slow(self, rate: ByteRate, size: int) -> None:
        """Whoever sends faster than anything can be said is read more slowly, and in the end not at all."""
        now = time.monotonic()
        delay = rate.take(size, now)
        if delay == 0:
            return
        if rate.exceeded(now):
            self.end("too_fast", 1008, "Sound came faster than it can be spoken for too long")
        await asyncio.sleep(delay)

    async def _read_provider(self, started: float) -> None:
        upstream = await self._dial(started)
        if upstream is None:
            return
        self._upstream = upstream
        early, self._early = self._early, None
        beat = asyncio.create_task(upstream.beat(self._limits.heartbeat_ms / 1000))
        try:
            if early is not None:
                await self._flush(upstream, early)
            self._flushed.set()
            while True:
                await self._pass_down(await upstream.recv())
        except ConnectionClosed:
            self._end_with(upstream.ending(self._options.secret))
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    async def _dial(self, started: float) -> Upstream | None:
        options = self._options
        try:
            upstream = await self._providers.dial(
                options.route,
                options.offered,
                options.user,
                timeout=self._limits.connect_timeout_ms / 1000,
                max_size=self._limits.max_message_bytes,
            )
        except DialError as error:
            self._summary.connect_ms = _ms_since(started)
            self._summary.upstream_status = error.status
            options.on_dial(error.code)
            self._end_with(error.ending())
            return None
        self._summary.connect_ms = _ms_since(started)
        options.on_dial(None)
        return upstream

    async def _flush(self, upstream: Upstream, early: _Early) -> None:
        self._blocked["flush"] = time.monotonic()
        for message in early.messages:
            await upstream.send(message)
            self._blocked["flush"] = time.monotonic()
        del self._blocked["flush"]

    async def _pass_down(self, message: str | bytes) -> None:
        self._clock.active = True
        self._summary.messages_down += 1
        self._summary.bytes_down += _size(message)
        if self._options.on_tokens is not None and isinstance(message, str):
            tokens = total_tokens(message)
            if tokens > 0:
                self._options.on_tokens(tokens)
        self._blocked["down"] = time.monotonic()
        if not await self._client.send(message):
            await self._lose_client()
        del self._blocked["down"]

    async def _speak(self) -> None:
        while True:
            await self._client.send(await self._waiting.get())

    async def _notice_loss(self) -> None:
        """A client that is not read, as the provider does not read, shows by this alone that it has gone."""
        await self._client.lost()
        await self._lose_client()

    async def _lose_client(self) -> None:
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        self._end_with(by_client(LOST, self._options.secret))

    def _look_for_stall(self, now: float) -> None:
        oldest = now - self._limits.stall_ms / 1000
        if any(since <= oldest for since in self._blocked.values()):
            self.end("slow_consumer", 1013, "One side did not read for too long")

    def _idle(self) -> None:
        self.end("inactivity_timeout", 4408, "Nothing was said for too long")

    def _warn_of_end(self, seconds: int) -> None:
        self.warn("session_limit", f"The session ends in {seconds} seconds")

    def _expire(self) -> None:
        self.end("session_limit", 4408, "The session reached its greatest length")


def _shows_activity(provider: Provider, message: str | bytes) -> bool:
    """
    Whether a client's message shows that somebody is there. Sound alone does not: a microphone sends as much in
    an empty room, and when there is speech in it the provider says so. Nor do messages that only keep the line
    open.
    """
    if isinstance(message, bytes):
        return provider == "openai"
    quiet = '"input_audio_buffer.append"' if provider == "openai" else '"KeepAlive"'
    return quiet not in message[:_PEEK_CHARACTERS]


def _size(message: str | bytes) -> int:
    """In bytes."""
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode())


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
