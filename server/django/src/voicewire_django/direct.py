"""Has the providers issue short-lived tokens. Whatever fails, nothing of the provider's answer is passed on."""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import time
import urllib.error
import urllib.request
from typing import Any

from . import log
from .auth import hash_user
from .budgets import is_limited
from .codes import Refusal
from .conf import Configuration
from .grants import Grant
from .provider_health import ProviderHealth
from .tickets import IssuedTicket

_LEAST_OPENAI_SECONDS = 10
_MOST_TOKEN_CHARACTERS = 8192
"""Nothing honest is longer."""
_MOST_ANSWER_BYTES = 256 * 1024
_TIMEOUT_SECONDS = 10

_MESSAGES = {
    "upstream_unauthorized": "The provider did not accept this service",
    "upstream_rate_limited": "The provider is at its limit",
    "upstream_refused": "The provider refused the session",
    "upstream_unavailable": "The provider cannot be reached or is out of order",
    "upstream_timeout": "The provider did not answer in time",
    "upstream_protocol_error": "The provider did not answer as it must",
}
_RETRY_SECONDS = {"upstream_rate_limited": 10, "upstream_unavailable": 5, "upstream_timeout": 5}
"""When asking again may help: what is wrong with the key or the configuration does not pass."""


class DirectTokens:
    """Tokens that open a provider without the relay, where `VOICE_AGENT_DIRECT` names it."""

    def __init__(self, config: Configuration, health: ProviderHealth) -> None:
        self._config = config
        self._health = health

    async def mint(self, provider: str, grant: Grant) -> IssuedTicket:
        """
        Has a provider issue one token.

        :raises Refusal: 403 where the user may not have it; 502 where the provider does not give it.
        """
        limited = grant.max_seconds is not None or is_limited(self._config)
        session = {
            "type": "realtime",
            "model": self._config.openai_realtime_model,
            **self._config.direct_session,
        }
        foreign = grant.model is not None and (provider == "deepgram" or grant.model != session["model"])
        if provider not in self._config.voice_agent_direct or limited or foreign:
            # What the application limits, and the provider's token cannot.
            raise Refusal(403, "direct_forbidden", "This provider can only be reached through the relay")
        sent_at = time.time()
        try:
            issued = self._read(provider, await self._ask(provider, grant, session), sent_at)
        except Refusal as refusal:
            self._health.record(provider, refusal.code)
            raise
        self._health.record(provider, None)
        return issued

    async def _ask(self, provider: str, grant: Grant, session: dict[str, Any]) -> Any:
        seconds = self._config.voice_agent_token_duration // 1000
        if provider == "openai":
            url = f"{self._config.openai_api_url}/v1/realtime/client_secrets"
            headers = {
                "Authorization": f"Bearer {self._config.openai_api_key}",
                "OpenAI-Safety-Identifier": hash_user(grant.user),
            }
            expires = {"anchor": "created_at", "seconds": max(_LEAST_OPENAI_SECONDS, seconds)}
            body: dict[str, Any] = {"expires_after": expires, "session": session}
        else:
            url = f"{self._config.deepgram_api_url}/v1/auth/grant"
            headers = {"Authorization": f"Token {self._config.deepgram_api_key}"}
            body = {"ttl_seconds": seconds}
        request = urllib.request.Request(
            url.replace("ws", "http", 1),
            data=json.dumps(body).encode(),
            headers={**headers, "Content-Type": "application/json", "User-Agent": "voicewire-relay"},
        )
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                try:
                    return await self._attempt(provider, request)
                except Refusal as refusal:
                    # A token that nobody hears of expires unused: where the provider was away, asking twice is safe.
                    if refusal.code != "upstream_unavailable":
                        raise
                    return await self._attempt(provider, request)
        except TimeoutError:
            raise _failure("upstream_timeout") from None

    async def _attempt(self, provider: str, request: urllib.request.Request) -> Any:
        status, content = await asyncio.to_thread(_send, request)
        if status is None:
            raise _failure("upstream_unavailable")
        if status != 200:
            log.warn("direct token refused", provider=provider, status=status)
            raise _failure(_code_of(status))
        try:
            return json.loads(content)
        except ValueError:
            raise _failure("upstream_protocol_error") from None  # the parser's message would quote it

    def _read(self, provider: str, answer: Any, sent_at: float) -> IssuedTicket:
        openai = provider == "openai"
        values = answer if isinstance(answer, dict) else {}
        token: Any = values.get("value" if openai else "access_token")
        seconds: Any = max(_LEAST_OPENAI_SECONDS, self._config.voice_agent_token_duration // 1000)
        if not openai:
            seconds = values.get("expires_in")
        named = isinstance(token, str) and 0 < len(token) <= _MOST_TOKEN_CHARACTERS
        timed = isinstance(seconds, int | float) and 0 < seconds < 10**9
        # Rather no token than one that carries the key.
        if not (named and timed) or (self._config.key_of(provider) or "") in token:
            raise _failure("upstream_protocol_error")
        # By our own clock: the provider's is another one.
        expires_at = math.floor((sent_at + seconds) * 1000)
        return IssuedTicket(token, expires_at, max(1, math.floor(expires_at / 1000 - time.time())))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes to the configured host only."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def _send(request: urllib.request.Request) -> tuple[int | None, bytes]:
    try:
        with _opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read(_MOST_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, b""
    except (OSError, http.client.HTTPException):
        return None, b""


def _code_of(status: int) -> str:
    if status in (401, 403):
        return "upstream_unauthorized"
    if status == 429:
        return "upstream_rate_limited"
    return "upstream_unavailable" if status >= 500 else "upstream_refused"


def _failure(code: str) -> Refusal:
    return Refusal(502, code, _MESSAGES[code], retry_after=_RETRY_SECONDS.get(code))
