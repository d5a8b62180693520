"""What each server does by itself: plain uvicorn, and Daphne where its connection is out of reach."""

from __future__ import annotations

import asyncio

from support import QUICK, Relay, Upstream, closing, ticket


async def test_plain_uvicorn_logs_no_queries_and_drains(upstream: Upstream) -> None:
    async with Relay.start("plain", upstream.url, DRAIN_SECONDS="600") as relay:
        token = ticket()
        client = await relay.open(f"/v1/realtime?token={token}", ticket=None)
        peer = await upstream.accept()
        await relay.line(r'"WebSocket /v1/realtime" \[accepted\]')
        await relay.refusal(f"/v1/realtime?token={token}", ticket=None)
        assert token not in relay.output
        relay.terminate()
        assert (await client.next_json())["warning"]["code"] == "draining"
        await client.close()
        await peer.wait_closed()
        assert await relay.ended() == 0


async def test_server_that_logs_everything_logs_neither_headers_nor_messages(upstream: Upstream) -> None:
    for server in ("plain", "uvicorn", "daphne"):
        async with Relay.start(server, upstream.url, UVICORN_LOG_LEVEL="debug", **QUICK) as relay:
            client = await relay.open("/v1/realtime?note=in-the-query")
            peer = await upstream.accept()
            await client.send("words of a client")
            assert await peer.recv() == "words of a client"
            await peer.send("words of a provider")
            assert await client.next() == "words of a provider"
            await client.close(4000, "words of a close")
            await peer.wait_closed()
            await relay.logged("session ended")
            for secret in ("words of", "in-the-query"):
                assert secret not in relay.output


async def test_plain_uvicorn_tells_a_lost_client_from_a_close_without_a_code(upstream: Upstream) -> None:
    async with Relay.start("plain", upstream.url) as relay:
        client = await relay.open()
        peer = await upstream.accept()
        client.connection.transport.abort()
        assert (await closing(peer)).code == 1011
        client = await relay.open()
        peer = await upstream.accept()
        client.connection.transport.write(b"\x88\x80\0\0\0\0")
        assert (await closing(peer)).code == 1000


async def test_daphne_out_of_reach_bounds_what_waits_and_closes_with_private_codes(upstream: Upstream) -> None:
    async with Relay.start("wrapped", upstream.url, MAX_BYTES_PER_SECOND="0", **QUICK) as relay:
        client = await relay.open()
        peer = await upstream.accept()
        peer.transport.pause_reading()

        async def flood() -> None:
            while True:
                await client.send(b"z" * 65_536)

        flooding = asyncio.create_task(flood())
        # Nothing can be paused there: what is over the bound ends the session.
        assert (await client.closed()).code == 4013
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        peer.transport.abort()

        client = await relay.open()
        peer = await upstream.accept()
        await peer.send("both ways")
        assert await client.next() == "both ways"
        peer.transport.abort()
        assert (await client.next_json())["error"]["code"] == "upstream_lost"
        assert await client.closed() == (4011, "")


async def test_daphne_behind_channels_own_middleware_is_in_reach(upstream: Upstream) -> None:
    async with Relay.start("stacked", upstream.url, **QUICK) as relay:
        client = await relay.open()
        peer = await upstream.accept()
        peer.transport.abort()
        assert (await client.next_json())["error"]["code"] == "upstream_lost"
        assert await client.closed() == (1011, "upstream_lost")
