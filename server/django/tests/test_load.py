"""Many sessions at a time; for a minute with VOICEWIRE_LOAD=1."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from support import SERVERS, Relay, ServerName, Upstream, ticket

SESSIONS = 200
SECONDS = 60 if os.environ.get("VOICEWIRE_LOAD") == "1" else 5
PERIOD = 0.2
"""Between two chunks of a session each way: what is tested is that nothing is lost, not how fast the machine is."""


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
async def test_two_hundred_sessions(server: ServerName, capsys: pytest.CaptureFixture[str]) -> None:
    limits = {"MAX_CONNECTIONS_PER_IP": "0", "MAX_CONNECTIONS_PER_USER": "0"}
    async with Upstream.start() as upstream, Relay.start(server, upstream.url, **limits) as relay:
        idle = _memory(relay)
        clients, peers = [], []
        for number in range(SESSIONS):
            clients.append(await relay.open(ticket=ticket(sub=f"user {number}")))
            peers.append(await upstream.accept())
        per_session = (_memory(relay) - idle) / SESSIONS / 1024
        chunk = "A" * 2560
        rounds = round(SECONDS / PERIOD)

        async def talk(number: int) -> None:
            client, peer = clients[number], peers[number]
            for index in range(rounds):
                text = json.dumps({"number": number, "index": index, "audio": chunk})
                await asyncio.gather(client.send(text), peer.send(text))
                assert await peer.recv() == text
                assert await client.next() == text
                await asyncio.sleep(PERIOD)

        await asyncio.gather(*(talk(number) for number in range(SESSIONS)))
        grown = (_memory(relay) - idle) / SESSIONS / 1024
        with capsys.disabled():
            print(f"\n{server}: {per_session:.0f} kB a session at rest, {grown:.0f} kB after {SECONDS} s")
        assert per_session < 400
        loop = asyncio.get_running_loop()
        started = loop.time()
        for peer in peers:
            peer.transport.abort()

        async def told(number: int) -> float:
            notice = await clients[number].next_json()
            assert notice["error"]["code"] == "upstream_lost"
            return loop.time() - started

        slowest = max(await asyncio.gather(*(told(number) for number in range(SESSIONS))))
        assert slowest < 1
        for client in clients:
            assert await client.closed() == (1011, "upstream_lost")


def _memory(relay: Relay) -> int:
    status = Path(f"/proc/{relay.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024
