"""Opens the provider's WebSocket."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

from .auth import hash_user
from .codes import Ending
from .conf import Configuration
from .routes import Route

_CLOSE_SECONDS = 0.7
"""How long a provider has to answer a close: below the 1.5 s that a session may outlive its client."""
_MOST_WAITING = 16
"""Messages that are read ahead of a client that does not read; then the provider is not read either."""


class DialError(Exception):
    """A handshake with the provider that did not come about."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.ending = Ending(code, 1013 if code == "upstream_rate_limited" else 1011, message)
        self.status = status
        """The provider's HTTP status, for the log; None where it gave none."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """Where to dial, and as whom."""

    url: str
    headers: dict[str, str]
    protocols: list[str] | None
    secret: str
    """The provider's key, which no close reason may carry to a client."""


def upstream_request(
    config: Configuration, route: Route, offered: tuple[str, ...], user: str | None
) -> UpstreamRequest:
    """
    What to dial for a session: a configured host, and no other.

    :param user: The application's id of the user; None where nobody knows.
    """
    bases = {
        "/v1/realtime": config.openai_api_url,
        "/v1/agent/converse": config.deepgram_agent_url,
    }
    secret = config.key_of(route.provider) or ""
    openai = route.provider == "openai"
    headers = {"Authorization": f"{'Bearer' if openai else 'Token'} {secret}"}
    if openai and user is not None:
        headers["OpenAI-Safety-Identifier"] = hash_user(user)
    # The key is in the header, so all other subprotocols are credentials for somebody else, or OpenAI's beta.
    protocols = ["realtime"] if openai and "realtime" in offered else None
    base = bases.get(route.path, config.deepgram_api_url)
    return UpstreamRequest(base + route.path + route.query, headers, protocols, secret)


_SILENT = logging.Logger("voicewire.upstream", logging.CRITICAL + 1)
"""The library logs headers and messages where a project logs everything: the key, and what people say."""


class _Connect(connect):
    """A redirection is followed nowhere: the key goes to the configured host only."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(request: UpstreamRequest, *, timeout_ms: int, most_bytes: int) -> ClientConnection:
    """
    Opens a WebSocket to the provider; cancelled, it leaves nothing open.

    :raises DialError: Where the provider refuses, answers nonsense, or does not answer.
    """
    options: dict[str, Any] = {
        "additional_headers": request.headers,
        "subprotocols": request.protocols,
        "user_agent_header": "voicewire-relay",
        "compression": None,
        "max_size": most_bytes,
        "max_queue": _MOST_WAITING,
        "ping_interval": None,  # the session has a heartbeat of its own
        "open_timeout": None,
        "close_timeout": _CLOSE_SECONDS,
        "proxy": None,
        "logger": _SILENT,
    }
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _Connect(request.url, **options)
    except TimeoutError:
        raise DialError("upstream_timeout", "The provider did not answer in time") from None
    except InvalidStatus as error:
        raise _refused(error.response.status_code) from None
    except (InvalidHandshake, WebSocketException) as error:
        raise _misspoken(error) from None
    except (OSError, EOFError):
        raise DialError("upstream_unavailable", "The provider cannot be reached") from None


def _refused(status: int) -> DialError:
    if status in (401, 403):
        return DialError("upstream_unauthorized", "The provider did not accept the relay", status)
    if status == 429:
        return DialError("upstream_rate_limited", "The provider is at its limit", status)
    if status >= 500:
        return DialError("upstream_unavailable", "The provider is out of order", status)
    return DialError("upstream_refused", "The provider refused the session", status)


def _misspoken(error: Exception) -> DialError:
    if isinstance(error.__cause__, EOFError | OSError):
        return DialError("upstream_unavailable", "The provider cannot be reached")
    return DialError("upstream_protocol_error", "The provider did not answer as RFC 6455 says")
