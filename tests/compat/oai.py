"""The OpenAPI documents Twilio publishes and generates its clients from.

``scripts/setup.sh clients`` takes them out of ``@twilio/cli-core``, held to ``oai.sha512``.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).parents[2] / ".make" / "oai"


@cache
def document(name: str) -> dict[str, Any]:
    """One document: ``trusthub_v1``, ``api_v2010``, ``lookups_v1`` or ``lookups_v2``.

    It is shared between callers, which must not change it.
    """
    path = _DIRECTORY / f"twilio_{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; `make conformance` fetches it")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
