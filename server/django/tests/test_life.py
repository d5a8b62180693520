"""How sessions last and end, behind both servers."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from support import QUICK, SERVERS, Relay, ServerName, Upstream, closing, ticket

pytestmark = pytest.mark.parametrize("server", SERVERS)


async def test_provider_that_answers_no_ping_is_lost(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, HEARTBEAT_INTERVAL="300") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        peer.transport.pause_reading()
        assert (await client.next_json())["error"]["code"] == "upstream_lost"
        await client.closed()
        peer.transport.abort()


async def test_provider_that_answers_pings_keeps_its_session(server: ServerName) -> None:
    pings = asyncio.Queue[bytes]()

    class Listening(ServerConnection):
        def data_received(self, data: bytes) -> None:
            if data[0] == 0x89:
                pings.put_nowait(data)
            super().data_received(data)

    async with (
        Upstream.start(create_connection=Listening) as quiet,
        Relay.start(server, quiet.url, HEARTBEAT_INTERVAL="1000") as relay,
    ):
        client = await relay.open()
        peer = await quiet.accept()
        async with asyncio.timeout(10):
            for _ in range(3):
                await pings.get()
        await peer.send("still here")
        assert await client.next() == "still here"
        await client.close()
        await peer.wait_closed()


async def test_session_in_which_nobody_says_anything_ends(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, INACTIVITY_TIMEOUT="1200") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        sound = json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA"})

        async def talk() -> None:
            while True:
                await client.send(sound)
                assert await peer.recv() == sound
                await asyncio.sleep(0.05)  # as a microphone does

        talking = asyncio.create_task(talk())
        assert (await client.next_json())["error"]["code"] == "inactivity_timeout"
        assert await client.closed() == (4408, "inactivity_timeout")
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        assert (await closing(peer)).code == 1001


async def test_session_ends_when_its_ticket_says_after_a_warning(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url) as relay:
        client = await relay.open("/v1/agent/converse", ticket=ticket(max_seconds=1.5))
        await upstream.accept()
        warning = await client.next_json()
        assert (warning["type"], warning["code"]) == ("Warning", "session_limit")
        error = await client.next_json()
        assert (error["type"], error["code"]) == ("Error", "session_limit")
        assert await client.closed() == (4408, "session_limit")


async def test_drain_warns_waits_and_ends_with_1012(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, DRAIN_SECONDS="2") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        relay.terminate()
        assert (await client.next_json())["warning"]["code"] == "draining"
        assert (await relay.refusal()).code == "draining"
        ready = await relay.request("GET", "/ready")
        assert (ready.status, ready.code) == (503, "draining")
        assert (await relay.request("GET", "/health")).status == 200
        await peer.send("still talking")
        assert await client.next() == "still talking"
        assert (await client.next_json())["error"]["code"] == "draining"
        assert await client.closed() == (1012, "draining")
        assert (await closing(peer)).code == 1001
        assert await relay.ended() == 0


async def test_drain_ends_as_soon_as_nobody_is_left(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, DRAIN_SECONDS="600") as relay:
        client = await relay.open()
        await upstream.accept()
        relay.terminate()
        await client.next_json()
        await client.close()
        assert await relay.ended() == 0


async def test_second_sigterm_ends_the_process_at_once(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, DRAIN_SECONDS="600") as relay:
        client = await relay.open()
        await upstream.accept()
        relay.terminate()
        await client.next_json()
        relay.terminate()
        assert await relay.ended() == -signal.SIGTERM
        assert (await client.closed()).code == 1006


async def test_provider_that_does_not_read_pauses_the_client(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, MAX_BYTES_PER_SECOND="0") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        before = _memory(relay)
        peer.transport.pause_reading()
        part = b"x" * 65_536
        sent = 0
        while True:  # until the socket takes no more: the relay has stopped reading
            try:
                async with asyncio.timeout(1):
                    await client.send(part)
                sent += 1
            except TimeoutError:
                sent += 1
                break
            assert sent < 1500, "100 MB went into the relay and not out of it"
        assert _memory(relay) - before < 24_000_000
        peer.transport.resume_reading()
        received = 0
        async with asyncio.timeout(20):
            while received < sent:
                assert await peer.recv() == part
                received += 1
        await client.close()
        await peer.wait_closed()


async def test_client_that_does_not_read_pauses_the_provider(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url) as relay:
        client = await relay.open(max_queue=1)
        peer = await upstream.accept()
        before = _memory(relay)
        part = "y" * 65_536
        sent = 0
        while True:
            try:
                async with asyncio.timeout(1):
                    await peer.send(part)
                sent += 1
            except TimeoutError:
                sent += 1
                break
            assert sent < 1500, "100 MB went into the relay and not out of it"
        assert _memory(relay) - before < 24_000_000
        for _ in range(sent):
            assert await client.next() == part
        await client.close()
        await peer.wait_closed()


async def test_flood_of_small_messages_keeps_memory_flat(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, MAX_BYTES_PER_SECOND="0") as relay:
        client = await relay.open()
        peer = await upstream.accept()
        peer.transport.pause_reading()
        before = _memory(relay)
        raw: socket.socket = client.connection.transport.get_extra_info("socket")
        assert raw is not None
        flood = b"\x82\x81\x00\x00\x00\x00." * 10_000
        written = 0
        for _ in range(150):
            client.connection.transport.write(flood)
            written += len(flood)
            try:
                async with asyncio.timeout(0.5):
                    await client.connection.drain()
            except TimeoutError:
                break
        assert _memory(relay) - before < 48_000_000
        client.connection.transport.abort()
        peer.transport.abort()


async def test_side_that_does_not_read_for_too_long_ends_the_session(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, MAX_BYTES_PER_SECOND="0", **QUICK) as relay:
        client = await relay.open()
        peer = await upstream.accept()
        peer.transport.pause_reading()

        async def flood() -> None:
            while True:
                await client.send(b"z" * 65_536)

        flooding = asyncio.create_task(flood())
        assert (await client.closed()) == (1013, "slow_consumer")
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        line = await relay.logged("session ended")
        assert line["code"] == "slow_consumer"
        peer.transport.abort()


def _memory(relay: Relay) -> int:
    """What the process holds, in bytes."""
    status = Path(f"/proc/{relay.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024


async def test_provider_that_never_answers_is_given_up(server: ServerName) -> None:
    async def hold(connection: ServerConnection, _request: object) -> None:
        await connection.wait_closed()

    async with Upstream.start(process_request=hold) as silent, Relay.start(server, silent.url, **QUICK) as relay:
        client = await relay.open("/v2/listen")
        assert (await client.next_json())["code"] == "upstream_timeout"
        assert await client.closed() == (1011, "upstream_timeout")


async def test_audio_that_is_much_too_fast_is_slowed(server: ServerName, upstream: Upstream) -> None:
    async with Relay.start(server, upstream.url, MAX_BYTES_PER_SECOND="400000") as relay:
        client = await relay.open("/v1/listen")
        peer = await upstream.accept()
        started = asyncio.get_running_loop().time()
        part = b"s" * 32_768
        count = 56  # 1.8 MB: the first MiB at once, the rest in two seconds

        async def send() -> None:
            for _ in range(count):
                await client.send(part)

        sending = asyncio.create_task(send())
        for _ in range(count):
            assert await peer.recv() == part
        assert asyncio.get_running_loop().time() - started > 1
        await sending
        await client.close()
        await peer.wait_closed()
