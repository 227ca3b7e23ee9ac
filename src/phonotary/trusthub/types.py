"""EndUserTypes and SupportingDocumentTypes: what may be sent and what it must look like.

The wire resource says only names and ``String`` or ``List``. Whether a field is required, which
values it takes, its form and the name evaluations call it by stand in our own table beside it, in
``catalogue/types.json``, each field with its source. The ``OY`` identifiers are ours (MD5 of the
machine name), because Twilio's real ones are not public; a path takes the machine name as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["end_user", "supporting_document"]


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a type: the wire's three names, then our own table."""

    machine_name: str
    friendly_name: str
    constraint: str
    """``String`` or ``List``, as the wire resource says."""
    evaluation_name: str
    """What evaluations call the field; Twilio's differ from the type's (``Email Address``)."""
    required: bool
    values: frozenset[str] = frozenset()
    """Allowed values, every page's list joined into one; empty where any text will do."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Documented long forms of a value, such as ``USA: Employer Identification Number (EIN)``."""
    pattern: re.Pattern[str] | None = None
    """What the whole text must match."""
    many: bool = False
    """Whether several values may come as a list or joined by commas."""
    collapse: bool = False
    """Whether runs of spaces count as one before the pattern is tried."""
    any_case: bool = False
    """Whether a value may be written in capitals or small letters."""
    refers_to_address: bool = False
    must_match: tuple[str, ...] = ()
    """End-user types whose field of the same name must hold the same text (22218)."""
    code: int | None = None
    """Of the dictionary, where what is wrong with it is said with a code of its own."""
    source: str = ""

    def accepts(self, text: str) -> bool:
        """Whether one value, already trimmed and not empty, is allowed."""
        if self.any_case:
            text = text.lower()
        if self.values and text not in self.values and text not in self.labels:
            return False
        if self.collapse:
            text = re.sub(" +", " ", text)
        return self.pattern is None or self.pattern.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Type:
    """One EndUserType or SupportingDocumentType."""

    sid: str
    friendly_name: str
    machine_name: str
    kind: Kind
    fields: tuple[Field, ...]
    source: str
    inferred: bool
    """True where the type is known from field reports only or its names are ours."""
    own: tuple[Field, ...] = ()
    """Attributes of ours that an end user of this type may have. No wire resource names them."""

    def field(self, machine_name: str) -> Field | None:
        """The field of that name, or None."""
        return next((each for each in self.fields if each.machine_name == machine_name), None)

    def wire(self) -> dict[str, Any]:
        """``{sid, friendly_name, machine_name, fields}``; the edge adds ``url``."""
        fields = [
            {
                "machine_name": each.machine_name,
                "friendly_name": each.friendly_name,
                "constraint": each.constraint,
            }
            for each in self.fields
        ]
        return {
            "sid": self.sid,
            "friendly_name": self.friendly_name,
            "machine_name": self.machine_name,
            "fields": fields,
        }


def _field(wire: Mapping[str, str], ours: Mapping[str, Any]) -> Field:
    return Field(
        machine_name=wire["machine_name"],
        friendly_name=wire["friendly_name"],
        constraint=wire["constraint"],
        evaluation_name=ours["evaluation_name"],
        required=ours["required"],
        values=frozenset(ours.get("values", ())),
        labels=ours.get("labels", {}),
        pattern=re.compile(ours["pattern"]) if "pattern" in ours else None,
        many=ours.get("many", False),
        collapse=ours.get("collapse", False),
        refers_to_address=ours.get("refers_to") == "address",
        must_match=tuple(ours.get("must_match", ())),
        any_case=ours.get("any_case", False),
        code=ours.get("code"),
        source=ours["source"],
    )


def _type(row: Mapping[str, Any]) -> Type:
    resource, ours = row["resource"], row["ours"]
    return Type(
        sid=resource["sid"],
        friendly_name=resource["friendly_name"],
        machine_name=resource["machine_name"],
        kind=row["kind"],
        fields=tuple(
            _field(wire, ours["fields"][wire["machine_name"]]) for wire in resource["fields"]
        ),
        source=ours["source"],
        inferred=ours["inferred"],
        own=tuple(_own_field(name, given) for name, given in ours.get("own", {}).items()),
    )


def _own_field(name: str, ours: Mapping[str, Any]) -> Field:
    wire = {"machine_name": name, "friendly_name": ours["evaluation_name"], "constraint": "String"}
    return _field(wire, ours)


_ROWS = json.loads((files(__package__) / "catalogue" / "types.json").read_text("utf-8"))
_TYPES = tuple(_type(row) for row in _ROWS)
_END_USER = tuple(each for each in _TYPES if each.kind == "end_user")
_DOCUMENT = tuple(each for each in _TYPES if each.kind == "supporting_document")


def _index(each_type: tuple[Type, ...]) -> dict[str, Type]:
    by_name = {each.machine_name: each for each in each_type}
    return by_name | {each.sid: each for each in each_type}


_END_USER_INDEX = _index(_END_USER)
_DOCUMENT_INDEX = _index(_DOCUMENT)


def end_user_types() -> tuple[Type, ...]:
    """Every EndUserType, in the order in which the list is served."""
    return _END_USER


def supporting_document_types() -> tuple[Type, ...]:
    """Every SupportingDocumentType, in the order in which the list is served."""
    return _DOCUMENT


def end_user_type(name_or_sid: str) -> Type | None:
    """The EndUserType with this machine name or ``OY`` identifier, or None."""
    return _END_USER_INDEX.get(name_or_sid)


def supporting_document_type(name_or_sid: str) -> Type | None:
    """The SupportingDocumentType with this machine name or ``OY`` identifier, or None."""
    return _DOCUMENT_INDEX.get(name_or_sid)
