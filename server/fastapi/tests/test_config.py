"""R-CONF-1: what is wrong is said in a line that names the variable and shows no secret."""

import secrets

import pytest

from voicewire_fastapi import ConfigurationError, read_settings
from voicewire_fastapi.config import check_way_in
from voicewire_fastapi.origins import OriginPolicy, is_origin

GOOD = {
    "OPENAI_API_KEY": "sk-" + secrets.token_hex(8),
    "ALLOWED_ORIGINS": "https://app.example, http://localhost:3000",
    "TICKET_SECRET": secrets.token_hex(32),
}


def faults(monkeypatch: pytest.MonkeyPatch, **variables: str | None) -> list[str]:
    """The lines with which these settings are refused."""
    for name, value in {**GOOD, **variables}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        check_way_in(read_settings(), authenticates=False)
    return str(caught.value).split("\n")


def test_read_settings_reads_names_and_defaults_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GOOD, "PORT": "", "OPENAI_API_URL": "wss://host/v1/realtime"}.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert settings.allowed_origins == ("https://app.example", "http://localhost:3000")
    assert (settings.host, settings.port, settings.max_connections) == ("127.0.0.1", 8080, 1000)
    assert settings.openai_api_url == "wss://host"
    assert settings.voice_agent_token_duration == 60_000
    assert GOOD["TICKET_SECRET"] not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "-1", "a whole number from 0 to 65535"),
        ("PORT", "1e3", "a whole number from 0 to 65535"),
        ("TICKET_SECRET", "short-secret", "at least 32 bytes long"),
        ("OPENAI_API_KEY", "sk-with space", "a key of printable characters without spaces"),
        ("OPENAI_API_URL", "https://user:hush@host/?a", "a URL such as wss://host or wss://host/path"),
        ("OPENAI_API_URL", "file:///etc/passwd", "a URL such as wss://host"),
        ("ALLOWED_ORIGINS", "https://app.example/path", "a comma-separated list of origins"),
        ("TICKET_CLOCK_TOLERANCE_SECONDS", "121", "a whole number from 0 to 120"),
        ("VOICE_AGENT_TOKEN_DURATION", "999", "a whole number from 1000 to 3600000"),
        ("REDIS_URL", "http://:hush@host", "a URL such as redis://host:6379"),
        ("RELAY_OPEN", "yes", "one of false, true, force"),
        ("LOG_LEVEL", "loud", "one of fatal, error"),
        ("METRICS_TOKEN", "short", "at least 16 printable characters"),
        ("VOICE_AGENT_DIRECT", "openai,other", "openai, deepgram, or both with a comma"),
        ("RELAY_PREFIX", "voice/", "a path such as /voice"),
    ],
)
def test_read_settings_says_what_a_variable_must_be(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, wanted: str
) -> None:
    lines = faults(monkeypatch, **{variable: value})
    assert len(lines) == 1
    assert f"{variable} must be {wanted}" in lines[0]
    assert "hush" not in lines[0]
    assert "short-secret" not in lines[0]


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({"OPENAI_API_KEY": None}, "OPENAI_API_KEY must be given"),
        ({"ALLOWED_ORIGINS": None}, "ALLOWED_ORIGINS must be"),
        ({"TICKET_SECRET": None}, "TICKET_SECRET must be given, or TICKET_JWKS_URL"),
        ({"TICKET_JWKS_URL": "https://keys.example"}, "TICKET_JWKS_URL must be left out"),
        ({"NODE_ENV": "production", "RELAY_OPEN": "true"}, "RELAY_OPEN must be force or false in production"),
        ({"NODE_ENV": "production", "ALLOWED_ORIGINS": "*"}, "ALLOWED_ORIGINS must be a list of named origins"),
        ({"VOICE_AGENT_DIRECT": "openai"}, "OPENAI_REALTIME_MODEL must be given"),
        ({"VOICE_AGENT_DIRECT": "deepgram"}, "DEEPGRAM_API_KEY must be given"),
    ],
)
def test_read_settings_refuses_what_does_not_fit_together(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str | None], start: str
) -> None:
    lines = faults(monkeypatch, **variables)
    assert [line for line in lines if f"Cannot start the relay as {start}" in line] == lines


def test_read_settings_knows_no_other_setting() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(**{name.lower(): value for name, value in GOOD.items()}, prot=1)
    assert "PROT must be left out" in str(caught.value)


def test_read_settings_has_a_line_for_each_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(faults(monkeypatch, PORT="x", MAX_CONNECTIONS="y")) == 2


@pytest.mark.parametrize("origin", ["https://a.example", "http://[::1]:8080", "capacitor://localhost"])
def test_is_origin_takes_what_browsers_send(origin: str) -> None:
    assert is_origin(origin)


@pytest.mark.parametrize("text", ["null", "https://a.example/", "https://a.example:443", "https://A.example", "a.b"])
def test_is_origin_takes_nothing_else(text: str) -> None:
    assert not is_origin(text)


def test_origin_policy_compares_exactly() -> None:
    policy = OriginPolicy(["https://app.example"])
    assert policy.allows(None)
    assert policy.allows("https://app.example")
    for origin in ("https://evil-app.example", "https://app.example.evil", "http://app.example", "null"):
        assert not policy.allows(origin)
    assert policy.on_host("app.example") == "https://app.example"
