"""The configuration: Django's `VOICEWIRE = {…}` and the environment, which wins."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from .origins import is_origin

_SECRETS = frozenset({"OPENAI_API_KEY", "DEEPGRAM_API_KEY", "TICKET_SECRET", "ADMIN_TOKEN", "METRICS_TOKEN"})
_DAY_MS = 86_400_000


class ConfigurationError(Exception):
    """Settings that are missing or wrong: one line for each, which names the variable and shows no secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class _WrongError(Exception):
    """What a variable must be."""


@dataclass(frozen=True, slots=True)
class _Variable:
    read: Callable[[str], Any]
    default: Any = None
    environment: bool = True
    """Whether the environment may say it, too."""


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"\d{1,15}", text, re.ASCII) and least <= int(text) <= most:
            return int(text)
        raise _WrongError(f"a whole number from {least} to {most}")

    return read


def _choice(*values: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in values:
            return text
        raise _WrongError(f"one of {', '.join(values)}")

    return read


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if re.fullmatch(pattern, text):
            return text
        raise _WrongError(what)

    return read


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(","))
    if all(origin == "*" or is_origin(origin) for origin in origins):
        return origins
    raise _WrongError("a comma-separated list of origins such as https://example.com, without paths")


def _providers(text: str) -> tuple[str, ...]:
    providers = tuple(provider.strip() for provider in text.split(","))
    if set(providers) <= {"openai", "deepgram"}:
        return providers
    raise _WrongError("openai, deepgram, or both with a comma")


