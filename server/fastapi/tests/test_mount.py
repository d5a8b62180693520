"""The router in somebody's application, on uvicorn as it comes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from starlette.requests import HTTPConnection
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus

from voicewire_fastapi import FunctionContext, User, create_voice_agent_router

from .support import ORIGIN, Lines, Running, end_of, provider, settings_for, within


async def by_cookie(connection: HTTPConnection) -> User | None:
    """What an application with sessions has."""
    name = connection.cookies.get("user")
    if name == "broken":
        raise RuntimeError("hush")
    return None if name is None else User(name, max_seconds=600)


def get_order(arguments: Mapping[str, Any], context: FunctionContext) -> dict[str, Any]:
    return {"number": arguments["number"], "user": context.user.user}


@asynccontextmanager
async def mounted(upstream: str = "ws://127.0.0.1:9", **fields: Any) -> AsyncIterator[tuple[Running, FastAPI]]:
    """An application with a page of its own, and the relay under /voice."""
    settings = settings_for(upstream, **fields)
    app = FastAPI()
    functions = {"get_order": get_order, "fail": lambda _arguments, _context: 1 / 0}
    router = create_voice_agent_router(settings, by_cookie, functions=functions)
    app.include_router(router, prefix="/voice")

    def closed() -> None:
        raise HTTPException(418, "closed")

    app.include_router(create_voice_agent_router(settings, by_cookie), prefix="/closed", dependencies=[Depends(closed)])

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws_per_message_deflate=False))
    lines = Lines()
    logger = logging.getLogger("voicewire")
    logger.handlers = [lines]
    logger.setLevel(logging.INFO)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)  # uvicorn has no event for it
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
        try:
            yield Running(settings, address, lines, http), app
        finally:
            server.should_exit = True
            await within(serving, 15)
            logger.handlers = []


async def test_router_leaves_the_application_its_own() -> None:
    async with mounted() as (running, app):
        assert (await running.http.get("/hello")).json() == "hello"
        assert (await running.http.get("/voice/health")).json() == {"status": "ok"}
        assert (await running.http.get("/health")).status_code == 404
        paths = app.openapi()["paths"]
        assert {"/voice/api/voice-agent/token", "/voice/api/voice-agent/health"} <= set(paths)


async def test_router_lets_in_whom_the_application_knows() -> None:
    async with provider() as upstream, mounted(upstream.url, ticket_secret=None) as (running, _):
        options: dict[str, Any] = {"shown": "", "origin": ORIGIN}
        path = "/voice/v1/realtime"
        assert await running.refused(path, **options) == (401, "ticket_missing")
        evil = {"shown": "", "origin": "https://evil.example", "headers": {"Cookie": "user=ann"}}
        assert await running.refused(path, **evil) == (403, "origin_forbidden")
        broken = {**options, "headers": {"Cookie": "user=broken"}}
        assert await running.refused(path, **broken) == (503, "authentication_unavailable")
        async with await running.open(path, **options, headers={"Cookie": "user=ann"}) as client:
            await client.send("hello")
            assert await within(client.recv()) == "hello"
        assert "hush" not in json.dumps(running.lines.all)


async def test_router_issues_tickets_to_whom_the_application_knows() -> None:
    async with mounted() as (running, _):
        path = "/voice/api/voice-agent/token"
        assert (await running.http.post(path, headers={"Origin": ORIGIN})).status_code == 401
        headers = {"Origin": ORIGIN, "Cookie": "user=ann"}
        assert (await running.http.post(path, headers=headers)).json()["mode"] == "relay"


async def test_router_keeps_queries_out_of_the_server_log(caplog: pytest.LogCaptureFixture) -> None:
    for logger in ("uvicorn.error", "uvicorn.access"):
        caplog.set_level(logging.INFO, logger)
    async with provider() as upstream, mounted(upstream.url) as (running, _):
        shown = running.ticket()
        async with await running.open(f"/voice/v1/realtime?token={shown}", shown=""):
            pass
        await running.http.get(f"/voice/v1/realtime?token={shown}")
        said = [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]
        assert len([line for line in said if "/voice/v1/realtime" in line]) == 2
        assert shown not in " ".join(said)


async def test_router_tells_each_side_that_the_other_is_lost_on_uvicorn_as_it_comes() -> None:
    async with provider(ServerConnection.wait_closed) as upstream, mounted(upstream.url) as (running, _):
        client, dialled = await running.open("/voice/v1/realtime"), await upstream.next()
        client.transport.abort()
        assert (await end_of(dialled)).code == 1011
        client, dialled = await running.open("/voice/v1/realtime"), await upstream.next()
        closing = asyncio.create_task(dialled.close(4000, "bye"))
        close = await end_of(client)
        assert (close.code, close.reason) == (4000, "bye")
        await closing


async def test_router_leaves_the_answers_of_the_application_alone() -> None:
    async with mounted() as (running, _):
        answer = await running.http.get("/closed/health")
        assert (answer.status_code, answer.json()) == (418, {"detail": "closed"})


async def test_function_call_answers_calls_of_users() -> None:
    async with mounted() as (running, _):
        path, headers = "/voice/function-call", {"Origin": ORIGIN, "Cookie": "user=ann"}

        async def call(**body: Any) -> tuple[int, dict[str, Any]]:
            answer = await running.http.post(path, json={"id": "1", "name": "get_order", **body}, headers=headers)
            return answer.status_code, answer.json()

        expected = {"content": '{"number": 7, "user": "ann"}'}
        assert await call(arguments={"number": 7}) == (200, expected)
        assert await call(arguments='{"number": 7}') == (200, expected)
        assert (await call(arguments="{"))[1]["error"]["code"] == "bad_request"
        assert (await call(arguments=[1]))[0] == 400
        assert (await call(name="other"))[1]["error"]["code"] == "function_unknown"
        assert (await call(name="fail"))[1]["error"]["code"] == "internal_error"
        assert (await call(arguments={"x": "y" * 70_000}))[0] == 413
        assert (await running.http.get(path, headers=headers)).status_code == 405
        anonymous = await running.http.post(path, json={"id": "1", "name": "fail"}, headers={"Origin": ORIGIN})
        assert anonymous.status_code == 401
        line = await running.lines.find("function failed")
        assert (line["function"], line["error"]) == ("fail", "ZeroDivisionError")


async def test_a_server_without_the_extension_accepts_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    real = WebSocketsSansIOProtocol.run_asgi

    async def without(self: WebSocketsSansIOProtocol) -> None:
        self.scope["extensions"] = {}
        await real(self)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "run_asgi", without)
    async with mounted() as (running, _):
        for path, shape in (("/voice/v1/realtime", "error"), ("/voice/v1/listen", "Error")):
            client = await running.open(path, shown="forged")
            assert json.loads(await within(client.recv()))["type"] == shape
            close = await end_of(client)
            assert (close.code, close.reason) == (4401, "ticket_invalid")
        with pytest.raises(InvalidStatus):
            await running.open("/nowhere")
