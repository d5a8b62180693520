"""The relay's paths, what of a query goes on to the provider, and the subprotocols of a handshake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote

from .codes import Provider, Refusal

PROVIDERS: Final[dict[str, Provider]] = {
    "/v1/realtime": "openai",
    "/v1/agent/converse": "deepgram",
    "/v1/listen": "deepgram",
    "/v2/listen": "deepgram",
}
"""The providers' own paths, and whose they are."""

_OWN_PARAMETERS = frozenset({"token", "service"})


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request is to go."""

    provider: Provider
    path: str
    """One of `PROVIDERS`."""
    query: str
    """For the provider, as the client wrote it, without what is the relay's; '' or from '?' on."""
    models: tuple[str, ...]
    """The values of `model` in the query."""


def find_route(path: str | None, whole_path: str, query: str) -> Route | None:
    """
    Finds out where a request is to go.

    :param path: One of `PROVIDERS`; None for the alias of Deepgram, where `service` says it.
    :param whole_path: As the client wrote it.
    :param query: Without '?'.
    :returns: None where `service` is none.
    """
    parameters = parse_qsl(query, keep_blank_values=True, errors="replace")
    if path is None:
        path = _deepgram_path(whole_path, next((value for name, value in parameters if name == "service"), None))
    if path is None:
        return None
    models = tuple(value for name, value in parameters if name == "model")
    return Route(PROVIDERS[path], path, _forwarded(query), models)


def _deepgram_path(whole_path: str, service: str | None) -> str | None:
    default = "transcription" if "transcription" in whole_path else "agent"
    match default if service is None else service:
        case "agent":
            return "/v1/agent/converse"
        case "transcription":
            return "/v1/listen"
        case _:
            return None


def _forwarded(query: str) -> str:
    """Drops the relay's own parameters, and leaves the others as they were written: order and coding may matter."""
    kept = [part for part in query.split("&") if part and _name(part) not in _OWN_PARAMETERS]
    text = re.sub(r"[^\x21-\x7e]", lambda found: quote(found[0], safe=""), "&".join(kept))
    return f"?{text}" if text else ""


def _name(part: str) -> str:
    found = parse_qsl(part, keep_blank_values=True, errors="replace")
    return found[0][0] if found else ""


_SCHEMES = frozenset({"token", "bearer"})
_SECRET_PREFIXES = ("openai-insecure-api-key.", "access_token.")
_LEAST_SECRET_CHARACTERS = 32
"""No subprotocol's name is as long, while every key and token is longer."""


def offered_protocols(header: str | None) -> tuple[str, ...]:
    """
    The subprotocols a client offers, in its order.

    :raises Refusal: 400 where the header is not a list of different tokens.
    """
    if header is None:
        return ()
    protocols = tuple(protocol.strip() for protocol in header.split(","))
    valid = all(re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", protocol) for protocol in protocols)
    if valid and len(set(protocols)) == len(protocols):
        return protocols
    raise Refusal(400, "bad_request", "The header Sec-WebSocket-Protocol must be a list of different tokens")


def protocol_credential(offered: Sequence[str]) -> str | None:
    """The credential among the subprotocols, in any of the known styles; None where there is none."""
    for index, protocol in enumerate(offered):
        for prefix in _SECRET_PREFIXES:
            if protocol.startswith(prefix):
                return protocol.removeprefix(prefix)
        if protocol in _SCHEMES:
            return offered[index + 1] if index + 1 < len(offered) else None
    return None


def select_protocol(offered: Sequence[str]) -> str | None:
    """
    The one subprotocol to answer with: the provider's own word, else the first that is no secret and selects nothing
    at the provider. `access_token.…` is answered where nothing else was offered, as a browser refuses a connection
    without an answer, and what follows that name is spent by now.

    :returns: None where nothing may be answered.
    """
    for word in ("realtime", "token", "bearer"):
        if word in offered:
            return word
    for protocol in offered:
        if not _is_reserved(protocol):
            return protocol
    alone = len(offered) == 1 and offered[0].startswith("access_token.")
    return offered[0] if alone else None


def _is_reserved(protocol: str) -> bool:
    """Secrets, OpenAI's accounts, and its beta, which no longer exists."""
    if len(protocol) >= _LEAST_SECRET_CHARACTERS or protocol.startswith(("sk-", "ek_", *_SECRET_PREFIXES)):
        return True
    return re.match(r"openai-(organization|project|beta)\b", protocol) is not None
