"""What all instances of a relay and its token service must agree on: in memory, or on Redis."""

from __future__ import annotations

from ..conf import Configuration
from .shared import SharedState


def open_state(config: Configuration) -> SharedState:
    """The state that the configuration asks for. Redis is dialled when it is first used."""
    if config.redis_url is None:
        from .memory import MemoryState

        return MemoryState()
    from .redis import RedisState

    return RedisState(config.redis_url, config.redis_prefix, config.redis_timeout)
