"""From a request's target to the provider's path and query."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote

from .config import Provider

ProviderPath = Literal["/v1/realtime", "/v1/agent/converse", "/v1/listen", "/v2/listen"]

PROVIDERS: dict[ProviderPath, Provider] = {
    "/v1/realtime": "openai",
    "/v1/agent/converse": "deepgram",
    "/v1/listen": "deepgram",
    "/v2/listen": "deepgram",
}

# Parameters that are for the relay; the provider never sees them.
_OWN_PARAMETERS = frozenset({"token", "service"})


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request is to go."""

    provider: Provider
    path: ProviderPath
    query: str
    """The query for the provider, as the client wrote it, without what is the relay's; '' or from '?' on."""
    models: tuple[str, ...]
    """The values of ``model`` in the query."""


def route_to(path: ProviderPath, query: str) -> Route:
    """The route to a provider's path for a query without its '?'."""
    models = tuple(value for name, value in parameters(query) if name == "model")
    return Route(PROVIDERS[path], path, _forwarded(query), models)


def deepgram_path(path: str, query: str) -> ProviderPath | None:
    """What an alias of Deepgram's leads to; None where it names a service that does not exist."""
    named = [value for name, value in parameters(query) if name == "service"]
    service = named[0] if named else "transcription" if "transcription" in path else "agent"
    paths: dict[str, ProviderPath] = {"agent": "/v1/agent/converse", "transcription": "/v1/listen"}
    return paths.get(service)


def parameters(query: str) -> list[tuple[str, str]]:
    """A query's parameters, decoded; broken escapes stay as they are."""
    return parse_qsl(query, keep_blank_values=True, max_num_fields=None)


def _forwarded(query: str) -> str:
    """Drops the relay's own parameters, and leaves the others as they were written: order and coding matter."""
    kept = [part for part in query.split("&") if part and _name(part) not in _OWN_PARAMETERS]
    if not kept:
        return ""
    return "?" + re.sub(r"[^\x21-\x7e]|[#]", lambda match: quote(match[0], safe=""), "&".join(kept))


def _name(part: str) -> str:
    return next((name for name, _ in parameters(part)), "")
