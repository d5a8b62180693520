"""Whole processes: how they start, what they log, and how they end."""

import asyncio
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from .support import Provider, end_of, provider, ticket, within

SECRET = secrets.token_hex(32)
KEY = "sk-" + secrets.token_hex(16)
STANDALONE = ["-m", "voicewire_fastapi"]
UVICORN = ["-m", "uvicorn", "voicewire_fastapi.app:app", "--log-level", "info"]


def environment(upstream: str = "ws://127.0.0.1:9", **variables: str) -> dict[str, str]:
    given = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_API_URL": upstream,
        "TICKET_SECRET": SECRET,
        "ALLOWED_ORIGINS": "https://app.example",
        "PORT": "0",
        "PATH": os.environ["PATH"],
        "PYTHONUNBUFFERED": "1",
        **variables,
    }
    return {name: value for name, value in given.items() if value}


@asynccontextmanager
async def process(command: list[str], variables: dict[str, str]) -> AsyncIterator[tuple[Process, str]]:
    """A relay, and where it listens."""
    running = await asyncio.create_subprocess_exec(sys.executable, *command, env=variables, stdout=PIPE, stderr=PIPE)
    try:
        if command == STANDALONE:
            assert running.stdout is not None
            line = (await within(running.stdout.readline(), 20)).decode()
        else:
            assert running.stderr is not None
            line = ""
            while "running on" not in line:
                line = (await within(running.stderr.readline(), 20)).decode()
            line = line.partition(" (Press")[0]
        yield running, line.split()[-1]
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def output(running: Process) -> str:
    out, err = await within(running.communicate(), 20)
    return str(out.decode() + err.decode())


@asynccontextmanager
async def session(address: str, query: str = "") -> AsyncIterator[tuple[object, str]]:
    shown = ticket(SECRET, sub="ann-the-user")
    async with connect(f"{address.replace('http', 'ws')}/v1/realtime?token={shown}{query}", proxy=None) as client:
        yield client, shown


async def test_a_wrong_configuration_ends_with_a_line_for_each_fault() -> None:
    for command in (STANDALONE, UVICORN):
        variables = environment(PORT="http", TICKET_SECRET="too-short-secret", OPENAI_API_KEY="")
        running = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=variables, stdout=PIPE, stderr=PIPE
        )
        _, err = await within(running.communicate(), 20)
        lines = err.decode().strip().split("\n")
        assert running.returncode == 1
        assert [line.split(" must be ")[0] for line in lines] == [
            "Cannot start the relay as PORT",
            "Cannot start the relay as TICKET_SECRET",
        ]
        assert "too-short-secret" not in err.decode()


@pytest.mark.parametrize("command", [STANDALONE, UVICORN], ids=["standalone", "uvicorn"])
async def test_sigterm_warns_waits_and_ends_with_1012(command: list[str]) -> None:
    async with provider() as upstream:
        variables = environment(upstream.url, DRAIN_SECONDS="1")
        if command == UVICORN:
            command = [*command, "--port", "0"]
        async with process(command, variables) as (running, address), session(address) as (client, _):
            await upstream.next()
            running.send_signal(signal.SIGTERM)
            warning = json.loads(await within(client.recv()))  # type: ignore[attr-defined]
            assert warning["warning"]["code"] == "draining"
            with pytest.raises(InvalidStatus) as caught:
                async with session(address):
                    pass
            assert json.loads(caught.value.response.body or b"")["error"]["code"] == "draining"
            await client.send("still here")  # type: ignore[attr-defined]
            assert await within(client.recv()) == "still here"  # type: ignore[attr-defined]
            close = await end_of(client)  # type: ignore[arg-type]
            assert (close.code, close.reason) == (1012, "draining")
            assert await within(running.wait(), 10) == 0


async def test_sigterm_ends_at_once_where_there_are_no_sessions_and_at_the_second_one() -> None:
    async with process(STANDALONE, environment(DRAIN_SECONDS="600")) as (running, _):
        running.send_signal(signal.SIGTERM)
        assert await within(running.wait(), 10) == 0
    async with provider() as upstream:
        variables = environment(upstream.url, DRAIN_SECONDS="600")
        async with process(STANDALONE, variables) as (running, address), session(address) as (client, _):
            await upstream.next()
            running.send_signal(signal.SIGTERM)
            await within(client.recv())  # type: ignore[attr-defined]
            running.send_signal(signal.SIGTERM)
            assert await within(running.wait(), 10) == 0


async def hush(upstream: Provider, address: str) -> str:
    async with session(address, "&secret-query=1") as (client, shown):
        await upstream.next()
        await client.send("secret-message")  # type: ignore[attr-defined]
        await within(client.recv())  # type: ignore[attr-defined]
    return shown


@pytest.mark.parametrize("command", [STANDALONE, UVICORN], ids=["standalone", "uvicorn"])
async def test_no_line_holds_a_secret(command: list[str]) -> None:
    async with provider() as upstream:
        if command == UVICORN:
            command = [*command, "--port", "0"]
        async with process(command, environment(upstream.url, DRAIN_SECONDS="0")) as (running, address):
            shown = await hush(upstream, address)
            running.send_signal(signal.SIGTERM)
            text = await output(running)
    ended = [json.loads(line) for line in text.split("\n") if "session ended" in line]
    assert len(ended) == 1
    assert ended[0]["level"] == 30
    assert ended[0]["bytesUp"] == len("secret-message")
    for secret in (shown, KEY, SECRET, "secret-query", "secret-message", "ann-the-user"):
        assert secret not in text
