"""The level and the name of one number, and what each of them rests on, as lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phonotary.bootstrap.controls import advanced_in
from phonotary.bootstrap.explain_bundles import bundle_lines, display_lines, one_line
from phonotary.bootstrap.name_history import spells_of
from phonotary.bootstrap.placing import places_in
from phonotary.bootstrap.standing import standing_in
from phonotary.bootstrap.vouching import Vouching
from phonotary.clock import Clock, Instant, iso8601
from phonotary.cnam import registry
from phonotary.cnam.propagation import Carrier, History, Kind, Line, Seen, display_at
from phonotary.cnam.registry import Withheld
from phonotary.errors import Reason, Refused
from phonotary.shaken.attestation import Level, decide
from phonotary.shaken.ports import Standing
from phonotary.storage import cnam_ledger, migrate
from phonotary.storage.cnam_ledger import Asked
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.tn import parse
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.privacy import is_private

_NAMELESS = {
    Withheld.UNKNOWN_NUMBER: "nobody here holds this number",
    Withheld.NOT_ELIGIBLE: "only US numbers that are not toll-free have names",
    Withheld.ACCOUNT_NOT_ACTIVE: "its account is not active",
    Withheld.NOT_ON_PRODUCT: "no CNAM product has this number",
    Withheld.PRODUCT_NOT_VOUCHING: "no approved CNAM product has this number",
    Withheld.NO_PROFILE: "its CNAM product is linked to no business profile",
    Withheld.PROFILE_NOT_VOUCHING: "the business profile of its CNAM product is not approved",
    Withheld.NOT_ON_PROFILE: "it is not on the business profile of its CNAM product",
    Withheld.NO_NAME: "its CNAM product gives it no name",
}


@dataclass(frozen=True, slots=True)
class Phone:
    """Where a call is looked at."""

    carrier: Carrier
    line: Line = Line.LANDLINE
    opted_in: bool = False
    """The subscriber of a mobile line has asked for names."""


def lines(
    database_url: str,
    number: str,
    account_sid: str | None,
    phone: Phone | None = None,
    directory: Path | None = None,
) -> list[str]:
    """Read the hub's database as it is now, and say as well what ``phone`` shows. ``directory`` is
    where an imported table of places is. Refused when the number or the account is none."""
    tn = parse(number)
    if tn is None:
        raise Refused(Reason.NUMBER_INVALID, f"{number} is not a telephone number")
    database = Database(database_url)
    try:
        if migrate.current(database) != migrate.HEAD:
            raise Refused(Reason.NOT_FOUND, "That database holds no hub of this version")
        return database.read(lambda store: _all(store, tn.e164, account_sid, phone, directory))
    finally:
        database.close()


def _all(
    store: SqlStore,
    number: str,
    account_sid: str | None,
    phone: Phone | None,
    directory: Path | None,
) -> list[str]:
    if phone is None:
        return _lines(store, number, account_sid)
    try:
        told = _lines(store, number, account_sid)
    except Refused as refused:
        # No call is signed, and phones show all the same what they have of the number.
        told = [f"{number}: {refused.because}"]
    return told + _shown(store, number, phone, directory)


def _lines(store: SqlStore, number: str, account_sid: str | None) -> list[str]:
    now = Clock(advanced_in(store)).now()
    held = store.numbers.first(phone_number=number)
    if held is None and account_sid is None:
        # Whatever would be advised to some account is nothing that it could do.
        return [
            f"{number}: nobody here holds it",
            "  --account says what it is worth when that account calls from it",
            *_name(store, number, now),
            *_deliveries(store, number),
        ]
    caller = account_sid or (held.account_sid if held else "")
    standing = standing_in(store, number, caller, now)
    decision = decide(standing, caller_authenticated=True, requested=Level.A)
    return [
        f"{number}, calling account {caller}",
        f"attestation {decision.level}: {decision.reason}",
        f"  {decision.explanation}",
        *([] if held else ["  nobody here holds the number; before that no bundle can have it"]),
        *_evidence(store, standing),
        *_name(store, number, now),
        *display_lines(store, standing, held, now),
        *_deliveries(store, number),
    ]


def _deliveries(store: SqlStore, number: str) -> list[str]:
    """Where each database stands, what it said last, and what was last seen there."""
    told = []
    for row in reversed(cnam_ledger.page(store, Asked(phone_number=number)).rows):
        each = row.delivery
        order = f", order {each.order_ref}" if each.order_ref else ""
        if each.order_key and not each.order_ref and row.error:
            # It may have left: whoever broke off may have taken it first.
            order = ", not known to have arrived"
        line = f"  {each.database}: {each.name!r} {each.state} since {iso8601(each.since)}{order}"
        told.append(f"{line}; last said: {one_line(row.error)}" if row.error else line)
        if seen := row.observed:
            shown = repr(seen.observed_name) if seen.observed_name else "no name"
            told.append(f"    on {iso8601(seen.observed_at)} it showed {shown}")
    return told


def _evidence(store: SqlStore, standing: Standing) -> list[str]:
    found = []
    for what, sid in (("profile", standing.profile_sid), ("product", standing.product_sid)):
        bundle = store.bundles.get(sid) if sid else None
        found += [f"  {what}: none"] if bundle is None else bundle_lines(store, what, bundle)
    return found


def _name(store: SqlStore, number: str, now: Instant) -> list[str]:
    delay = Vetting(store.setting("vetting") or "instant").propagation(number)
    name = kyc.display_name(store, number, now, delay)
    if name is None and (coming := kyc.display_name(store, number, now)):
        return [
            f"name none yet: {coming!r} is approved and on its way, 48 to 72 hours (CNAM guide)"
        ]
    if name:
        told = [f"name {name!r}: an approved CNAM product vouches for it"]
        if is_private(store, number):
            told.append("  it is private (cnam_visibility): databases keep it and nobody sees it")
        return told
    facts = Vouching(store, now).facts(number)
    why = _NAMELESS[registry.withheld(facts) or Withheld.NO_NAME]
    product = store.bundles.get(facts.product_sid) if facts.product_sid else None
    return [
        f"name none: {why}; carriers show city and state",
        *(bundle_lines(store, "CNAM product", product) if product else ()),
    ]


def _shown(store: SqlStore, number: str, phone: Phone, directory: Path | None) -> list[str]:
    """What the called phone shows now, and when it will show something else."""
    now = Clock(advanced_in(store)).now()
    history = History(
        number,
        spells_of(store, number, now),
        # Other people's databases take their time, however fast this hub vets.
        propagation=Vetting("delayed").propagation(number),
        own_propagation=Vetting(store.setting("vetting") or "instant").propagation(number),
    )
    place = places_in(directory).of(number)
    carrier, line = phone.carrier, phone.line
    shown = display_at(carrier, line, history, place, now, opted_in=phone.opted_in)
    told = [
        f"at {carrier.name}, {line}: {_text(shown.now, number)}",
        f"  {shown.why}",
    ]
    if shown.changes is None or shown.then is None:
        return [*told, "  it will not change by itself"]
    then = f"  from {iso8601(shown.changes)}: {_text(shown.then, number)}"
    return [*told, f"{then}; {shown.because}" if shown.because else then]


def _text(seen: Seen, number: str) -> str:
    if seen.kind is Kind.NUMBER:
        return f"only the number, {number}"
    if seen.kind is Kind.PRIVATE:
        return "no name: there is one, and it is private"
    what = "the name" if seen.kind is Kind.NAME else "no name, the place"
    return f"{what} {seen.text!r}"
