"""The example project, with less time for what takes long."""

from example.settings import *  # noqa: F403
from example.settings import VOICEWIRE as _VOICEWIRE

VOICEWIRE = {**_VOICEWIRE, "STALL_TIMEOUT": 1500, "CONNECT_TIMEOUT": 500, "SUSPICIOUS_ACTIVITY_THRESHOLD": 3}
