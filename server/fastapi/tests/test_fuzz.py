"""Whatever a stranger writes is read or refused, and nothing else happens."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import Request

from voicewire_fastapi import Settings
from voicewire_fastapi.answers import read_body
from voicewire_fastapi.codes import Refusal
from voicewire_fastapi.functions import FunctionCall
from voicewire_fastapi.handshake import offered_protocols, protocol_credential, select_protocol
from voicewire_fastapi.limits import client_address
from voicewire_fastapi.routes import deepgram_path, route_to
from voicewire_fastapi.tickets import TicketVerifier
from voicewire_fastapi.token_models import RefreshRequest, TokenRequest

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


@quick
@given(BODIES, HEADER)
@example(b'{"id":"a","name":"b","arguments":"' + b"[" * 60_000 + b'"}', "application/json")
@example(b"[" * 4000, "application/json")
@example(b'{"id":"a","name":"b","arguments":"{\\"a\\":NaN}"}', "application/json")
@pytest.mark.parametrize("model", [TokenRequest, RefreshRequest, FunctionCall])
def test_read_body_reads_or_refuses(model: Any, content: bytes, kind: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    for said in (kind, "application/json"):
        request = Request(
            {"type": "http", "method": "POST", "headers": [(b"content-type", said.encode("latin-1"))]}, receive
        )
        refusal = refusal_of(partial(asyncio.run, read_body(request, model, 65536)))
        assert refusal is None or refusal.status in (400, 413, 415)
        assert len(str(refusal)) < 80  # it quotes nothing


@quick
@given(HEADER)
def test_offered_protocols_reads_or_refuses(header: str) -> None:
    headers = Headers(raw=[(b"sec-websocket-protocol", header.encode("latin-1"))])
    refusal = refusal_of(lambda: offered_protocols(headers))
    if refusal is not None:
        assert refusal.status == 400
        return
    offered = offered_protocols(headers)
    selected = select_protocol(offered)
    assert selected is None or selected in offered
    protocol_credential(offered)


@quick
@given(HEADER)
def test_route_to_passes_nothing_on_that_would_end_a_line(query: str) -> None:
    passed = route_to("/v1/realtime", query).query
    assert all("\x21" <= character <= "\x7e" for character in passed)
    deepgram_path("/deepgram-proxy", query)


@quick
@given(HEADER, st.integers(0, 4))
def test_client_address_gives_an_address(header: str, proxies: int) -> None:
    assert client_address("192.0.2.1", header, proxies) != ""


@quick
@given(
    HEADER | st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex() + ".e30.") | st.just("." * 5000)
)
def test_ticket_verifier_refuses_what_is_no_ticket(token: str) -> None:
    verifier = TicketVerifier(
        Settings.model_construct(
            ticket_issuer="voicewire",
            ticket_audience="voicewire-relay",
            ticket_clock_tolerance_seconds=5,
            ticket_secret=SecretStr("s" * 32),
            ticket_jwks_url=None,
        )
    )
    with pytest.raises(Refusal) as refused:
        asyncio.run(verifier.verify(token))
    assert (refused.value.status, refused.value.code) == (401, "ticket_invalid")
