"""The configuration: the environment names of PROTOCOL.md, section 19."""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .origins import is_origin

DAY_MS = 86_400_000

# What may stand at the end of a configured URL although the path is added anyway.
_API_PATHS = re.compile(r"/(v1/realtime|v1/agent/converse|v1/listen|v2/listen|v1)?/?$")

Provider = Literal["openai", "deepgram"]


class ConfigurationError(Exception):
    """What is wrong with the configuration: a line for each fault, which names the variable and no secret."""


def _wrong(what: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{what}", {"what": what})


def _whole(least: int, most: int) -> BeforeValidator:
    def read(value: object) -> object:
        text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if re.fullmatch(r"\d{1,15}", text) and least <= int(text) <= most:
            return int(text)
        raise _wrong(f"a whole number from {least} to {most}")

    return BeforeValidator(read)


def _matching(pattern: str, what: str) -> BeforeValidator:
    def read(value: object) -> object:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str) and re.fullmatch(pattern, text):
            return value
        raise _wrong(what)

    return BeforeValidator(read)


def _one_of(*choices: str) -> BeforeValidator:
    def read(value: object) -> object:
        if value in choices:
            return value
        raise _wrong(f"one of {', '.join(choices)}")

    return BeforeValidator(read)


def _listed(allows: Callable[[str], bool], what: str) -> BeforeValidator:
    def read(value: object) -> object:
        items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value
        if isinstance(items, (list, tuple)) and all(isinstance(item, str) and allows(item) for item in items):
            return tuple(items)
        raise _wrong(what)

    return BeforeValidator(read)


def _socket_url(value: object) -> object:
    parts = _parts(value)
    if parts is None or parts.scheme not in ("ws", "wss", "http", "https") or parts.query or parts.fragment:
        raise _wrong("a URL such as wss://host or wss://host/path, without a query")
    scheme = parts.scheme.replace("http", "ws")
    return f"{scheme}://{parts.netloc}{_API_PATHS.sub('', parts.path)}"


def _url_of(*schemes: str, what: str) -> BeforeValidator:
    def read(value: object) -> object:
        parts = _parts(value.get_secret_value() if isinstance(value, SecretStr) else value)
        if parts is not None and parts.scheme in schemes:
            return value
        raise _wrong(what)

    return BeforeValidator(read)


def _parts(value: object) -> Any:
    try:
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
        return parts if parts is not None and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None  # what was wrong is said once, by whoever asked


def _secret_of_bytes(least: int) -> BeforeValidator:
    def read(value: object) -> object:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str) and len(text.encode()) >= least:
            return value
        raise _wrong(f"at least {least} bytes long")

    return BeforeValidator(read)


Key = Annotated[SecretStr | None, _matching(r"[\x21-\x7e]+", "a key of printable characters without spaces")]
Bearer = Annotated[
    SecretStr | None,
    _matching(r"[\x21-\x7e]{16,}", "at least 16 printable characters without spaces"),
]
SocketUrl = Annotated[str, BeforeValidator(_socket_url)]
Origins = Annotated[
    tuple[str, ...],
    NoDecode,
    _listed(
        lambda item: item == "*" or is_origin(item),
        "a comma-separated list of origins such as https://example.com, without paths",
    ),
]
Providers = Annotated[
    tuple[Provider, ...],
    NoDecode,
    _listed(lambda item: item in ("openai", "deepgram"), "openai, deepgram, or both with a comma"),
]
Text = Annotated[str, _matching(r"(?s).+", "a text that is not empty")]


