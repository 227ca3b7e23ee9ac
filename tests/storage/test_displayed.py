"""How a number is shown follows what is approved, as its level does: at once, and for all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from types import SimpleNamespace

import pytest

from phonotary import sids
from phonotary.bootstrap.standing import Standings, standing_in
from phonotary.errors import Reason
from phonotary.shaken.ports import ShownAs, Standing
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, bundles, end_users, policies, review
from phonotary.trusthub.display import DIGEST, Logo
from phonotary.trusthub.records import TRUST_PRODUCT, Party
from tests.rooms import office
from tests.rooms.office import NOW, refused

URL, PIN = "https://acme.example/logo.bmp", "sha256-" + "A" * 43
SHOWN = ShownAs("Acme Plumbing of Austin", URL, PIN, ("Your appointment",))
LEGAL, SHORT = ShownAs("Acme Plumbing LLC"), ShownAs("ACME PLUMBING")


@dataclass(frozen=True, slots=True)
class Scene:
    """Two numbers on all products of one customer."""

    party: Party
    profile: str
    cnam: str
    branded: str
    on_branded: str
    first: str
    second: str


def scene(store: SqlStore) -> Scene:
    party = office.party_of(office.opened(store))
    profile, product = office.approved_pair(store, party)
    cnam = office.draft(store, party, policies.CNAM)
    name = office.end_user(store, party, "cnam_information", {"cnam_display_name": SHORT.name})
    office.assigned(store, party, cnam, profile.sid, name)
    branded = office.branded(
        store,
        party,
        profile,
        branded_calls_long_display_name=SHOWN.name,
        branded_calls_logo_url=URL,
        branded_calls_call_reason="Your appointment",
        **{DIGEST: PIN},
    )
    numbers = [office.number(store, party, last) for last in (0, 1)]
    made = [
        office.on(store, party, bundle, number)
        for number in numbers
        for bundle in (profile, product, cnam, branded)
    ]
    office.approved(store, cnam)
    office.approved(store, branded, Logo(URL, PIN))
    first, second = (each.phone_number for each in numbers)
    return Scene(party, profile.sid, cnam.sid, branded.sid, made[3], first, second)


@pytest.fixture
def known(database: Database) -> Scene:
    return database.write(scene)


@pytest.fixture
def standings(database: Database, known: Scene) -> Iterator[Standings]:
    kept = Standings(database, lambda: NOW, capacity=1000)
    kept.start()
    yield kept
    kept.stop()


def _suspend(sid: str) -> Callable[[SqlStore, Scene], object]:
    def act(store: SqlStore, known: Scene) -> None:
        bundle = store.bundles.get(getattr(known, sid))
        assert bundle is not None
        review.suspend(store, NOW, bundle, "rita", "it is not who it says")

    return act


def _expire(store: SqlStore, known: Scene) -> None:
    bundle = store.bundles.get(known.branded)
    assert bundle is not None
    store.bundles.replace(replace(bundle, valid_until=NOW))


ENDINGS: dict[str, tuple[Callable[[SqlStore, Scene], object], ShownAs]] = {
    "suspended": (_suspend("branded"), SHORT),
    "expired": (_expire, SHORT),
    "deleted": (
        lambda store, known: bundles.delete(store, known.party, TRUST_PRODUCT, known.branded),
        SHORT,
    ),
    "unassigned": (
        lambda store, known: assignments.unassign_number(
            store, known.party, TRUST_PRODUCT, known.branded, known.on_branded
        ),
        SHORT,
    ),
    "the profile is suspended": (_suspend("profile"), LEGAL),
}


@pytest.mark.parametrize(("act", "left"), ENDINGS.values(), ids=list(ENDINGS))
def test_what_ends_an_approval_ends_what_is_shown_at_once(
    database: Database,
    standings: Standings,
    known: Scene,
    act: Callable[[SqlStore, Scene], object],
    left: ShownAs,
) -> None:
    assert standings(known.first, known.party.sid).display == SHOWN
    database.write(lambda store: act(store, known))
    assert standings(known.first, known.party.sid).display == left
    assert standings(known.first, known.party.sid) == anew(database, known)


def test_a_private_number_stays_private_without_its_approval(
    database: Database, standings: Standings, known: Scene
) -> None:
    def hide(store: SqlStore) -> None:
        for held in store.entity_assignments.all(bundle_sid=known.cnam):
            user = store.end_users.get(held.object_sid)
            if user and user.type == "cnam_information":
                hidden = {**user.attributes, "cnam_visibility": "private"}
                store.end_users.replace(replace(user, attributes=hidden))

    assert standings(known.first, known.party.sid).display == SHOWN
    database.write(lambda store: _suspend("cnam")(store, known))
    assert standings(known.first, known.party.sid).display == SHOWN
    database.write(hide)
    assert standings(known.first, known.party.sid).display is None


def anew(database: Database, known: Scene) -> Standing:
    return database.read(lambda store: standing_in(store, known.first, known.party.sid, NOW))


def test_without_an_approved_name_it_is_the_businesss(
    database: Database, standings: Standings, known: Scene
) -> None:
    for which in ("branded", "cnam"):
        database.write(lambda store, which=which: _suspend(which)(store, known))
    assert standings(known.first, known.party.sid).display == LEGAL


def test_numbers_that_stand_alike_share_what_they_show(standings: Standings, known: Scene) -> None:
    first, second = (standings(tn, known.party.sid) for tn in (known.first, known.second))
    assert first is second


def test_the_ledger_is_told_whose_word_the_name_is(standings: Standings, known: Scene) -> None:
    inputs = dict(standings(known.first, known.party.sid).inputs)
    assert list(inputs)[2:4] == [known.branded, known.cnam]


def test_the_ledger_is_told_so_also_of_a_number_on_more_bundles_than_it_keeps(
    database: Database, known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight are kept, and those that play no part have the lowest SIDs here."""
    counted = count(1)

    def lowest(prefix: str) -> str:
        return f"BU{next(counted):032x}" if prefix == "BU" else sids.mint(prefix)

    def crowd(store: SqlStore) -> None:
        number = store.numbers.first(phone_number=known.first)
        assert number is not None
        # A number is on one product of each policy at most.
        taken = {one.policy_sid for one in store.bundles.all(account_sid=known.party.sid)}
        products = [each.sid for each in policies.POLICIES if each.kind == TRUST_PRODUCT]
        for policy in [sid for sid in products if sid not in taken][:8]:
            idle = office.draft(store, known.party, policy)
            office.assigned(store, known.party, idle, known.profile)
            office.on(store, known.party, idle, number)

    with monkeypatch.context() as patch:
        patch.setattr(bundles, "sids", SimpleNamespace(mint=lowest))
        database.write(crowd)
    inputs = [sid for sid, _ in anew(database, known).inputs]
    assert inputs[0] == known.profile
    assert inputs[2:4] == [known.branded, known.cnam]
    assert inputs[4:] == [f"BU{n:032x}" for n in range(1, 5)]


def test_what_was_approved_is_not_edited(database: Database, known: Scene) -> None:
    with database.writing() as store:
        held = store.entity_assignments.all(bundle_sid=known.branded)
        (sid,) = (
            each.object_sid
            for each in held
            if (user := store.end_users.get(each.object_sid))
            and user.type == "branded_calls_information"
        )
        with refused(Reason.FROZEN):
            end_users.update(store, known.party, NOW, sid, attributes={})
