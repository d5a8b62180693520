"""What RFC 6455 asks of a handshake, and which subprotocol is answered."""

import base64
import hashlib
import re
from collections.abc import Sequence

from starlette.datastructures import Headers

from .codes import Refusal

# RFC 6455, section 1.3: proves that a server has read the key as a WebSocket's.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(r"[+/0-9A-Za-z]{22}==")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# Words after which the next subprotocol is a credential, in Deepgram's style.
_SCHEMES = frozenset({"token", "bearer"})
_SECRET_PREFIXES = ("openai-insecure-api-key.", "access_token.")
# No subprotocol's name is as long, while every key and token is longer.
_LEAST_SECRET_CHARACTERS = 32
_RESERVED = re.compile(r"sk-|ek_|openai-(organization|project|beta)\b")


def accept_value(key: str) -> str:
    """What ``Sec-WebSocket-Accept`` must be for a ``Sec-WebSocket-Key``."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def check_handshake(method: str, http_version: str, headers: Headers) -> None:
    """
    Checks that a request is a WebSocket handshake.

    :raises Refusal: 400, 405 or 426 where it is not.
    """
    if method != "GET":
        raise Refusal(405, "method_not_allowed", "A handshake is a GET request", headers={"Allow": "GET"})
    if http_version != "1.1":
        raise Refusal(400, "bad_request", "The version of HTTP must be 1.1")
    if headers.get("upgrade", "").lower() != "websocket":
        raise Refusal(400, "bad_request", 'The header Upgrade must be "websocket"')
    if "upgrade" not in [item.strip().lower() for item in ",".join(headers.getlist("connection")).split(",")]:
        raise Refusal(400, "bad_request", 'The header Connection must name "upgrade"')
    if "content-length" in headers or "transfer-encoding" in headers:
        raise Refusal(400, "bad_request", "A handshake has no body")
    if headers.getlist("sec-websocket-version") != ["13"]:
        raise Refusal(426, "bad_request", "The header Sec-WebSocket-Version must be 13")
    keys = headers.getlist("sec-websocket-key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise Refusal(400, "bad_request", "The header Sec-WebSocket-Key must be 16 bytes in base64")


def offered_protocols(headers: Headers) -> tuple[str, ...]:
    """
    The subprotocols a client offers, in its order.

    :raises Refusal: 400 where the header is not a list of different tokens.
    """
    lines = headers.getlist("sec-websocket-protocol")
    if not lines:
        return ()
    offered = tuple(item.strip() for item in ",".join(lines).split(","))
    if all(map(_TOKEN.fullmatch, offered)) and len(set(offered)) == len(offered):
        return offered
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
    The one subprotocol to answer with: the provider's own word, else the first that is no secret and selects
    nothing at the provider; None where nothing may be answered.

    ``access_token.…`` is answered where nothing else was offered, as a browser refuses a connection without an
    answer, and what follows that name is spent by then.
    """
    for word in ("realtime", "token", "bearer"):
        if word in offered:
            return word
    plain = next((protocol for protocol in offered if not _is_reserved(protocol)), None)
    if plain is not None:
        return plain
    return offered[0] if len(offered) == 1 and offered[0].startswith("access_token.") else None


def _is_reserved(protocol: str) -> bool:
    """Whether it is a secret, or one of OpenAI's accounts or its beta, which no longer exists."""
    if len(protocol) >= _LEAST_SECRET_CHARACTERS or _RESERVED.match(protocol):
        return True
    return protocol.startswith(_SECRET_PREFIXES)