class Settings(BaseSettings):
    """
    All settings. A field that is not given is read from the variable of its name in upper case; an empty
    variable counts as missing. Durations are ms unless the name ends in ``_seconds``.

    Ask :func:`read_settings` for them to have faults told in the project's own words.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False
    )

    node_env: str | None = None
    openai_api_key: Key = None
    deepgram_api_key: Key = None
    openai_api_url: SocketUrl = "wss://api.openai.com"
    deepgram_api_url: SocketUrl = "wss://api.deepgram.com"
    deepgram_agent_url: SocketUrl = "wss://agent.deepgram.com"
    host: Text = "127.0.0.1"
    port: Annotated[int, _whole(0, 65_535)] = 8080
    relay_prefix: Annotated[str, _matching(r"/[^?#\s]*[^/?#\s]", "a path such as /voice")] = ""
    relay_open: Annotated[Literal["false", "true", "force"], _one_of("false", "true", "force")] = "false"
    allowed_origins: Origins = ()
    ticket_secret: Annotated[SecretStr | None, _secret_of_bytes(32)] = None
    ticket_jwks_url: Annotated[str | None, _url_of("http", "https", what="an https: URL")] = None
    ticket_issuer: Text = "voicewire"
    ticket_audience: Text = "voicewire-relay"
    ticket_clock_tolerance_seconds: Annotated[int, _whole(0, 120)] = 5
    max_connections: Annotated[int, _whole(0, 1_000_000)] = 1000
    max_connections_per_ip: Annotated[int, _whole(0, 1_000_000)] = 50
    max_connections_per_user: Annotated[int, _whole(0, 1_000_000)] = 10
    heartbeat_interval: Annotated[int, _whole(100, DAY_MS)] = 30_000
    inactivity_timeout: Annotated[int, _whole(0, DAY_MS)] = 300_000
    max_session_seconds: Annotated[int, _whole(0, 86_400)] = 3600
    max_bytes_per_second: Annotated[int, _whole(0, 1_000_000_000)] = 200_000
    drain_seconds: Annotated[int, _whole(0, 86_400)] = 30
    trust_proxy: Annotated[int, _whole(0, 10)] = 0
    voice_agent_rate_limit: Annotated[int, _whole(0, 1_000_000)] = 60
    voice_agent_token_duration: Annotated[int, _whole(1000, 3_600_000)] = 60_000
    redis_url: Annotated[
        SecretStr | None,
        _url_of(
            "redis",
            "rediss",
            what="a URL such as redis://host:6379 or rediss://user:password@host:6379/0",
        ),
    ] = None
    redis_prefix: Annotated[str, _matching(r"[\x21-\x7e]{1,64}", "up to 64 printable characters without spaces")] = (
        "voicewire:"
    )
    budget_tokens_per_day: Annotated[int, _whole(0, 10**12)] = 0
    budget_minutes_per_day: Annotated[int, _whole(0, 10**9)] = 0
    metrics_token: Bearer = None
    voice_agent_direct: Providers = ()
    openai_realtime_model: str | None = None
    log_level: Annotated[
        Literal["fatal", "error", "warn", "info", "debug", "trace", "silent"],
        _one_of("fatal", "error", "warn", "info", "debug", "trace", "silent"),
    ] = "info"

    @property
    def production(self) -> bool:
        """Whether what is only safe on one's own machine is refused."""
        return self.node_env == "production"

    @property
    def open(self) -> bool:
        """Whether pages of an allowed origin need no ticket."""
        return self.relay_open != "false"

    def key_of(self, provider: Provider) -> str | None:
        """The provider's key; None where there is none."""
        key = self.openai_api_key if provider == "openai" else self.deepgram_api_key
        return None if key is None else key.get_secret_value()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = dict(_faults_together(self))
        if faults:
            raise PydanticCustomError("together", "settings", {"faults": faults})
        return self


def _faults_together(settings: Settings) -> list[tuple[str, str]]:
    faults: list[tuple[str, str]] = []
    if settings.openai_api_key is None and settings.deepgram_api_key is None:
        faults.append(("openai_api_key", "given, or DEEPGRAM_API_KEY"))
    if settings.ticket_secret is not None and settings.ticket_jwks_url is not None:
        faults.append(("ticket_jwks_url", "left out where there is TICKET_SECRET"))
    if settings.production and settings.relay_open == "true":
        faults.append(("relay_open", "force or false in production"))
    if not settings.allowed_origins:
        wanted = "a comma-separated list of origins such as https://example.com"
        faults.append(("allowed_origins", wanted))
    if settings.production and "*" in settings.allowed_origins:
        faults.append(("allowed_origins", "a list of named origins in production"))
    faults += [
        (f"{provider}_api_key", f"given where VOICE_AGENT_DIRECT names {provider}")
        for provider in settings.voice_agent_direct
        if settings.key_of(provider) is None
    ]
    if "openai" in settings.voice_agent_direct and not settings.openai_realtime_model:
        faults.append(("openai_realtime_model", "given where VOICE_AGENT_DIRECT names openai"))
    return faults


def check_way_in(settings: Settings, *, authenticates: bool) -> None:
    """
    Makes sure that somebody can get in.

    :param authenticates: Whether the application says who its users are.
    :raises ConfigurationError: Where there are neither tickets, nor a hook, nor an open relay.
    """
    if settings.ticket_secret or settings.ticket_jwks_url or authenticates or settings.open:
        return
    raise ConfigurationError(_line("TICKET_SECRET", "given, or TICKET_JWKS_URL", None))


def read_settings(**fields: Any) -> Settings:
    """
    Reads the settings: what is given here counts, and then the environment.

    :raises ConfigurationError: With a line for each variable that is missing or wrong.
    """
    try:
        return Settings(**fields)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_lines(error, fields))) from None


def _lines(error: ValidationError, fields: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    for fault in error.errors(include_url=False, include_input=False):
        together: Mapping[str, str] = fault.get("ctx", {}).get("faults", {})
        unknown = fault["type"] == "extra_forbidden"
        message = "left out, as there is no such setting" if unknown else fault["msg"]
        wanted = together or {str(fault["loc"][0]): message}
        lines += [_line(name.upper(), what, _given(name, fields)) for name, what in wanted.items()]
    return list(dict.fromkeys(lines))


def _given(name: str, fields: Mapping[str, object]) -> object:
    if name in fields:
        return fields[name]
    return os.environ.get(name.upper()) or os.environ.get(name) or None


def _line(variable: str, what: str, value: object) -> str:
    return f"Cannot start the relay as {variable} must be {what}: current value is {_shown(variable, value)}"


def _shown(variable: str, value: object) -> str:
    if value is None:
        return "missing"
    # A URL can carry a password.
    if variable.endswith(("_KEY", "_SECRET", "_TOKEN", "_URL")):
        return "not shown"
    return json.dumps(value, default=lambda _: "not shown")
