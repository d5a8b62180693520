"""Whatever a stranger writes is read or refused, and nothing else happens."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voicewire_django.addresses import client_address
from voicewire_django.body import choice_field, read_json, text_field
from voicewire_django.codes import Refusal
from voicewire_django.functions import _arguments
from voicewire_django.routes import find_route, offered_protocols, protocol_credential, select_protocol
from voicewire_django.tickets import TicketVerifier

if not django_settings.configured:
    django_settings.configure()

HEADER = st.text(st.characters(max_codepoint=255), max_size=60)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["provider", "use", "sessionId", "id", "name", "arguments"])
BODIES = st.binary(max_size=60) | st.dictionaries(FIELDS, VALUES | VALUES.map(json.dumps)).map(
    lambda body: json.dumps(body).encode()
)


def refusal_of(read: Callable[[], object]) -> Refusal | None:
    """How it was refused; None where it was read. Any other exception fails the test."""
    try:
        read()
    except Refusal as refusal:
        return refusal
    return None


quick = settings(max_examples=50, deadline=None)


async def _read(content: bytes, kind: str) -> None:
    request: Any = HttpRequest()
    request.META["CONTENT_TYPE"] = kind
    request._stream = io.BytesIO(content)
    body = await read_json(request, 65536)
    choice_field(body, "provider", ("openai", "deepgram"))
    _arguments(body.get("arguments", ""))
    text_field(body, "sessionId", 128)


@quick
@given(BODIES, HEADER)
@example(b'{"arguments":"' + b"[" * 60_000 + b'"}', "application/json")
@example(b"[" * 4000, "application/json")
@example(b'{"arguments":"{\\"a\\":NaN}"}', "application/json")
def test_read_json_reads_or_refuses(content: bytes, kind: str) -> None:
    for said in (kind, "application/json"):
        refusal = refusal_of(partial(asyncio.run, _read(content, said)))
        assert refusal is None or refusal.status in (400, 413, 415)
        assert len(str(refusal)) < 80  # it quotes nothing


@quick
@given(HEADER)
def test_offered_protocols_reads_or_refuses(header: str) -> None:
    refusal = refusal_of(lambda: offered_protocols(header))
    if refusal is not None:
        assert refusal.status == 400
        return
    offered = offered_protocols(header)
    selected = select_protocol(offered)
    assert selected is None or selected in offered
    protocol_credential(offered)


@quick
@given(HEADER)
def test_find_route_passes_nothing_on_that_would_end_a_line(query: str) -> None:
    route = find_route("/v1/realtime", "/v1/realtime", query)
    assert route is not None
    assert all("\x21" <= character <= "\x7e" for character in route.query)


@quick
@given(HEADER, st.integers(0, 4))
def test_client_address_gives_an_address(header: str, proxies: int) -> None:
    assert client_address("192.0.2.1", header, proxies) != ""


@quick
@given(
    HEADER | st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex() + ".e30.") | st.just("." * 5000)
)
def test_ticket_verifier_refuses_what_is_no_ticket(token: str) -> None:
    configuration: Any = SimpleNamespace(
        ticket_issuer="voicewire",
        ticket_audience="voicewire-relay",
        ticket_clock_tolerance_seconds=5,
        ticket_secret="s" * 32,
        ticket_jwks_url=None,
    )
    with pytest.raises(Refusal) as refused:
        asyncio.run(TicketVerifier(configuration).verify(token))
    assert (refused.value.status, refused.value.code) == (401, "ticket_invalid")
