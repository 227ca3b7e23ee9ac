"""What end users and supporting documents share: a name, attributes, and bundles that hold them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub.assignments import FROZEN, is_frozen
from phonotary.trusthub.records import EndUser, SupportingDocument
from phonotary.trusthub.store import Collection, Store

_A = TypeVar("_A", EndUser, SupportingDocument)


def update(
    store: Store,
    collection: Collection[_A],
    record: _A,
    now: Instant,
    what: str,
    friendly_name: str | None,
    attributes: dict[str, Any] | None,
) -> _A:
    """``record`` under another name or with new attributes; None keeps them. Raises Refused
    (FROZEN) while any bundle that holds it takes no edits; ``what`` names it there."""
    if is_frozen(store, record.sid):
        raise Refused(Reason.FROZEN, FROZEN.format(what=what))
    changed = replace(
        record,
        friendly_name=record.friendly_name if friendly_name is None else friendly_name,
        attributes=record.attributes if attributes is None else attributes,
        date_updated=now,
    )
    collection.replace(changed)
    return changed
