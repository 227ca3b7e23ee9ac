"""Forms and queries as Twilio's clients send them, read into what the rooms take.

Facts from running the clients: keys are PascalCase; Python 7 sends ``True``; Node sends null as an
empty string; ``Attributes`` is JSON text in one field; nobody sends a JSON body, and one that
comes is refused rather than silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from phonotary import sids
from phonotary.errors import Reason, Refused
from phonotary.trusthub.urls import is_web

_FORM = b"application/x-www-form-urlencoded"
MAX_FIELDS = 200
_MAX_TEXT = 16_384
_MAX_ATTRIBUTES = 65_536
_MAX_DEPTH = 64
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Field:
    """One form or query parameter, by its wire name.

    ``kind`` is text, bool, int, url or attributes; ``prefix`` makes it a SID. Where something may
    be left out, an empty text is as good: it says "none".
    """

    name: str
    required: bool = False
    kind: str = "text"
    into: str = ""
    one_of: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def key(self) -> str:
        """``FriendlyName`` is ``friendly_name`` to the rooms, unless ``into`` says otherwise."""
        return self.into or _snake(self.name)


@lru_cache(maxsize=1024)
def _snake(name: str) -> str:
    return _WORDS.sub("_", name).lower()


def parse_form(content_type: bytes, body: bytes) -> dict[str, str]:
    """The fields of a form body by name; Refused(UNREADABLE_BODY) for any other kind of body."""
    return dict(form_fields(content_type, body))


def form_fields(content_type: bytes, body: bytes, most: int = MAX_FIELDS) -> list[tuple[str, str]]:
    """The same as they were sent, where a name may stand more than once."""
    if not body:
        return []
    if content_type.split(b";")[0].strip().lower() != _FORM:
        raise Refused(
            Reason.UNREADABLE_BODY,
            "The body must be application/x-www-form-urlencoded; JSON bodies are not read here",
        )
    return _pairs(body, most)


def parse_query(query: bytes) -> dict[str, str]:
    return dict(_pairs(query, MAX_FIELDS)) if query else {}


def _pairs(raw: bytes, most: int) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=most, errors="strict")
    except ValueError as error:
        raise Refused(Reason.UNREADABLE_BODY, "The form could not be read") from error


def take(fields: tuple[Field, ...], given: Mapping[str, str], where: str) -> dict[str, Any]:
    """The declared fields that were given, each in its type. Others are ignored, as at Twilio."""
    taken: dict[str, Any] = {}
    for field in fields:
        text = given.get(field.name)
        if text is None or (field.required and not text.strip()):
            if field.required:
                raise Refused(
                    Reason.MISSING_PARAMETER,
                    f"Missing required parameter {field.name} in the {where}",
                )
            continue
        taken[field.key] = _value(field, text)
    return taken


def _value(field: Field, text: str) -> Any:
    if field.kind == "attributes":
        return _attributes(text)
    if len(text) > _MAX_TEXT or "\x00" in text:
        raise Refused(Reason.INVALID_PARAMETER, f"Parameter {field.name} is not valid")
    if field.kind == "bool":
        if text.lower() not in ("true", "false"):
            raise Refused(Reason.INVALID_PARAMETER, f"{field.name} must be true or false")
        return text.lower() == "true"
    if field.kind == "int":
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise Refused(Reason.INVALID_PARAMETER, f"{field.name} must be a whole number")
        return int(text)
    if text:
        _check(field, text)
    return text


def _check(field: Field, text: str) -> None:
    if field.one_of and text not in field.one_of:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{field.name} must be one of {', '.join(field.one_of)}"
        )
    if field.prefix and not sids.is_sid(text, field.prefix):
        raise Refused(
            Reason.INVALID_PARAMETER, f"{field.name} must be {field.prefix} and 32 hex digits"
        )
    if field.kind == "url" and not is_web(text):
        raise Refused(Reason.INVALID_CALLBACK_URL, f"{field.name} must be an http or https URL")


def _attributes(text: str) -> dict[str, Any]:
    """``Attributes`` is a JSON object as text. Twilio code 22207 for anything else.

    What counts against the limit is the object, not its text: Python escapes what Node does not.
    """
    refused = Refused(Reason.ATTRIBUTES_UNREADABLE, "Unable to parse attributes JSON")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused from error
    if not isinstance(value, dict) or not _can_be_kept(value, _MAX_DEPTH):
        raise refused
    if len(msgspec.json.encode(value)) > _MAX_ATTRIBUTES:
        raise Refused(
            Reason.ATTRIBUTES_UNREADABLE, f"Attributes are larger than {_MAX_ATTRIBUTES} bytes"
        )
    return value


def _can_be_kept(value: Any, depth: int) -> bool:
    """Databases keep no NUL, and nothing here may be so deep that reading it back fails."""
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, dict):
        return depth > 0 and all(
            "\x00" not in key and _can_be_kept(inner, depth - 1) for key, inner in value.items()
        )
    if isinstance(value, list):
        return depth > 0 and all(_can_be_kept(inner, depth - 1) for inner in value)
    return True
