"""Many sessions at a time. VOICEWIRE_LOAD=1 has them last for a minute."""

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection

from .support import ending_of, provider, ticket
from .test_process import SECRET, STANDALONE, environment, process

SESSIONS = 200
LONG = os.environ.get("VOICEWIRE_LOAD") == "1"
SECONDS = 60 if LONG else 5
# Twenty messages a second and way would be speech in pieces of 50 ms; the everyday run takes the machine for less.
INTERVAL = 0.05 if LONG else 0.25
# A second; the everyday run may share the machine with others that are busy.
MOST_SECONDS_TO_TELL = 1 if LONG else 5
SOUND = '{"type":"input_audio_buffer.append","audio":"' + "A" * 1600 + '"}'


def memory_kb(pid: int) -> int:
    """What a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def talk(client: ClientConnection, until: float) -> int:
    """Says something in time and takes the echo. Returns how many messages came back, each as it was sent."""
    count = 0
    while time.monotonic() < until:
        message = f"{SOUND}{count}"
        await client.send(message)
        assert await client.recv() == message
        count += 1
        await asyncio.sleep(INTERVAL)
    return count


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_two_hundred_sessions() -> None:
    dialled: list[ServerConnection] = []

    async def echo(connection: ServerConnection) -> None:
        dialled.append(connection)
        async for message in connection:
            await connection.send(message)

    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    async with provider(echo) as upstream:
        limits = {"MAX_CONNECTIONS_PER_IP": "0", "VOICE_AGENT_RATE_LIMIT": "0"}
        async with process(STANDALONE, environment(upstream.url, **limits)) as (running, address):
            before = memory_kb(running.pid)
            url = f"{address.replace('http', 'ws')}/v1/realtime"
            clients = [
                await connect(f"{url}?token={ticket(SECRET)}", proxy=None, compression=None) for _ in range(SESSIONS)
            ]
            until = time.monotonic() + SECONDS
            counts = await asyncio.gather(*(talk(client, until) for client in clients))
            grown = (memory_kb(running.pid) - before) / SESSIONS
            print(f"{sum(counts)} messages each way, {grown:.0f} kB a session", file=sys.stderr)
            assert min(counts) > 1
            assert grown < 400

            # The provider dies: everybody is told.
            endings = [asyncio.create_task(ending_of(client)) for client in clients]
            died = time.monotonic()
            for connection in dialled:
                connection.transport.abort()
            assert set(await asyncio.gather(*endings)) == {("upstream_lost", 1011, "upstream_lost")}
            assert time.monotonic() - died < MOST_SECONDS_TO_TELL
