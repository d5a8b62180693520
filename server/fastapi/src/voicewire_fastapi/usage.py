"""How many tokens a response has cost."""

import json
import math
from typing import Any

# OpenAI writes a message's type first.
_START_CHARACTERS = 64


def total_tokens(message: str) -> int:
    """The ``total_tokens`` of a ``response.done``; 0 for every other message, of which only the start is looked at."""
    if '"response.done"' not in message[:_START_CHARACTERS]:
        return 0
    try:
        tokens: Any = json.loads(message)["response"]["usage"]["total_tokens"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0  # the client will see it too, and nothing can be counted
    if isinstance(tokens, bool) or not isinstance(tokens, (int, float)) or not math.isfinite(tokens):
        return 0
    return max(0, int(tokens))
