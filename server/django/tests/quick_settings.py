"""The example project, with less time for what takes long."""

from example.settings import *  # noqa: F403
from example.settings import VOICEWIRE as _VOICEWIRE

VOICEWIRE = {
    **_VOICEWIRE,
    "STALL_TIMEOUT": 1500,
    "CONNECT_TIMEOUT": 500,
    "SUSPICIOUS_ACTIVITY_THRESHOLD": 3,
    "REDIS_TIMEOUT": 5000,  # a machine that is busy with other tests is not a Redis that is away
}

# Whatever a project logs, what must not be said is not: every test of a relay looks through its output.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "DEBUG"},
}
