"""The parts that need no socket."""

from collections import Counter

import pytest

from voicewire_fastapi.byte_rate import ByteRate
from voicewire_fastapi.closes import cut_reason, map_code
from voicewire_fastapi.handshake import protocol_credential, select_protocol
from voicewire_fastapi.limits import Caps, Claimant, SlidingWindow, Window, client_address
from voicewire_fastapi.log import allowed_fields
from voicewire_fastapi.provider_health import ProviderHealth
from voicewire_fastapi.routes import deepgram_path, route_to
from voicewire_fastapi.state import ConnectionCounts, Expense, MemoryBudgets
from voicewire_fastapi.usage import total_tokens


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_sliding_window_allows_no_more_in_any_stretch() -> None:
    clock = Clock()
    window = SlidingWindow(Window(1000, 10), clock)
    allowed: list[float] = []
    for step in range(400):
        clock.now = 1000 + step * 0.01
        if window.take("a").allowed:
            allowed.append(clock.now)
    for start in allowed:
        assert len([at for at in allowed if start <= at < start + 1]) <= 10
    assert len(allowed) == 40  # refused ones do not count


def test_sliding_window_says_when_there_is_room_again() -> None:
    clock = Clock()
    window = SlidingWindow(Window(1000, 1), clock)
    assert window.take("a").remaining == 0
    clock.now += 0.25
    refused = window.take("a")
    assert not refused.allowed
    assert refused.retry_after_ms == pytest.approx(750)
    clock.now += refused.retry_after_ms / 1000
    assert window.peek("a").allowed
    assert window.take("b").allowed


def test_sliding_window_of_nothing_is_no_limit() -> None:
    window = SlidingWindow(Window(1000, 0))
    assert all(window.take("a").allowed for _ in range(1000))


@pytest.mark.parametrize(
    ("remote", "header", "proxies", "address"),
    [
        ("192.0.2.1", "198.51.100.7", 0, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7, 203.0.113.9", 1, "203.0.113.9"),
        ("192.0.2.1", "198.51.100.7, 203.0.113.9:4711", 1, "203.0.113.9"),
        ("192.0.2.1", "6.6.6.6, 198.51.100.7, 10.0.0.1", 2, "198.51.100.7"),
        ("192.0.2.1", "", 1, "192.0.2.1"),
        ("192.0.2.1", "unknown", 1, "192.0.2.1"),
        ("192.0.2.1", "1.1.1.1", 2, "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("192.0.2.1", "[2001:db8::1]:80", 1, "2001:db8:0:0::/64"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
    ],
)
def test_client_address_believes_trusted_proxies_only(remote: str, header: str, proxies: int, address: str) -> None:
    assert client_address(remote, header, proxies) == address


def test_connection_counts_give_places_back_once() -> None:
    counts, caps = ConnectionCounts(), Caps(3, 2, 1)
    release = counts.hold(Claimant("a", "ann"))
    assert counts.check(Claimant("b", "ann"), caps) == "user"
    counts.hold(Claimant("a", "bob"))
    assert counts.check(Claimant("a", "cyd"), caps) == "ip"
    counts.hold(Claimant("b", None))
    assert counts.check(Claimant("c", None), caps) == "total"
    release()
    release()
    assert counts.total == 2
    assert counts.check(Claimant("a", "ann"), caps) is None


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        (["realtime", "openai-insecure-api-key.abc", "openai-beta.realtime-v1"], "realtime"),
        (["token", "a" * 40], "token"),
        (["bearer", "a" * 40], "bearer"),
        (["access_token.abc"], "access_token.abc"),
        (["access_token.abc", "chat"], "chat"),
        (["sk-abc"], None),
        (["ek_abc"], None),
        (["a" * 32], None),
        (["openai-insecure-api-key.abc"], None),
        ([], None),
    ],
)
def test_select_protocol_never_selects_a_secret(offered: list[str], selected: str | None) -> None:
    assert select_protocol(offered) == selected


