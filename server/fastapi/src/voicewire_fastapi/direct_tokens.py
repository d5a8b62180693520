"""Short-lived tokens that the providers issue. Whatever fails, nothing of their answers is passed on."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx

from .auth import hash_user
from .codes import Code, Refusal
from .config import Provider, Settings
from .log import RelayLog
from .provider_health import ProviderHealth
from .tickets import IssuedToken, User
from .upstream import USER_AGENT, refused

# For the provider's answer, a second attempt included.
_TIMEOUT_SECONDS = 10.0
_LEAST_OPENAI_SECONDS = 10
# Nothing honest is longer.
_MOST_TOKEN_CHARACTERS = 8192

_MESSAGES: dict[Code, str] = {
    "upstream_unauthorized": "The provider did not accept this service",
    "upstream_rate_limited": "The provider is at its limit",
    "upstream_refused": "The provider refused the session",
    "upstream_unavailable": "The provider cannot be reached or is out of order",
    "upstream_timeout": "The provider did not answer in time",
    "upstream_protocol_error": "The provider did not answer as it must",
}
# When asking again may help: what is wrong with the key or the configuration does not pass.
_RETRY_SECONDS: dict[Code, int] = {
    "upstream_rate_limited": 10,
    "upstream_unavailable": 5,
    "upstream_timeout": 5,
}


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What a provider is asked, and how its answer is read."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    read: Callable[[Any], tuple[str, float]]
    """Gives the token and its life in seconds; raises KeyError, TypeError or ValueError for any other answer."""


class DirectTokens:
    """Has the providers issue tokens, for whom the operator lets talk to them without the relay."""

    def __init__(
        self,
        settings: Settings,
        health: ProviderHealth,
        log: RelayLog,
        openai_session: Mapping[str, Any] | None = None,
    ) -> None:
        """:param openai_session: What is in each of OpenAI's secrets beside ``type`` and ``model``."""
        self._settings = settings
        self._health = health
        self._log = log
        self._session = {
            "type": "realtime",
            "model": settings.openai_realtime_model,
            **(openai_session or {}),
        }
        self.providers = settings.voice_agent_direct

    async def mint(self, provider: Provider, user: User) -> IssuedToken:
        """
        Has a provider issue one token.

        :raises Refusal: 403 where the user may not have it; 502 where the provider does not give it.
        """
        key = self._settings.key_of(provider)
        assert key is not None, "the settings are refused where it is missing"
        exchange = self._openai(user, key) if provider == "openai" else self._deepgram(user, key)
        try:
            issued = await self._ask(provider, exchange, key)
        except Refusal as refusal:
            self._health.record(provider, refusal.code)
            raise
        self._health.record(provider, None)
        return issued

    def _openai(self, user: User, key: str) -> _Exchange:
        if user.max_seconds is not None or user.model not in (None, self._session["model"]):
            _forbid()
        seconds = max(_LEAST_OPENAI_SECONDS, self._settings.voice_agent_token_duration // 1000)
        return _Exchange(
            f"{_http(self._settings.openai_api_url)}/v1/realtime/client_secrets",
            {"Authorization": f"Bearer {key}", "OpenAI-Safety-Identifier": hash_user(user.user)},
            {"expires_after": {"anchor": "created_at", "seconds": seconds}, "session": self._session},
            # By our own clock: the provider's `expires_at` is by another one.
            lambda answer: (answer["value"], seconds),
        )

    def _deepgram(self, user: User, key: str) -> _Exchange:
        if user.max_seconds is not None or user.model is not None:
            _forbid()
        return _Exchange(
            f"{_http(self._settings.deepgram_api_url)}/v1/auth/grant",
            {"Authorization": f"Token {key}"},
            {"ttl_seconds": self._settings.voice_agent_token_duration // 1000},
            lambda answer: (answer["access_token"], float(answer["expires_in"])),
        )

    async def _ask(self, provider: Provider, exchange: _Exchange, key: str) -> IssuedToken:
        sent_at = time.time()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                try:
                    answer = await self._attempt(provider, exchange)
                except Refusal as refusal:
                    # A token that nobody hears of expires unused: where the provider was away, asking twice is safe.
                    if refusal.code != "upstream_unavailable":
                        raise
                    answer = await self._attempt(provider, exchange)
        except TimeoutError:
            raise _failure("upstream_timeout") from None
        try:
            token, life = exchange.read(answer)
        except (KeyError, TypeError, ValueError):
            raise _failure("upstream_protocol_error") from None  # it would quote the answer
        honest = isinstance(token, str) and 0 < len(token) <= _MOST_TOKEN_CHARACTERS and 0 < life < 86_400
        # Rather no token than one that carries the key.
        if not honest or key in token:
            raise _failure("upstream_protocol_error")
        expires_at = sent_at + life
        return IssuedToken(token, int(expires_at * 1000), max(1, int(expires_at - time.time())))

    async def _attempt(self, provider: Provider, exchange: _Exchange) -> Any:
        headers = {**exchange.headers, "User-Agent": USER_AGENT}
        try:
            # Redirections are not followed: the key goes to the configured host only.
            async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client:
                response = await client.post(exchange.url, headers=headers, json=exchange.body)
        except httpx.TimeoutException:
            raise _failure("upstream_timeout") from None
        except httpx.HTTPError:
            raise _failure("upstream_unavailable") from None  # its message could quote the URL
        if response.status_code != 200:
            self._log.warn("direct token refused", provider=provider, status=response.status_code)
            raise _failure(refused(response.status_code).code)
        try:
            return response.json()
        except ValueError:
            raise _failure("upstream_protocol_error") from None


def _http(url: str) -> str:
    return url.replace("ws", "http", 1)


def _failure(code: Code) -> Refusal:
    return Refusal(502, code, _MESSAGES[code], retry_after=_RETRY_SECONDS.get(code))


def _forbid() -> NoReturn:
    """What the application limits, and the provider's token cannot."""
    raise Refusal(403, "direct_forbidden", "The user may only talk through the relay")
