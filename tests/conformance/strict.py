"""Bodies held against the published schemas, more strictly than the schemas ask.

The documents require almost nothing: every property is optional and unknown ones are welcome. The
clients are not so lenient (Java falls over a missing key of ``meta``, Go over a string where a
boolean belongs), so here every property must be present and none may be added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.compat import oai
from tests.conformance.published import Operation

# Properties that are not in the schema, and why they are sent all the same.
EXTRA = {
    # Twilio sends the two in capitals, and its Java client reads them so; the document has them
    # in lower case. Both are here.
    "capabilities": {"SMS", "MMS"},
    # Every number has a type. The schemas of the lists by type leave it out, the one of the
    # number itself has it, and it is one resource.
    "incoming_phone_number": {"type"},
    # A copy is a bundle. Without its own SID nobody could change and submit it.
    "provisional_copy": {"sid", "links", "errors"},
}

# Where the document's own examples hold an empty text, whatever the schema says of its form.
EMPTY = {
    "sms_application_sid",
    "sms_fallback_url",
    "sms_url",
    "status_callback",
    "voice_application_sid",
    "voice_fallback_url",
    "voice_url",
}

# Lookups v2 marks nothing as nullable, and every one of its examples is full of nulls. It is also
# asked about texts that are no number, and answers with them.
NULL_EVERYWHERE = {"lookups_v2"}
ANY_NUMBER = {"lookups_v2"}

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PHONE = re.compile(r"\+[1-9]\d{1,14}|[\d ()-]+")


def faults(operation: Operation, body: Any) -> list[str]:
    """Everything in which the body is not what the document says, each with its place."""
    reader = _Reader(oai.document(operation.api), operation.api in NULL_EVERYWHERE)
    found = list(reader.read(operation.schema or {}, body, "$"))
    if operation.api in ANY_NUMBER and body.get("valid") is False:
        found = [fault for fault in found if not fault.startswith("$.phone_number is ")]
    return found


def is_absolute(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _is_path(uri: str) -> bool:
    """The core API gives paths where its document says ``uri``; its examples are paths too."""
    return uri.startswith("/2010-04-01/")


def _is_rfc_2822(text: str) -> bool:
    try:
        parsed = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S +0000")
    except ValueError:
        return False
    return parsed.strftime("%a, %d %b %Y %H:%M:%S +0000") == text


_FORMATS = {
    "date-time": lambda text: bool(_RFC_3339.fullmatch(text)),
    "date-time-rfc-2822": _is_rfc_2822,
    "uri": lambda text: is_absolute(text) or _is_path(text),
    "iso-country-code": lambda text: bool(_COUNTRY.fullmatch(text)),
    "http-method": lambda text: text in ("GET", "POST"),
    "phone-number": lambda text: bool(_PHONE.fullmatch(text)),
}


class _Reader:
    def __init__(self, document: dict[str, Any], null_everywhere: bool) -> None:
        self._document = document
        self._null_everywhere = null_everywhere

    def read(self, schema: dict[str, Any], value: Any, at: str) -> Iterator[str]:
        name = ""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self._document["components"]["schemas"][name]
        if value is None:
            if "type" in schema and not (schema.get("nullable") or self._null_everywhere):
                yield f"{at} is null"
            return
        kind = schema.get("type")
        if kind and not _is_a(kind, value):
            yield f"{at} is {value!r}, not a {kind}"
        elif isinstance(value, str):
            yield from _read_text(schema, value, at)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                yield from self.read(schema.get("items", {}), each, f"{at}[{index}]")
        elif isinstance(value, dict):
            yield from self._read_object(schema, value, at, name)

    def _read_object(
        self, schema: dict[str, Any], value: dict[str, Any], at: str, name: str
    ) -> Iterator[str]:
        if schema.get("format") == "uri-map":
            for key, url in value.items():
                yield from _read_text({"format": "uri"}, url, f"{at}.{key}")
        properties = schema.get("properties")
        if properties is None:
            return
        for key in properties.keys() - value.keys():
            yield f"{at}.{key} is missing"
        for key in value.keys() - properties.keys() - _extra(at, name):
            yield f"{at}.{key} is not in the document"
        for key in properties.keys() & value.keys():
            if not (key in EMPTY and value[key] == ""):
                yield from self.read(properties[key], value[key], f"{at}.{key}")


def _extra(at: str, name: str) -> set[str]:
    return {
        extra
        for part, extras in EXTRA.items()
        if part in name or at.endswith(f".{part}")
        for extra in extras
    }


def _is_a(kind: str, value: Any) -> bool:
    """``true`` is no integer, though Python thinks so."""
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _read_text(schema: dict[str, Any], text: str, at: str) -> Iterator[str]:
    if "enum" in schema and text not in schema["enum"]:
        yield f"{at} is {text!r}, not one of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], text):
        yield f"{at} is {text!r}, not like {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text)):
        yield f"{at} has {len(text)} characters"
    check = _FORMATS.get(schema.get("format", ""))
    if check and not check(text):
        yield f"{at} is {text!r}, not a {schema['format']}"
