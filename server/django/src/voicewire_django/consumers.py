"""The WebSocket side."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import HttpRequest

from .answers import common_headers, json_bytes, refusal_of, refusal_parts
from .auth import handshake_request, origin_of
from .client import ClientLeg, Receive, Send
from .codes import Provider, Refusal, error_notice
from .relay import Relay, relay
from .routes import find_route, select_protocol

_CLOSE_SECONDS = 1.0
_CLOSE_CODES = {401: 4401, 403: 4403, 429: 4429, 503: 1013}
"""What a close says where the server cannot say it with a status (R-CLOSE-8)."""


class RelayConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """
    One client. It reads from the server in front itself: the loop of `AsyncConsumer` makes a task of each message
    and goes back for the next one in between, which costs more than passing the message on, and on a server that
    cannot pause (Daphne) falls behind a flood of small messages without an end. No channel layer is used.
    """

    channel_layer_alias = ""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        self.base_send = send
        await receive()  # websocket.connect
        here = relay()
        await here.opened()
        client = ClientLeg(scope, receive, send)
        request = handshake_request(scope)
        await self._let_in(here, client, request)

    async def _let_in(self, here: Relay, client: ClientLeg, request: HttpRequest) -> None:
        path: str | None = self.scope["url_route"]["kwargs"].get("path")
        route = None
        try:
            route = find_route(path, request.path, request.META.get("QUERY_STRING") or "")
            if route is None or "unknown" in self.scope["url_route"]["kwargs"]:
                raise Refusal(404, "not_found", "There is nothing at this path")
            admission = await here.admissions.admit(request, route)
        except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer
            refusal = refusal_of(error)
            here.refused(request, None if route is None else route.path, refusal)
            await self._refuse(here, client, request, refusal)
            return
        try:
            await client.accept(select_protocol(admission.offered))
        except (OSError, RuntimeError):
            admission.release()  # it left while it was judged
            here.metrics.handshake(route.path, "abandoned")
            return
        except BaseException:
            admission.release()
            raise
        await here.serve(client, request, admission)

    async def _refuse(self, here: Relay, client: ClientLeg, request: HttpRequest, refusal: Refusal) -> None:
        """
        Refuses the upgrade with its status, where the server can. Where it cannot, it could only say 403: what a
        client may do about is told in a session that ends at once, and dials nobody.
        """
        try:
            if client.answers:
                headers, body = refusal_parts(refusal)
                content = {"Content-Type": "application/json; charset=utf-8", "Connection": "close"}
                common = common_headers(origin_of(request), here.auth.origins)
                await client.refuse(refusal.status, {**common, **content, **headers}, json_bytes(body))
                return
            code = _CLOSE_CODES.get(refusal.status)
            if code is None:
                await client.reject()
                return
            await client.accept(select_protocol(self.scope.get("subprotocols") or ()))
            provider: Provider = "openai" if "realtime" in request.path else "deepgram"
            await client.send(error_notice(provider, refusal.code, refusal.message))
            await client.close(code, refusal.code)
            async with asyncio.timeout(_CLOSE_SECONDS):
                await client.leave()
        except (OSError, RuntimeError):
            client.drop()  # it left while it was judged, or does not answer
