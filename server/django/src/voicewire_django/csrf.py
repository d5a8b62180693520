"""
Who is known by a cookie proves that the request is their page's own, as everywhere in Django.

The views are exempt from Django's middleware, and ask here once it is known who asks: whoever shows a bearer is known
by what no other page could have sent, and needs no token.
"""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware

from .codes import Refusal


class _Check(CsrfViewMiddleware):
    """Answers with the reason instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> str:  # noqa: ARG002
        return reason


async def check_csrf(request: HttpRequest) -> None:
    """
    Checks the request of somebody who is known.

    :raises Refusal: 401 where a cookie may be all that makes them known, and the token is missing or wrong.
    """
    if request.headers.get("Authorization") or not request.COOKIES:
        return
    if await sync_to_async(_fault)(request) is not None:
        raise Refusal(401, "unauthenticated", "A CSRF token is needed beside a cookie, in X-CSRFToken")


def _fault(request: HttpRequest) -> object:
    check = _Check(lambda _request: None)  # type: ignore[arg-type]
    # Set by Django where a view is exempt in tests; here the check is meant.
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    return check.process_view(request, None, (), {})  # type: ignore[arg-type]
