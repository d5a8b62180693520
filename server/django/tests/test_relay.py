"""A session, over real sockets, behind both servers."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.server import ServerConnection

from support import KEY, ORIGIN, Relay, Upstream, closing, ticket


@pytest.mark.parametrize(
    ("path", "upstream_path"),
    [
        ("/v1/realtime?model=gpt-realtime", "/v1/realtime?model=gpt-realtime"),
        ("/realtime?model=a%20b&token=x&service=y", "/v1/realtime?model=a%20b"),
        ("/v1/agent/converse", "/v1/agent/converse"),
        ("/v1/listen?b=1&a=2&b=3", "/v1/listen?b=1&a=2&b=3"),
        ("/v2/listen?%74oken=x&eot=0.5", "/v2/listen?eot=0.5"),
        ("/deepgram-proxy", "/v1/agent/converse"),
        ("/deepgram-proxy?service=transcription&a=1", "/v1/listen?a=1"),
        ("/deepgram-proxy/transcription", "/v1/listen"),
    ],
)
async def test_session_is_dialled_at_the_providers_path(
    relay: Relay, upstream: Upstream, path: str, upstream_path: str
) -> None:
    client = await relay.open(path)
    peer = await upstream.accept()
    assert peer.request is not None
    assert peer.request.path == upstream_path
    await client.close()
    await peer.wait_closed()


async def test_session_shows_the_provider_the_key_and_nothing_of_the_clients(relay: Relay, upstream: Upstream) -> None:
    headers = {"Cookie": "session=1", "OpenAI-Beta": "realtime=v1", "OpenAI-Organization": "org"}
    offered = ["realtime", f"openai-insecure-api-key.{ticket()}", "openai-beta.realtime-v1"]
    client = await relay.open(headers=headers, subprotocols=offered, ticket=None)
    assert client.connection.subprotocol == "realtime"
    peer = await upstream.accept()
    assert peer.request is not None
    seen = peer.request.headers
    assert seen["Authorization"] == f"Bearer {KEY}"
    assert seen["Sec-WebSocket-Protocol"] == "realtime"
    assert len(seen["OpenAI-Safety-Identifier"]) == 64
    assert not {"cookie", "origin", "openai-beta", "openai-organization"} & {name.lower() for name in seen}
    await client.close()
    await peer.wait_closed()


async def test_messages_keep_type_order_and_content(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    sent: list[str | bytes] = ["one", b"\x00\xff", "ü😀", b"z" * 300_000, "t" * 300_000, '{"a":1}']
    for data in sent:
        await client.send(data)
    assert [await peer.recv() for _ in sent] == sent
    for data in sent:
        await peer.send(data)
    assert [await client.next() for _ in sent] == sent
    await client.close()
    await peer.wait_closed()


async def test_messages_that_are_empty_pass_both_ways(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    await client.send("")
    await client.send(b"")
    assert [await peer.recv(), await peer.recv()] == ["", b""]
    await peer.send("")
    await peer.send(b"")
    await peer.send("end")
    expected = ["", b"", "end"]
    assert [await client.next() for _ in expected] == expected
    await client.close()
    await peer.wait_closed()


async def test_messages_wait_for_the_provider_in_order() -> None:
    opened = asyncio.Event()

    async def hold(_connection: ServerConnection, _request: object) -> None:
        await opened.wait()

    async with Upstream.start(process_request=hold) as slow:
        for server in ("uvicorn", "daphne"):
            opened.clear()
            async with Relay.start(server, slow.url) as relay:
                client = await relay.open()
                for number in range(20):
                    await client.send(f"early {number}")
                opened.set()
                peer = await slow.accept()
                await client.send("late")
                expected = [*(f"early {number}" for number in range(20)), "late"]
                assert [await peer.recv() for _ in expected] == expected
                await client.close()


async def test_messages_before_the_provider_answers_are_bounded() -> None:
    async def hold(connection: ServerConnection, _request: object) -> None:
        await connection.wait_closed()

    async with Upstream.start(process_request=hold) as silent:
        for server in ("uvicorn", "daphne"):
            async with Relay.start(server, silent.url) as relay:
                client = await relay.open()
                for _ in range(3):
                    await client.send("x" * 400_000)
                notice = await client.next_json()
                assert notice["error"]["code"] == "message_too_big"
                assert await client.closed() == (1009, "message_too_big")


@pytest.mark.parametrize(("sent", "told"), [(1000, 1000), (1001, 1001), (1011, 1011), (3456, 3456), (4999, 4999)])
async def test_close_of_the_client_reaches_the_provider(relay: Relay, upstream: Upstream, sent: int, told: int) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    await client.close(sent, "because")
    close = await closing(peer)
    assert close == (told, "because")


@pytest.mark.parametrize("sent", [1000, 1008, 1012, 1013, 4321])
async def test_close_of_the_provider_reaches_the_client(relay: Relay, upstream: Upstream, sent: int) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    await asyncio.gather(peer.close(sent, "because"), client.closed())
    assert await client.closed() == (sent, "because")


async def test_close_reason_that_holds_the_key_is_emptied(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    await asyncio.gather(peer.close(4000, f"bad key {KEY}"), client.closed())
    assert await client.closed() == (4000, "")


async def test_provider_that_breaks_off_is_told_to_the_client(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    started = asyncio.get_running_loop().time()
    peer.transport.abort()
    notice = await client.next_json()
    assert notice["type"] == "error"
    assert notice["error"]["code"] == "upstream_lost"
    assert await client.closed() == (1011, "upstream_lost")
    assert asyncio.get_running_loop().time() - started < 1.5


async def test_client_that_breaks_off_closes_the_provider_with_1011(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open("/v1/listen")
    peer = await upstream.accept()
    started = asyncio.get_running_loop().time()
    client.connection.transport.abort()
    assert (await closing(peer)).code == 1011
    assert asyncio.get_running_loop().time() - started < 1.5


async def test_client_that_leaves_while_the_provider_is_dialled_has_the_dial_aborted() -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def hold(connection: ServerConnection, _request: object) -> None:
        arrived.set()
        await connection.wait_closed()
        gone.set()

    async with Upstream.start(process_request=hold) as silent:
        for server in ("uvicorn", "daphne"):
            arrived.clear()
            gone.clear()
            async with Relay.start(server, silent.url) as relay:
                client = await relay.open()
                await arrived.wait()
                await client.close()
                async with asyncio.timeout(1.5):
                    await gone.wait()


@pytest.mark.parametrize(
    ("status", "code", "close"),
    [
        (401, "upstream_unauthorized", 1011),
        (403, "upstream_unauthorized", 1011),
        (429, "upstream_rate_limited", 1013),
        (500, "upstream_unavailable", 1011),
        (302, "upstream_refused", 1011),
        (404, "upstream_refused", 1011),
    ],
)
async def test_provider_that_refuses_is_told_by_code_alone(status: int, code: str, close: int) -> None:
    def refuse(connection: ServerConnection, _request: object) -> object:
        response = connection.respond(status, f"secret words {KEY}")
        response.headers["Location"] = "ws://127.0.0.1:1/"
        return response

    async with (
        Upstream.start(process_request=refuse) as refusing,
        Relay.start("uvicorn", refusing.url) as relay,
    ):
        client = await relay.open()
        notice = await client.next()
        assert json.loads(notice)["error"]["code"] == code
        assert "secret words" not in str(notice)
        assert await client.closed() == (close, code)
        assert (await relay.logged("session ended"))["upstreamStatus"] == status


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "upstream_protocol_error"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: bm9wZQ==\r\n\r\n",
            "upstream_protocol_error",
        ),
        (b"", "upstream_unavailable"),
    ],
)
async def test_provider_that_answers_nonsense_is_told(answer: bytes, code: str) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with (
        server,
        Relay.start("uvicorn", f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as relay,
    ):
        client = await relay.open("/v1/agent/converse")
        notice = await client.next_json()
        assert (notice["type"], notice["code"]) == ("Error", code)
        assert await client.closed() == (1011, code)


async def test_provider_that_breaks_the_protocol_ends_the_session(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open()
    peer = await upstream.accept()
    peer.transport.write(b"\xf1\x00")  # reserved bits
    assert (await client.next_json())["error"]["code"] == "upstream_protocol_error"
    await client.closed()
    await peer.wait_closed()


async def test_session_leaves_one_line(relay: Relay, upstream: Upstream) -> None:
    client = await relay.open("/v1/listen?secret=query", ticket=ticket(sub=f"user-{relay.server}"))
    peer = await upstream.accept()
    before = len(relay.lines)
    await client.send("12345")
    assert await peer.recv() == "12345"
    await peer.send(b"123")
    assert await client.next() == b"123"
    await client.close(4000, "private reason")
    line = json.loads((await relay.line(r'^(\{.*"msg":"session ended"\})$', before - 1))[1])
    assert line["path"] == "/v1/listen"
    assert line["origin"] == ORIGIN
    assert (line["bytesUp"], line["bytesDown"], line["messagesUp"], line["messagesDown"]) == (5, 3, 1, 1)
    assert (line["endedBy"], line["code"], line["clientCloseCode"]) == ("client", None, 4000)
    assert len(line["user"]) == 16
    for secret in ("secret=query", "private reason", "12345", f"user-{relay.server}", KEY):
        assert secret not in relay.output


async def test_unknown_path_is_refused(relay: Relay) -> None:
    from websockets.exceptions import InvalidStatus

    for path in ("/v1/other", "/deepgram-proxy?service=other"):
        with pytest.raises(InvalidStatus) as refused:
            await relay.open(path)
        # Daphne has one status for all that it refuses before it accepts.
        assert refused.value.response.status_code == (404 if relay.server == "uvicorn" else 403)
        assert (await relay.request("GET", path)).status == 404
