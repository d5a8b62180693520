"""Where the state is kept."""

from .config import ConfigurationError, Settings
from .log import RelayLog
from .state import MemoryState, SharedState


def open_state(settings: Settings, log: RelayLog) -> SharedState:
    """
    On Redis where ``REDIS_URL`` says so, for all instances with the same server and prefix; in memory otherwise.

    :raises ConfigurationError: Where the package's extra ``redis`` is needed and not installed.
    """
    if settings.redis_url is None:
        return MemoryState()
    try:
        from .redis_state import RedisState
    except ImportError:
        raise ConfigurationError(
            "Cannot start the relay as REDIS_URL needs the package redis: install voicewire-fastapi[redis]"
        ) from None
    return RedisState(settings.redis_url.get_secret_value(), settings.redis_prefix, log)
