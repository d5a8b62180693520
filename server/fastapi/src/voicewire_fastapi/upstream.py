"""The connection to the provider: which hosts there are, how they are dialled, and how they end."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.typing import Subprotocol

from .auth import hash_user
from .closes import UPSTREAM_LOST, UPSTREAM_VIOLATION, Close, Ending, by_relay, by_upstream
from .codes import Code, Refusal
from .config import Provider, Settings
from .routes import ProviderPath, Route

USER_AGENT = "voicewire-relay"

# How long a side has to answer a close: with the second leg below the 1.5 s that a session may outlive its client.
CLOSE_SECONDS = 1.0
# What is kept of a provider that is faster than its client, beside one message; in messages.
_MOST_QUEUED = 16


class DialError(Exception):
    """A handshake with the provider that did not come about."""

    def __init__(self, code: Code, message: str, status: int | None = None) -> None:
        """:param status: The provider's HTTP status, for the log; None where it gave none."""
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.status = status

    def ending(self) -> Ending:
        """How the session ends that was to be opened."""
        close_code = 1013 if self.code == "upstream_rate_limited" else 1011
        return by_relay(self.code, close_code, self.message)


class Upstream(ClientConnection):
    """A provider's connection that knows whether anything came since it was last asked."""

    heard = True

    def data_received(self, data: bytes) -> None:
        self.heard = True
        super().data_received(data)

    async def beat(self, interval: float) -> None:
        """Pings for ever; whoever lets a whole interval (in seconds) pass in silence is gone."""
        while True:
            await asyncio.sleep(interval)
            if not self.heard and self.transport.is_reading():
                self.transport.abort()
            self.heard = False  # while it is not read it cannot be heard, and the next look forgives that
            await self.ping()
            if not self.transport.is_reading():
                self.heard = True

    def ending(self, secret: str) -> Ending:
        """How the session ends whose provider has ended."""
        received, sent = self.protocol.close_rcvd, self.protocol.close_sent
        if received is not None:
            return by_upstream(Close(received.code, received.reason), secret)
        return UPSTREAM_LOST if sent is None else UPSTREAM_VIOLATION

    @property
    def close_seen(self) -> int:
        """What the provider closed with, else what it was closed with, else 1006."""
        close = self.protocol.close_rcvd or self.protocol.close_sent
        return 1006 if close is None else int(close.code)

    async def end(self, close: Close | None) -> None:
        """Closes and waits for the answer, a second at most; then nothing of the connection is left."""
        try:
            if close is not None:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.close(close.code, close.reason)
        except (TimeoutError, OSError, ConnectionClosed):
            pass  # it is dropped all the same
        finally:
            self.transport.abort()


class _Dial(connect):
    """Follows no redirection: the key goes to the configured host only."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Providers:
    """The providers as configured: the only hosts that can ever be dialled."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None
        self._bases: dict[ProviderPath, str] = {
            "/v1/realtime": settings.openai_api_url,
            "/v1/agent/converse": settings.deepgram_agent_url,
            "/v1/listen": settings.deepgram_api_url,
            "/v2/listen": settings.deepgram_api_url,
        }

    def secret(self, provider: Provider) -> str:
        """
        The provider's key.

        :raises Refusal: 503 where there is none.
        """
        key = self._settings.key_of(provider)
        if key is None:
            raise Refusal(503, "provider_not_configured", "This provider is not available here")
        return key

    async def dial(
        self, route: Route, offered: Sequence[str], user: str | None, *, timeout: float, max_size: int
    ) -> Upstream:
        """
        Opens a WebSocket to the provider.

        :param offered: The client's subprotocols; of them only ``realtime`` is the provider's.
        :param user: The application's id of the user; None where nobody knows.
        :param timeout: For the whole handshake, in seconds.
        :raises DialError: Where the provider refuses, answers nonsense, or does not answer.
        """
        url = self._bases[route.path] + route.path + route.query
        openai = route.provider == "openai"
        headers = {
            "Authorization": f"{'Bearer' if openai else 'Token'} {self.secret(route.provider)}",
            **({"OpenAI-Safety-Identifier": hash_user(user)} if openai and user is not None else {}),
        }
        options: dict[str, Any] = {"ssl": self._context()} if url.startswith("wss:") else {}
        if openai and "realtime" in offered:
            options["subprotocols"] = [Subprotocol("realtime")]
        try:
            connection = await _Dial(
                url,
                additional_headers=headers,
                user_agent_header=USER_AGENT,
                compression=None,
                proxy=None,
                open_timeout=timeout,
                close_timeout=CLOSE_SECONDS,
                ping_interval=None,
                max_size=max_size,
                max_queue=_MOST_QUEUED,
                create_connection=Upstream,
                **options,
            )
        except (TimeoutError, OSError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            raise _dial_error(error) from None  # its message could quote the URL or the provider
        assert isinstance(connection, Upstream)
        return connection

    def _context(self) -> ssl.SSLContext:
        """Made once: reading the certificates takes longer than a handshake."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _dial_error(error: Exception) -> DialError:
    match error:
        case InvalidStatus():
            return refused(error.response.status_code)
        case TimeoutError():
            return DialError("upstream_timeout", "The provider did not answer in time")
        case InvalidMessage() if isinstance(error.__cause__, EOFError):
            return DialError("upstream_unavailable", "The provider cannot be reached")
        case InvalidHandshake():
            return DialError("upstream_protocol_error", "The provider did not answer as RFC 6455 demands")
        case _:
            return DialError("upstream_unavailable", "The provider cannot be reached")


def refused(status: int) -> DialError:
    """What a refusal of the provider means."""
    if status in (401, 403):
        return DialError("upstream_unauthorized", "The provider did not accept the relay", status)
    if status == 429:
        return DialError("upstream_rate_limited", "The provider is at its limit", status)
    if status >= 500:
        return DialError("upstream_unavailable", "The provider is out of order", status)
    return DialError("upstream_refused", "The provider refused the session", status)
