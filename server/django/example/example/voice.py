"""What the project says to the relay: who users are, and what functions there are."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from voicewire_django import Grant


async def authenticate(request: HttpRequest) -> Grant | None:
    """Whoever is logged in talks for ten minutes at a time. Bearers of the project's own would be read here."""
    user = await request.auser()
    return Grant(user=str(user.pk), max_seconds=600) if user.is_authenticated else None


def current_time(_arguments: dict[str, Any], _grant: Grant) -> str:
    """What the time is."""
    return datetime.now(UTC).isoformat(timespec="seconds")
