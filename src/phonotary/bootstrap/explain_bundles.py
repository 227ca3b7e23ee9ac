"""What ``explain`` says of bundles: where each stands, and what it gives to be seen."""

from __future__ import annotations

from phonotary.clock import Instant
from phonotary.shaken.ports import Standing
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, codes, lifecycle, policies
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.privacy import is_private
from phonotary.trusthub.records import Bundle, Number

_BRANDED = "Branded Calling product"


def bundle_lines(store: SqlStore, what: str, named: Bundle) -> list[str]:
    """A bundle as it stands, and where it was rejected, what was said of it."""
    errors = f", codes {', '.join(map(str, named.errors))}" if named.errors else ""
    told = [f"  {what}: {named.sid} {named.status}{errors}"]
    if named.status != lifecycle.REJECTED:
        return told
    rows = (codes.find(each) for each in named.errors)
    told += [f"    {row.code}: {row.message}" for row in rows if row]
    because = [each.because for each in store.history(named.sid) if each.after == named.status]
    # Whatever a person wrote stays one line of ours.
    return told + [f"    {said}" for each in because[-1:] if (said := one_line(each))]


def one_line(text: str) -> str:
    """Printable, and without a second line."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def display_lines(
    store: SqlStore, standing: Standing, held: Number | None, now: Instant
) -> list[str]:
    """What rich call data says of the caller, where a call is signed A, and which product says it;
    ``held`` is the number, where somebody here holds it."""
    shown = standing.display
    private = held is not None and is_private(store, held.phone_number)
    why = "its name is private" if private else "rich call data has nothing to show"
    told = [f"display none: {why}"]
    if shown is not None:
        told = [f"display {shown.name!r}: what rich call data shows with an A"]
        if shown.icon_url:
            told.append(f"  logo: {shown.icon_url} {shown.icon_digest}")
        if shown.reasons:
            told.append(f"  reasons: {'; '.join(shown.reasons)}")
    return told + _branded(store, kyc.bundles_with(store, held) if held else [], now)


def _branded(store: SqlStore, on: list[Bundle], now: Instant) -> list[str]:
    """The Branded Calling product that counts for a number on these bundles, or why none does."""
    speaking = list(kyc.speaking(store, on, policies.BRANDED_CALLING, now))
    if speaking:
        first, *others = speaking
        told = bundle_lines(store, _BRANDED, first)
        return told + [
            f"    {other.sid} is approved as well and does not count: the number was on the other "
            "one first"
            for other in others
        ]
    found = [each for each in on if each.policy_sid in policies.BRANDED_CALLING]
    told = [line for each in found for line in _silent(store, each, on, now)]
    return told or [f"  no {_BRANDED} has this number"]


def _silent(store: SqlStore, product: Bundle, on: list[Bundle], now: Instant) -> list[str]:
    """A product that does not speak for the number, and what it lacks."""
    told = bundle_lines(store, _BRANDED, product)
    if not lifecycle.vouches(product, now):
        expired = product.status == lifecycle.APPROVED
        return [*told, "    its approval has run out"] if expired else told
    profiles = assignments.profiles_of(store, product.sid)
    if not profiles:
        return [*told, "    it is linked to no business profile"]
    if not any(kyc.vouches(store, each, now) for each in profiles):
        return [*told, "    its business profile is not approved"]
    return [*told, "    the number is not on its business profile"]
