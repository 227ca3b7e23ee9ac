"""The rows and items of an evaluation in wire form, in the two dialects of Twilio's examples.

A passing row lists ``valid`` items that carry ``passed``; a failing row's ``invalid`` items carry
no ``passed``. A failing row keeps ``valid`` items in the passing dialect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]

_UPPER = {"cnam": "CNAM", "us": "US", "a2p": "A2P"}


@dataclass(frozen=True, slots=True)
class Row:
    """What every result row says of the requirement it answers."""

    object_type: str
    friendly_name: str
    requirement_name: str

    def passed(self, valid: list[Item]) -> Item:
        """The row of a requirement that is met."""
        return {
            "valid": valid,
            "invalid": [],
            "object_type": self.object_type,
            "friendly_name": self.friendly_name,
            "failure_reason": None,
            "passed": True,
            "requirement_friendly_name": self._title(),
            "error_code": None,
            "requirement_name": self.requirement_name,
        }

    def failed(
        self,
        reason: str,
        code: int | None,
        valid: list[Item],
        invalid: list[Item],
    ) -> Item:
        """The row of a requirement that is not met."""
        return {
            "friendly_name": self.friendly_name,
            "object_type": self.object_type,
            "passed": False,
            "failure_reason": reason,
            "error_code": code,
            "valid": valid,
            "invalid": invalid,
            "requirement_friendly_name": self._title(),
            "requirement_name": self.requirement_name,
        }

    def judged(self, valid: list[Item], invalid: list[Item]) -> Item:
        """Passed without invalid items; else failed for the first one's reason and code."""
        if not invalid:
            return self.passed(valid)
        return self.failed(invalid[0]["failure_reason"], invalid[0]["error_code"], valid, invalid)

    def _title(self) -> str:
        # Every published example words the requirement's name this way.
        words = self.requirement_name.split("_")
        return " ".join(_UPPER.get(word, word.capitalize()) for word in words)


def valid_item(friendly_name: str, name: str) -> Item:
    """One field that is as it should be."""
    return {
        "object_field": name,
        "error_code": None,
        "friendly_name": friendly_name,
        "passed": True,
        "failure_reason": None,
    }


def invalid_item(friendly_name: str, name: str, reason: str, code: int | None) -> Item:
    """One field that is not, with the sentence and code that say why."""
    return {
        "friendly_name": friendly_name,
        "object_field": name,
        "failure_reason": reason,
        "error_code": code,
    }


def a(name: str) -> str:
    """The indefinite article of a name; every name with a U is spoken as "you" ("A Use Case")."""
    return "An" if name[:1] in "AEIO" else "A"
