"""
What this backend makes of what clients write, for a comparison with the others: one JSON a line comes in, and one goes
out. The first line has the secret of tickets.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

settings.configure(ALLOWED_HOSTS=["*"])

from voicewire_django.addresses import client_address  # noqa: E402 - it needs settings
from voicewire_django.body import choice_field, read_json, text_field  # noqa: E402
from voicewire_django.codes import Refusal  # noqa: E402
from voicewire_django.functions import _arguments  # noqa: E402
from voicewire_django.routes import (  # noqa: E402
    find_route,
    offered_protocols,
    protocol_credential,
    select_protocol,
)
from voicewire_django.tickets import TicketVerifier  # noqa: E402


def query(text: str) -> Any:
    route = find_route("/v1/realtime", "/v1/realtime", text)
    alias = find_route(None, "/deepgram-proxy", text)
    assert route is not None
    return {"query": route.query, "models": route.models, "alias": alias.path if alias else None}


def subprotocols(text: str) -> Any:
    offered = offered_protocols(text)
    return {"credential": protocol_credential(offered), "selected": select_protocol(offered)}


def address(asked: dict[str, Any]) -> Any:
    return client_address(asked["remote"], asked["header"], asked["proxies"])


async def body(asked: dict[str, Any]) -> Any:
    content = io.BytesIO(asked["content"].encode(errors="surrogatepass"))
    headers = [(b"content-type", asked["kind"].encode("latin-1"))]
    request = ASGIRequest({"type": "http", "method": "POST", "path": "/", "headers": headers}, content)
    model = asked["model"]
    fields = await read_json(request, 65536 if model == "function" else 4096)
    if model == "token":
        choice_field(fields, "provider", ("openai", "deepgram"))
        choice_field(fields, "use", ("relay", "direct"))
    elif model == "refresh":
        text_field(fields, "sessionId", 128)
    else:
        text_field(fields, "id", 128)
        text_field(fields, "name", 128)
        _arguments(fields.get("arguments", ""))
    return "read"


async def main() -> None:
    secret = json.loads(sys.stdin.readline())
    configuration: Any = SimpleNamespace(
        ticket_issuer="voicewire",
        ticket_audience="voicewire-relay",
        ticket_clock_tolerance_seconds=5,
        ticket_secret=secret,
        ticket_jwks_url=None,
    )
    verifier = TicketVerifier(configuration)

    async def ticket(token: str) -> Any:
        found = await verifier.verify(token)
        grant = found.grant
        return [grant.user, found.id, grant.provider, grant.model, grant.origin, grant.max_seconds]

    readers: dict[str, Any] = {
        "query": query,
        "subprotocols": subprotocols,
        "address": address,
        "body": body,
        "ticket": ticket,
    }
    for line in sys.stdin:
        kind, asked = json.loads(line)
        answer: Any
        try:
            answer = readers[kind](asked)
            if asyncio.iscoroutine(answer):
                answer = await answer
        except Refusal as refusal:
            answer = {"refused": [refusal.status, refusal.code]}
        except Exception as error:
            answer = {"failed": type(error).__name__}
        print(json.dumps(answer))


if __name__ == "__main__":
    asyncio.run(main())
