"""What the application, or a ticket, allows a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .codes import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A user as the application knows them, and what the application allows them."""

    user: str
    """By the application's own id: 1…256 characters."""
    provider: Provider | None = None
    """Good for this provider only."""
    model: str | None = None
    """Good for this model only; such a user cannot open a path that names no model in its query."""
    origin: str | None = None
    """Good for pages of this origin only."""
    max_seconds: float | None = None
    """The greatest length of a session; more than 0."""


def read_grant(answer: object) -> Grant | None:
    """
    What a hook answered, checked: a grant, a mapping with its fields, a user of Django, or whatever is as good as
    false where nobody is known.

    :raises TypeError: Where it is none of them: somebody without a name, or whose time is up, would pass for
        somebody without limits.
    """
    if answer is None or answer is False:
        return None
    if isinstance(answer, Grant):
        return _checked(answer)
    if isinstance(answer, dict):
        return _checked(Grant(**answer)) if answer else None
    authenticated: Any = getattr(answer, "is_authenticated", None)
    if authenticated is True:
        return _checked(Grant(user=str(getattr(answer, "pk", ""))))
    if authenticated is False:
        return None
    raise TypeError(
        "Cannot let a user in as AUTHENTICATE must answer with a Grant, a user of Django or None:"
        f" current value is {type(answer).__name__}"
    )


def _checked(grant: Grant) -> Grant:
    seconds = grant.max_seconds
    named = isinstance(grant.user, str) and 0 < len(grant.user) <= 256
    lasting = seconds is None or (isinstance(seconds, int | float) and seconds > 0)
    if named and lasting:
        return grant
    raise TypeError(
        "Cannot let a user in as AUTHENTICATE must answer with a user of 1…256 characters, and max_seconds above 0"
    )