def test_protocol_credential_knows_the_styles() -> None:
    assert protocol_credential(["realtime", "openai-insecure-api-key.x.y.z"]) == "x.y.z"
    assert protocol_credential(["token", "x"]) == "x"
    assert protocol_credential(["bearer", "x"]) == "x"
    assert protocol_credential(["access_token.x"]) == "x"
    assert protocol_credential(["bearer"]) is None
    assert protocol_credential(["chat"]) is None


def test_route_to_forwards_the_query_as_it_was_written() -> None:
    route = route_to("/v1/realtime", "model=a%20b&tok%65n=x&b=+&service=agent&c&token&model=d")
    assert route.query == "?model=a%20b&b=+&c&model=d"
    assert route.models == ("a b", "d")
    assert route_to("/v1/listen", "token=x").query == ""


def test_deepgram_path_follows_the_service_or_the_path() -> None:
    assert deepgram_path("/deepgram-proxy", "") == "/v1/agent/converse"
    assert deepgram_path("/deepgram-proxy", "service=transcription") == "/v1/listen"
    assert deepgram_path("/deepgram-proxy/transcription", "") == "/v1/listen"
    assert deepgram_path("/deepgram-proxy/transcription", "service=agent") == "/v1/agent/converse"
    assert deepgram_path("/deepgram-proxy", "service=other") is None


def test_map_code_sends_only_what_may_be_sent() -> None:
    assert [map_code(code) for code in (1000, 1001, 1005, 1006, 1015, 3000, 4999, 1014)] == [
        1000,
        1001,
        1000,
        1011,
        1011,
        3000,
        4999,
        1014,
    ]


def test_cut_reason_never_cuts_inside_a_character() -> None:
    assert cut_reason("é" * 100) == "é" * 61
    assert len(cut_reason("a" * 200)) == 123


def test_byte_rate_slows_and_gives_up() -> None:
    rate = ByteRate(1000, 30)
    assert rate.take(1024 * 1024, 0) == 0
    assert rate.take(500, 0) == pytest.approx(0.5)
    assert not rate.exceeded(29)
    assert rate.exceeded(31)
    patient = ByteRate(1000, 30)
    assert patient.take(100, 0) == 0
    assert not patient.exceeded(1000)


def test_total_tokens_reads_finished_responses_only() -> None:
    done = '{"type":"response.done","response":{"usage":{"total_tokens":42}}}'
    assert total_tokens(done) == 42
    assert total_tokens(done.replace("42", "-1")) == 0
    assert total_tokens(done.replace("42", "true")) == 0
    assert total_tokens('{"type":"response.done"') == 0
    assert total_tokens('{"type":"other","response":{"usage":{"total_tokens":42}}}') == 0


def test_allowed_fields_keep_what_could_hold_a_secret() -> None:
    fields: dict[str, object] = {
        "path": "/v1/realtime?token=abc",
        "code": "sk-abc",
        "origin": "https://a.example/?token",
        "error": "no such key: abc",
        "header": "Authorization",
        "user": "ann",
        "status": 200,
        "durationMs": None,
    }
    assert allowed_fields(fields) == {"status": 200, "durationMs": None}


def test_provider_health_remembers_failures_in_a_row() -> None:
    clock = Clock()
    health = ProviderHealth(clock)
    seen: list[str] = [health.status]
    health.record("openai", "upstream_refused")
    seen.append(health.status)
    for _ in range(3):
        health.record("openai", "upstream_timeout")
    seen.append(health.status)
    clock.now += 61
    seen.append(health.status)
    health.record("deepgram", None)
    seen.append(health.status)
    health.record("openai", None)
    seen.append(health.status)
    assert seen == ["healthy", "healthy", "unhealthy", "degraded", "degraded", "healthy"]


def test_memory_budgets_forget_yesterday() -> None:
    clock = Clock()
    budgets = MemoryBudgets(clock)
    assert budgets.add(Expense("ann", 5, 10)) == Expense("ann", 5, 10)
    assert budgets.add(Expense("ann", 1, 1)) == Expense("ann", 6, 11)
    clock.now += 86_400
    assert Counter(ann=budgets.add(Expense("ann", 0, 0)).tokens) == Counter(ann=0)
