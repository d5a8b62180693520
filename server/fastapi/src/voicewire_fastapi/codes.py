"""Why a request was refused or a session ended: the words of PROTOCOL.md, section 20."""

from collections.abc import Mapping
from typing import Literal

Code = Literal[
    "bad_request",
    "ticket_missing",
    "ticket_invalid",
    "ticket_expired",
    "ticket_used",
    "session_unknown",
    "unauthenticated",
    "origin_forbidden",
    "provider_forbidden",
    "model_forbidden",
    "session_forbidden",
    "refresh_limit",
    "direct_forbidden",
    "not_found",
    "function_unknown",
    "method_not_allowed",
    "body_too_big",
    "unsupported_media_type",
    "upgrade_required",
    "rate_limited",
    "blocked",
    "too_many_connections",
    "budget_spent",
    "internal_error",
    "function_timeout",
    "at_capacity",
    "draining",
    "provider_not_configured",
    "authentication_unavailable",
    "sessions_unavailable",
    "protocol_error",
    "too_many_fragments",
    "too_fast",
    "message_too_big",
    "slow_consumer",
    "inactivity_timeout",
    "session_limit",
    "upstream_unauthorized",
    "upstream_rate_limited",
    "upstream_refused",
    "upstream_unavailable",
    "upstream_timeout",
    "upstream_lost",
    "upstream_protocol_error",
]


class Refusal(Exception):
    """A request that was turned away, with all that its HTTP answer needs."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        :param message: One sentence for the developer, which quotes nothing of the request.
        :param retry_after: When asking again may help, in whole seconds from now; None: it will not.
        """
        super().__init__(message)
        self.status = status
        self.code: Code = code
        self.message = message
        self.retry_after = retry_after
        self.headers = dict(headers or {})