def _socket_url(text: str) -> str:
    """A provider's base URL, without the API's own path, which is added anyway."""
    try:
        parts = urlsplit(text)
        valid = bool(parts.scheme in ("ws", "wss", "http", "https") and parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or "@" in parts.netloc:
        raise _WrongError("a URL such as wss://host or wss://host/path, without a query")
    path = re.sub(r"/(v1/realtime|v1/agent/converse|v1/listen|v2/listen|v1)?/?$", "", parts.path)
    return f"{parts.scheme.replace('http', 'ws')}://{parts.netloc}{path}"


def _http_url(text: str) -> str:
    if urlsplit(text).scheme in ("http", "https") and urlsplit(text).hostname:
        return text
    raise _WrongError("an https: URL")


def _redis_url(text: str) -> str:
    if urlsplit(text).scheme in ("redis", "rediss"):
        return text
    raise _WrongError("a URL such as redis://host:6379 or rediss://user:password@host:6379/0")


def _ticket_secret(text: str) -> str:
    if len(text.encode()) >= 32:
        return text
    raise _WrongError("at least 32 bytes long")


_key = _matching(r"[\x21-\x7e]+", "a key of printable characters without spaces")
_bearer = _matching(r"[\x21-\x7e]{16,}", "at least 16 printable characters without spaces")


def _setting(read: Callable[[str], Any], default: Any = None) -> _Variable:
    return _Variable(read, default, environment=False)


VARIABLES: Mapping[str, _Variable] = {
    "NODE_ENV": _Variable(str),
    "OPENAI_API_KEY": _Variable(_key),
    "DEEPGRAM_API_KEY": _Variable(_key),
    "OPENAI_API_URL": _Variable(_socket_url, "wss://api.openai.com"),
    "DEEPGRAM_API_URL": _Variable(_socket_url, "wss://api.deepgram.com"),
    "DEEPGRAM_AGENT_URL": _Variable(_socket_url, "wss://agent.deepgram.com"),
    "HOST": _Variable(str, "127.0.0.1"),
    "PORT": _Variable(_whole(0, 65_535), 8080),
    "RELAY_PREFIX": _Variable(_matching(r"/[^?#\s]*[^/?#\s]", "a path such as /voice"), ""),
    "RELAY_OPEN": _Variable(_choice("false", "true", "force"), "false"),
    "ALLOWED_ORIGINS": _Variable(_origins, ()),
    "TICKET_SECRET": _Variable(_ticket_secret),
    "TICKET_JWKS_URL": _Variable(_http_url),
    "TICKET_ISSUER": _Variable(str, "voicewire"),
    "TICKET_AUDIENCE": _Variable(str, "voicewire-relay"),
    "TICKET_CLOCK_TOLERANCE_SECONDS": _Variable(_whole(0, 120), 5),
    "MAX_CONNECTIONS": _Variable(_whole(0, 1_000_000), 1000),
    "MAX_CONNECTIONS_PER_IP": _Variable(_whole(0, 1_000_000), 50),
    "MAX_CONNECTIONS_PER_USER": _Variable(_whole(0, 1_000_000), 10),
    "HEARTBEAT_INTERVAL": _Variable(_whole(100, _DAY_MS), 30_000),
    "INACTIVITY_TIMEOUT": _Variable(_whole(0, _DAY_MS), 300_000),
    "MAX_SESSION_SECONDS": _Variable(_whole(0, 86_400), 3600),
    "MAX_BYTES_PER_SECOND": _Variable(_whole(0, 1_000_000_000), 200_000),
    "DRAIN_SECONDS": _Variable(_whole(0, 86_400), 30),
    "TRUST_PROXY": _Variable(_whole(0, 10), 0),
    "VOICE_AGENT_RATE_LIMIT": _Variable(_whole(0, 1_000_000), 60),
    "VOICE_AGENT_TOKEN_DURATION": _Variable(_whole(1000, 3_600_000), 60_000),
    "VOICE_AGENT_DIRECT": _Variable(_providers, ()),
    "OPENAI_REALTIME_MODEL": _Variable(str),
    "REDIS_URL": _Variable(_redis_url),
    "REDIS_PREFIX": _Variable(
        _matching(r"[\x21-\x7e]{1,64}", "up to 64 printable characters without spaces"), "voicewire:"
    ),
    "BUDGET_TOKENS_PER_DAY": _Variable(_whole(0, 10**12), 0),
    "BUDGET_MINUTES_PER_DAY": _Variable(_whole(0, 10**9), 0),
    "ADMIN_TOKEN": _Variable(_bearer),
    "METRICS_TOKEN": _Variable(_bearer),
    "LOG_LEVEL": _Variable(_choice("fatal", "error", "warn", "info", "debug", "trace", "silent"), "info"),
    "SUSPICIOUS_ACTIVITY_THRESHOLD": _setting(_whole(0, 1_000_000), 10),
    "BLOCK_DURATION": _setting(_whole(0, _DAY_MS), 900_000),
    "MAX_REFRESHES": _setting(_whole(0, 1_000_000), 60),
    "REFRESH_GRACE": _setting(_whole(0, 1_800_000), 30_000),
    "FUNCTION_TIMEOUT": _setting(_whole(1, _DAY_MS), 10_000),
    "CONNECT_TIMEOUT": _setting(_whole(1, _DAY_MS), 10_000),
    "STALL_TIMEOUT": _setting(_whole(1, _DAY_MS), 15_000),
    "REDIS_TIMEOUT": _setting(_whole(1, 10_000), 50),
    "MAX_MESSAGE_BYTES": _setting(_whole(1, 1 << 30), 16 * 1024 * 1024),
}
"""Every variable, what it must be, and its default. Durations are ms unless the name says seconds."""

_OBJECTS = ("AUTHENTICATE", "FUNCTIONS", "DIRECT_SESSION")
"""What only `VOICEWIRE` can say."""

Functions = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A relay as its settings describe it; each field is the variable of the same name."""

    production: bool
    openai_api_key: str | None
    deepgram_api_key: str | None
    openai_api_url: str
    deepgram_api_url: str
    deepgram_agent_url: str
    host: str
    port: int
    relay_prefix: str
    relay_open: str
    allowed_origins: tuple[str, ...]
    ticket_secret: str | None
    ticket_jwks_url: str | None
    ticket_issuer: str
    ticket_audience: str
    ticket_clock_tolerance_seconds: int
    max_connections: int
    max_connections_per_ip: int
    max_connections_per_user: int
    heartbeat_interval: int
    inactivity_timeout: int
    max_session_seconds: int
    max_bytes_per_second: int
    drain_seconds: int
    trust_proxy: int
    voice_agent_rate_limit: int
    voice_agent_token_duration: int
    voice_agent_direct: tuple[str, ...]
    openai_realtime_model: str | None
    redis_url: str | None
    redis_prefix: str
    budget_tokens_per_day: int
    budget_minutes_per_day: int
    admin_token: str | None
    metrics_token: str | None
    log_level: str
    suspicious_activity_threshold: int
    block_duration: int
    max_refreshes: int
    refresh_grace: int
    function_timeout: int
    connect_timeout: int
    stall_timeout: int
    redis_timeout: int
    max_message_bytes: int
    authenticate: Callable[..., Any] | None
    """The application's hook; None: whoever Django's own `request.user` is."""
    functions: Functions
    direct_session: Mapping[str, Any]

    @property
    def open(self) -> bool:
        """Whether pages of an allowed origin need nothing."""
        return self.relay_open != "false"

    def key_of(self, provider: str) -> str | None:
        """The provider's key; None where there is none."""
        return self.openai_api_key if provider == "openai" else self.deepgram_api_key


def read_configuration(
    given: Mapping[str, Any], environment: Mapping[str, str | None], *, debug: bool = False
) -> Configuration:
    """
    Reads a relay's configuration.

    :param given: Django's setting `VOICEWIRE`: names of variables, and what only Python can say.
    :param environment: As `os.environ`; an empty variable counts as missing. It wins.
    :param debug: Django's `DEBUG`: production is where it is off, unless `NODE_ENV` says otherwise.
    :raises ConfigurationError: With all that is missing or wrong.
    """
    faults = [
        f"Cannot start the relay as VOICEWIRE has an unknown name: {name}"
        for name in given
        if name not in VARIABLES and name not in _OBJECTS
    ]
    texts = {name: _as_text(given[name]) for name in VARIABLES if given.get(name) is not None}
    texts |= {name: text for name, text in environment.items() if text and _from_environment(name)}
    values: dict[str, Any] = {}
    for name, variable in VARIABLES.items():
        values[name.lower()] = variable.default
        if name not in texts:
            continue
        try:
            values[name.lower()] = variable.read(texts[name])
        except _WrongError as wrong:
            faults.append(_fault(name, str(wrong), texts))
    for name in _OBJECTS:
        try:
            values[name.lower()] = _read_object(name, given.get(name))
        except (ImportError, TypeError):
            faults.append(f"Cannot start the relay as {name} must be {_OBJECT_KINDS[name]}")
    mode = values.pop("node_env")
    values["production"] = mode == "production" if mode else not debug
    faults.extend(_faults_together(values, texts))
    if faults:
        raise ConfigurationError(faults)
    return Configuration(**values)


_OBJECT_KINDS = {
    "AUTHENTICATE": "a callable, or the dotted path of one that can be imported",
    "FUNCTIONS": "a dict of callables, or of dotted paths that can be imported",
    "DIRECT_SESSION": "a dict",
}


def _from_environment(name: str) -> bool:
    return name in VARIABLES and VARIABLES[name].environment


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else str(value)


def _read_object(name: str, value: Any) -> Any:
    match name:
        case "AUTHENTICATE":
            return None if value is None else _callable(value)
        case "FUNCTIONS":
            return {key: _callable(function) for key, function in dict(value or {}).items()}
        case _:
            return dict(value or {})


def _callable(value: Any) -> Callable[..., Any]:
    found = import_string(value) if isinstance(value, str) else value
    if not callable(found):
        raise TypeError
    return found  # type: ignore[no-any-return]


def _faults_together(values: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """What only makes sense together."""
    production, origins = values["production"], values["allowed_origins"]
    direct = values["voice_agent_direct"]
    closed = values["relay_open"] == "false" and values.get("authenticate") is None
    model = values["openai_realtime_model"] or (values.get("direct_session") or {}).get("model")
    no_key = "OPENAI_API_KEY" not in texts and "DEEPGRAM_API_KEY" not in texts
    rules = [
        (no_key, "OPENAI_API_KEY", "given, or DEEPGRAM_API_KEY"),
        (
            "TICKET_SECRET" in texts and "TICKET_JWKS_URL" in texts,
            "TICKET_JWKS_URL",
            "left out where there is TICKET_SECRET",
        ),
        (
            closed and "TICKET_SECRET" not in texts and "TICKET_JWKS_URL" not in texts,
            "TICKET_SECRET",
            "given, or TICKET_JWKS_URL",
        ),
        (production and values["relay_open"] == "true", "RELAY_OPEN", "force or false in production"),
        (
            "ALLOWED_ORIGINS" not in texts,
            "ALLOWED_ORIGINS",
            "a comma-separated list of origins such as https://example.com",
        ),
        (production and "*" in origins, "ALLOWED_ORIGINS", "a list of named origins in production"),
        (
            "openai" in direct and "OPENAI_API_KEY" not in texts,
            "OPENAI_API_KEY",
            "given where VOICE_AGENT_DIRECT names openai",
        ),
        (
            "deepgram" in direct and "DEEPGRAM_API_KEY" not in texts,
            "DEEPGRAM_API_KEY",
            "given where VOICE_AGENT_DIRECT names deepgram",
        ),
        (
            "openai" in direct and not model,
            "OPENAI_REALTIME_MODEL",
            "given where VOICE_AGENT_DIRECT names openai",
        ),
    ]
    return [_fault(name, what, texts) for broken, name, what in rules if broken]


def _fault(name: str, what: str, texts: Mapping[str, str]) -> str:
    value = "missing"
    if name in texts:
        # A URL can carry a password.
        hidden = name in _SECRETS or name.endswith("_URL")
        value = "not shown" if hidden else f'"{texts[name]}"'
    return f"Cannot start the relay as {name} must be {what}: current value is {value}"


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """
    The configuration of this process.

    :raises ConfigurationError: With all that is missing or wrong.
    """
    return read_configuration(getattr(settings, "VOICEWIRE", {}), os.environ, debug=settings.DEBUG)


def mount_prefix() -> str:
    """Where the relay is mounted, without a look at anything else: '' or such as `voice/`, as patterns need it."""
    prefix = os.environ.get("RELAY_PREFIX") or getattr(settings, "VOICEWIRE", {}).get("RELAY_PREFIX") or ""
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""
