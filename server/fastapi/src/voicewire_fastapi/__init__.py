"""
A voice relay and token service for FastAPI: browsers talk to the OpenAI Realtime API or Deepgram through it, and the
provider's key stays on the server. What it promises is in PROTOCOL.md.
"""

from .codes import Code, Refusal
from .config import ConfigurationError, Settings, read_settings
from .functions import FunctionContext
from .router import create_voice_agent_router
from .session import SessionLimits
from .tickets import IssuedToken, User, issue_ticket
from .version import VERSION

__all__ = [
    "VERSION",
    "Code",
    "ConfigurationError",
    "FunctionContext",
    "IssuedToken",
    "Refusal",
    "SessionLimits",
    "Settings",
    "User",
    "create_voice_agent_router",
    "issue_ticket",
    "read_settings",
]
