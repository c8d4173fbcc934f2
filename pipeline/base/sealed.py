"""JSON that carries a digest of itself, by which damage is noticed where it is read."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.base.digests import digest

SEAL = "sha256"


def sealed(content: Mapping[str, Any]) -> str:
    """Text of a JSON object, with a digest of the rest under the key `SEAL`."""
    return json.dumps({**content, SEAL: digest(json.dumps(content))})


def unsealed(text: str) -> dict[str, Any]:
    """Return the content of a text that `sealed` returned.

    Raises
    ------
    ValueError
        It is not the text that was written.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.pop(SEAL, None) != digest(json.dumps(content)):
        raise ValueError("damaged: not the text that was written")
    return content
