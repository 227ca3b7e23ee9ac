"""What the request log never shows: secrets and registration numbers, found by their fields' names.

The log keeps requests and answers as they were, for the traps are told from them; whatever leaves
it through a door, and whatever is searched in it, has passed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

HIDDEN = "[hidden]"

_NAMES = (
    "access_token",
    "auth_token",
    "business_registration_number",
    "client_secret",
    "inquiry_session_token",
    "password",
    "secret",
    "token",
)
# Forms write BusinessRegistrationNumber, JSON business_registration_number.
_PLAIN = frozenset(name.replace("_", "") for name in _NAMES)
_SPELT = "|".join(name.replace("_", "_?") for name in _NAMES)
_IN_URL = re.compile(r"(?i)([?&;](?:" + _SPELT + r")=)[^&;#\s\"'<>]*")
# For JSON that was cut off where the log's patience ended, or stands inside of other text. The
# backslashes are those of JSON that is a text in JSON; a bound on them bounds the search.
_IN_TEXT = re.compile(
    r"(?i)(\\{0,7}\"(?:" + _SPELT + r")\\{0,7}\"\s{0,9}:\s{0,9})"
    r"(\\{0,7}\")?(?(2)(?:(?!\2).)*|[^,}\]\s]*)",
    re.DOTALL,
)


def is_secret(name: str) -> bool:
    return name.replace("_", "").replace("-", "").lower() in _PLAIN


def shown(value: Any) -> Any:
    """A JSON value without what is secret in it, however deep."""
    if isinstance(value, dict):
        return {
            text(str(name)): HIDDEN if is_secret(str(name)) and inner else shown(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    return text(value) if isinstance(value, str) else value


def form(fields: Mapping[str, str]) -> dict[str, str]:
    """A form or a query; ``Attributes`` and the like are JSON within one field."""
    return {
        text(name): HIDDEN if is_secret(name) and value else _field(value)
        for name, value in fields.items()
    }


def _field(value: str) -> str:
    if value[:1] in ("{", "["):
        try:
            inner = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return text(value)
        hidden = shown(inner)
        # As it was sent, unless something had to go.
        return value if hidden == inner else msgspec.json.encode(hidden).decode()
    return text(value)


def text(value: str) -> str:
    """Text that may hold a URL with a token in it, or JSON."""
    return _IN_TEXT.sub(rf"\1\2{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}", value))


def searched_form(raw: bytes, fields: Mapping[str, str]) -> bytes:
    """What ``contains`` may find in a form: its own bytes, unless something had to go."""
    hidden = form(fields)
    return raw if hidden == fields else urlencode(hidden).encode()


def searched_answer(raw: bytes, answer: Any) -> bytes:
    """The same for an answer, which is JSON or text."""
    hidden = shown(answer)
    return raw if hidden == answer else msgspec.json.encode(hidden)
