"""The example project behind something that stands between it and the server, as middleware often does."""

from collections.abc import Awaitable, Callable
from typing import Any

from example.asgi import application as inner

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
    async def passed_on(message: dict[str, Any]) -> None:
        await send(message)

    await inner(scope, receive, passed_on)
