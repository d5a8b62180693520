"""What the token service is asked and what it answers; the fields are named as in PROTOCOL.md."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .config import Provider
from .state import Mode, Status


class TokenRequest(BaseModel):
    """What a page asks for."""

    model_config = ConfigDict(strict=True)

    provider: Provider | None = None
    use: Literal["relay", "direct"] | None = None


class RefreshRequest(BaseModel):
    """Which session's token is to be replaced."""

    model_config = ConfigDict(strict=True)

    sessionId: Annotated[str, Field(min_length=1, max_length=128)]  # noqa: N815


class TokenAnswer(BaseModel):
    """What a page is given."""

    success: Literal[True] = True
    token: str
    expiresAt: int  # noqa: N815
    """In ms of the epoch."""
    expiresIn: int  # noqa: N815
    """In seconds."""
    sessionId: str  # noqa: N815
    mode: Mode


class HealthServices(BaseModel):
    """How the parts are."""

    provider: Status
    rateLimit: Status  # noqa: N815
    sessions: Status


class HealthMetrics(BaseModel):
    """What the service did."""

    totalRequests: int  # noqa: N815
    activeSessions: int  # noqa: N815
    totalRefreshes: int  # noqa: N815
    errorRate: float  # noqa: N815
    """The share of requests that were answered with 5xx, 0…1."""
    averageResponseTime: float  # noqa: N815
    """In ms."""


class HealthReport(BaseModel):
    """How the token service is."""

    status: Status
    """The worst of ``services``."""
    uptime: int
    """In seconds."""
    version: str
    services: HealthServices
    metrics: HealthMetrics
