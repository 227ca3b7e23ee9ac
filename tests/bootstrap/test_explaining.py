"""What ``explain`` says of deliveries and products, on a database that no hub is running on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotary.bootstrap.explain import lines
from phonotary.clock import Clock
from phonotary.cnam.orders import LineOutcome, LineState
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import filing, review
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import Bundle, Number
from tests.rooms import office
from tests.rooms.office import MANUAL, NOW
from tests.storage import registrars
from tests.storage.registrars import Elsewhere, work, worker


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    # ``explain`` is another process than the hub and asks the clock itself.
    monkeypatch.setattr(Clock, "now", lambda clock: NOW + clock.advanced)
    return f"sqlite:///{tmp_path / 'hub.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


def explained(url: str, number: str) -> str:
    return "\n".join(lines(url, number, None))


def test_an_order_that_cannot_be_sent_says_why_beside_its_state(
    database: Database, url: str
) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = registrars.Clock(), Elsewhere()
    elsewhere.down = True
    work(worker(database, clock, elsewhere))
    told = explained(url, family.tn)
    (line,) = (each for each in told.splitlines() if each.startswith("  elsewhere: "))
    assert " submitted since " in line
    assert line.endswith(", not known to have arrived; last said: it is down")
    # Once it is through, only what the database said of the name is told.
    elsewhere.down = False
    elsewhere.says = LineState.REJECTED
    elsewhere.outcomes = {family.tn: LineOutcome(LineState.REJECTED, "11014", "not\nyours")}
    clock.now += 86_400
    work(worker(database, clock, elsewhere))
    told = explained(url, family.tn)
    assert "; last said: 11014 not yours" in told
    assert "not known to have arrived" not in told and "it is down" not in told


def identified(store: SqlStore) -> tuple[Number, Bundle, Bundle]:
    """A number on an approved profile, and two drafts of Branded Calling on that profile."""
    parent = office.party_of(office.opened(store))
    profile = office.approved(store, office.profile(store, parent))
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    # A number is on one product of each policy at most, and Branded Calling has several policies.
    long_name, basic = "branded_calls_long_display_name", "branded_calling_basic_"
    first, second = (
        office.branded(store, parent, profile, key=f"{basic}{at}", **{long_name: name})
        for at, name in enumerate(("Acme Plumbing of Austin", "Acme of Texas"), 1)
    )
    return number, first, second


def test_a_branded_calling_product_is_named_with_where_it_stands(
    database: Database, url: str
) -> None:
    number, draft, _ = database.write(identified)
    tn = number.phone_number
    assert "\n  no Branded Calling product has this number" in explained(url, tn)

    def on_it(store: SqlStore) -> None:
        office.on(store, office.party_of(store.account(number.account_sid)), draft, number)

    database.write(on_it)
    assert f"\n  Branded Calling product: {draft.sid} draft" in explained(url, tn)

    def reject(store: SqlStore) -> None:
        submitted = filing.submit(store, NOW, store.bundles.get(draft.sid), MANUAL)
        verdict = review.Verdict(False, (11012,), "who is\nAcme?")
        review.decide(store, NOW, submitted, verdict, By.REVIEWER, "rita")

    database.write(reject)
    told = explained(url, tn)
    assert f"\n  Branded Calling product: {draft.sid} twilio-rejected, codes 11012\n" in told
    assert "\n    11012: " in told and "\n    who is Acme?" in told
    database.write(lambda store: office.approved(store, draft))
    told = explained(url, tn)
    assert "display 'Acme Plumbing of Austin': what rich call data shows with an A" in told
    assert f"\n  Branded Calling product: {draft.sid} twilio-approved" in told


def test_an_approved_product_that_does_not_speak_says_what_it_lacks(
    database: Database, url: str
) -> None:
    number, draft, _ = database.write(identified)
    tn = number.phone_number

    def approve(store: SqlStore) -> None:
        office.on(store, office.party_of(store.account(number.account_sid)), draft, number)
        office.approved(store, draft)

    database.write(approve)
    profile = next(
        each for each in database.read(lambda store: store.bundles.all()) if each.sid != draft.sid
        and each.status == "twilio-approved"
    )  # fmt: skip
    database.write(lambda store: office.forced(store, profile, "twilio-rejected"))
    assert "\n    its business profile is not approved" in explained(url, tn)
    database.write(lambda store: office.forced(store, profile, "twilio-approved"))

    def off_the_profile(store: SqlStore) -> None:
        for each in store.endpoint_assignments.all(bundle_sid=profile.sid):
            store.endpoint_assignments.remove(each.sid)

    database.write(off_the_profile)
    assert "\n    the number is not on its business profile" in explained(url, tn)


def test_of_two_that_are_approved_it_says_which_counts(database: Database, url: str) -> None:
    number, first, second = database.write(identified)

    def both(store: SqlStore) -> None:
        party = office.party_of(store.account(number.account_sid))
        for each in (second, first):
            office.on(store, party, each, number)
        for each in (first, second):
            office.approved(store, each)

    database.write(both)
    told = explained(url, number.phone_number)
    assert "display 'Acme of Texas'" in told
    assert f"\n  Branded Calling product: {second.sid} twilio-approved\n" in told
    assert f"\n    {first.sid} is approved as well and does not count: the number was on" in told
