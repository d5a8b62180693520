"""A spoken conversation through the `openai` package: speech, a tool call, an interruption, the close.

Arguments are the base URL of WebSockets, such as `ws://127.0.0.1:8787/v1`, and what is said, as JSON; the key is the
variable `OPENAI_API_KEY`, and the speech comes on standard input (16-bit little-endian at 24 kHz). What came of it
goes to standard output as JSON.
"""

import asyncio
import base64
import json
import sys
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

CHUNK_BYTES = 960
"""20 ms, as a microphone delivers it."""


class Events:
    """All that arrived, for whoever waits for it, however late they ask."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._changed = asyncio.Condition()
        self._ended = False

    async def read(self, connection: AsyncRealtimeConnection) -> None:
        """Collects until the connection has closed."""
        try:
            async for event in connection:
                await self._add(event)
        finally:
            async with self._changed:
                self._ended = True
                self._changed.notify_all()

    async def _add(self, event: Any) -> None:
        async with self._changed:
            self.entries.append(event)
            self._changed.notify_all()

    async def first(self, name: str, after: int = 0) -> Any:
        """The first event of this type from index `after` on."""

        def found() -> Any:
            return next((event for event in self.entries[after:] if event.type == name), None)

        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or found() is not None)
        if found() is None:
            raise ConnectionError(f"closed before {name}: {self.errors()}")
        return found()

    def errors(self) -> list[str]:
        """What the server complained of."""
        return [event.error.message for event in self.entries if event.type == "error"]


async def converse(url: str, said: dict[str, Any], speech: bytes) -> dict[str, Any]:
    """Has the conversation. Returns what came of it."""
    client = AsyncOpenAI(websocket_base_url=url)
    events = Events()

    async def speak() -> None:
        for at in range(0, len(speech), CHUNK_BYTES):
            audio = base64.b64encode(speech[at : at + CHUNK_BYTES]).decode()
            await connection.input_audio_buffer.append(audio=audio)

    async def ask(text: str) -> int:
        content: list[Any] = [{"type": "input_text", "text": text}]
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await connection.response.create()
        return len(events.entries)

    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        reading = asyncio.create_task(events.read(connection))
        await events.first("session.created")
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {
                    "input": {"transcription": {"model": "gpt-4o-mini-transcribe"}},
                    "output": {"voice": "cedar"},
                },
                "tools": [{"type": "function", **said["tool"]}],
            }
        )
        await events.first("session.updated")

        await speak()
        heard = await events.first("conversation.item.input_audio_transcription.completed")
        spoken = await events.first("response.output_audio_transcript.done")
        await events.first("response.done")
        deltas = [event.delta for event in events.entries if event.type == "response.output_audio.delta"]

        before_tool = await ask(said["tool_question"])
        call = await events.first("response.function_call_arguments.done", before_tool)
        await events.first("response.done", before_tool)
        before_answer = len(events.entries)
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": said["tool_output"]}
        )
        await connection.response.create()
        told = await events.first("response.output_audio_transcript.done", before_answer)
        await events.first("response.done", before_answer)

        before_long = await ask(said["long_question"])
        delta = await events.first("response.output_audio.delta", before_long)
        await speak()
        await events.first("input_audio_buffer.speech_started", before_long)
        cut = await events.first("response.done", before_long)
        await connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=100)
        await events.first("conversation.item.truncated", before_long)
        await connection.close()
        await reading

    return {
        "userTranscript": heard.transcript,
        "agentTranscript": spoken.transcript,
        "agentAudio": base64.b64encode(b"".join(map(base64.b64decode, deltas))).decode(),
        "interruption": f"{cut.response.status}: {cut.response.status_details.reason}",
        "toolArguments": json.loads(call.arguments),
        "toolAnswer": told.transcript,
        "errors": events.errors(),
    }


if __name__ == "__main__":
    base_url, questions = sys.argv[1:]
    outcome = asyncio.run(converse(base_url, json.loads(questions), sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps(outcome))
