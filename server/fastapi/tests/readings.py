"""
What this backend makes of what clients write, for a comparison with the others: one JSON a line comes in, and one goes
out. The first line has the secret of tickets.
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import Request

from voicewire_fastapi.answers import read_body
from voicewire_fastapi.codes import Refusal
from voicewire_fastapi.functions import FunctionCall
from voicewire_fastapi.handshake import offered_protocols, protocol_credential, select_protocol
from voicewire_fastapi.limits import client_address
from voicewire_fastapi.routes import deepgram_path, route_to
from voicewire_fastapi.tickets import TicketVerifier
from voicewire_fastapi.token_models import RefreshRequest, TokenRequest

BODIES: dict[str, Any] = {"token": TokenRequest, "refresh": RefreshRequest, "function": FunctionCall}


def query(text: str) -> Any:
    route = route_to("/v1/realtime", text)
    return {"query": route.query, "models": route.models, "alias": deepgram_path("/deepgram-proxy", text)}


def subprotocols(text: str) -> Any:
    offered = offered_protocols(Headers(raw=[(b"sec-websocket-protocol", text.encode("latin-1"))]))
    return {"credential": protocol_credential(offered), "selected": select_protocol(offered)}


def address(asked: dict[str, Any]) -> Any:
    return client_address(asked["remote"], asked["header"], asked["proxies"])


async def body(asked: dict[str, Any]) -> Any:
    content = asked["content"].encode(errors="surrogatepass")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    headers = [(b"content-type", asked["kind"].encode("latin-1"))]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    await read_body(request, BODIES[asked["model"]], 65536 if asked["model"] == "function" else 4096)
    return "read"


async def main() -> None:
    secret = json.loads(sys.stdin.readline())
    verifier = TicketVerifier(
        SimpleNamespace(  # type: ignore[arg-type]
            ticket_issuer="voicewire",
            ticket_audience="voicewire-relay",
            ticket_clock_tolerance_seconds=5,
            ticket_secret=SecretStr(secret),
            ticket_jwks_url=None,
        )
    )

    async def ticket(token: str) -> Any:
        found = await verifier.verify(token)
        user = found.user
        return [user.user, found.id, user.provider, user.model, user.origin, user.max_seconds]

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
