"""Forms and queries as Twilio's clients send them, read into what the rooms take.

Facts from running the clients: keys are PascalCase; Python 7 sends ``True``; Node sends null as an
empty string; ``Attributes`` is JSON text in one field; nobody sends a JSON body, and one that
comes is refused rather than silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from phonotary.errors import Reason, Refused

_FORM = b"application/x-www-form-urlencoded"
_MAX_FIELDS = 200
_MAX_TEXT = 16_384
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Field:
    """One form or query parameter, by its wire name; ``kind`` is text, bool, int or attributes."""

    name: str
    required: bool = False
    kind: str = "text"
    into: str = ""
    one_of: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``FriendlyName`` is ``friendly_name`` to the rooms, unless ``into`` says otherwise."""
        return self.into or _WORDS.sub("_", self.name).lower()


def parse_form(content_type: bytes, body: bytes) -> dict[str, str]:
    """The fields of a form body; Refused(UNREADABLE_BODY) for any other kind of body."""
    if not body:
        return {}
    if content_type.split(b";")[0].strip().lower() != _FORM:
        raise Refused(
            Reason.UNREADABLE_BODY,
            "The body must be application/x-www-form-urlencoded; JSON bodies are not read here",
        )
    return _pairs(body)


def parse_query(query: bytes) -> dict[str, str]:
    return _pairs(query) if query else {}


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        return dict(
            parse_qsl(
                raw.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
            )
        )
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
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise Refused(Reason.INVALID_PARAMETER, f"{field.name} must be a whole number")
        return int(text)
    if field.one_of and text not in field.one_of:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{field.name} must be one of {', '.join(field.one_of)}"
        )
    return text


def _attributes(text: str) -> dict[str, Any]:
    """``Attributes`` is a JSON object as text. Twilio code 22207 for anything else."""
    refused = Refused(Reason.ATTRIBUTES_UNREADABLE, "Unable to parse attributes JSON")
    if len(text) > 4 * _MAX_TEXT or "\\u0000" in text or "\x00" in text:
        raise refused
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused from error
    if not isinstance(value, dict):
        raise refused
    return value
