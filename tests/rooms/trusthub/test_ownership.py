"""Nothing leaks from one account to another, by any function of any room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import (
    addresses,
    assignments,
    bundles,
    end_users,
    evaluations,
    filing,
    numbers,
    ownership,
    policies,
    supporting_documents,
)
from phonotary.trusthub.records import CUSTOMER_PROFILE, Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import MANUAL, NOW, nobody, refused


@dataclass(frozen=True)
class Holdings:
    """One of everything that an account can hold, by its SID."""

    bundle: str
    approved: str
    end_user: str
    document: str
    entity: str
    address: str
    number: str
    assignment: str
    evaluation: str
    caller_id: str

    @classmethod
    def none(cls) -> Holdings:
        prefixes = "BU BU IT RD BV AD PN RA EL PN".split()
        return cls(*(nobody(prefix) for prefix in prefixes))


def holdings(store: MemoryStore, party: Party) -> Holdings:
    profile = office.profile(store, party)
    approved = office.approved(store, office.profile(store, party))
    bundles.provisional_copy(store, party, NOW, CUSTOMER_PROFILE, approved.sid)
    number = office.number(store, party, len(store.numbers.rows))
    evaluation = evaluations.create(
        store, party, NOW, CUSTOMER_PROFILE, profile.sid, policy_sid=policies.PRIMARY
    )
    entity = store.entity_assignments.first(bundle_sid=profile.sid)
    address = store.addresses.first(account_sid=party.sid)
    assert entity is not None
    assert address is not None
    return Holdings(
        bundle=profile.sid,
        approved=approved.sid,
        end_user=office.end_user(store, party, "cnam_information", {}),
        document=office.document(store, party),
        entity=entity.sid,
        address=address.sid,
        number=number.sid,
        assignment=office.on(store, party, profile, number),
        evaluation=evaluation.sid,
        caller_id=numbers.add_caller_id(store, party, NOW, "+12122360100", None).sid,
    )


Call = Callable[[MemoryStore, Party, Holdings], object]
P = CUSTOMER_PROFILE
LISTED = Ask(), {}

# What a parent may read of its subaccount's.
READS: dict[str, Call] = {
    "bundle": lambda s, p, h: bundles.fetch(s, p, P, h.bundle),
    "copy": lambda s, p, h: bundles.fetch_copy(s, p, P, h.approved),
    "end user": lambda s, p, h: end_users.fetch(s, p, h.end_user),
    "document": lambda s, p, h: supporting_documents.fetch(s, p, h.document),
    "entity": lambda s, p, h: assignments.entity(s, p, P, h.bundle, h.entity),
    "entities": lambda s, p, h: assignments.entities(s, p, P, h.bundle, *LISTED),
    "number on it": lambda s, p, h: assignments.number_assignment(s, p, P, h.bundle, h.assignment),
    "numbers on it": lambda s, p, h: assignments.number_assignments(s, p, P, h.bundle, *LISTED),
    "evaluation": lambda s, p, h: evaluations.fetch(s, p, P, h.bundle, h.evaluation),
    "evaluations": lambda s, p, h: evaluations.page(s, p, P, h.bundle, Ask()),
}
# What each account does for itself: a parent acts as its subaccount, and not in its own name.
OWN: dict[str, Call] = {
    "own bundle": lambda s, p, h: bundles.own(s, p, P, h.bundle),
    "update bundle": lambda s, p, h: bundles.update(s, p, NOW, P, h.bundle),
    "delete bundle": lambda s, p, h: bundles.delete(s, p, P, h.bundle),
    "copy bundle": lambda s, p, h: bundles.provisional_copy(s, p, NOW, P, h.approved),
    "submit": lambda s, p, h: filing.set_status(
        s, p, NOW, P, h.bundle, "pending-review", MANUAL, through_console=True
    ),
    "assign entity": lambda s, p, h: assignments.assign_entity(
        s, p, NOW, P, h.bundle, object_sid=h.end_user
    ),
    "unassign entity": lambda s, p, h: assignments.unassign_entity(s, p, P, h.bundle, h.entity),
    "assign number": lambda s, p, h: assignments.assign_number(
        s,
        p,
        NOW,
        P,
        h.bundle,
        channel_endpoint_sid=h.number,
        channel_endpoint_type="phone-number",
    ),
    "unassign number": lambda s, p, h: assignments.unassign_number(s, p, P, h.bundle, h.assignment),
    "evaluate": lambda s, p, h: evaluations.create(
        s, p, NOW, P, h.bundle, policy_sid=policies.PRIMARY
    ),
    "update end user": lambda s, p, h: end_users.update(s, p, NOW, h.end_user),
    "delete end user": lambda s, p, h: end_users.delete(s, p, h.end_user),
    "update document": lambda s, p, h: supporting_documents.update(s, p, NOW, h.document),
    "delete document": lambda s, p, h: supporting_documents.delete(s, p, h.document),
    "address": lambda s, p, h: addresses.fetch(s, p, h.address),
    "update address": lambda s, p, h: addresses.update(s, p, NOW, h.address, city="x"),
    "delete address": lambda s, p, h: addresses.delete(s, p, h.address),
    "dependents": lambda s, p, h: addresses.dependents(s, p, h.address, Ask()),
    "number": lambda s, p, h: numbers.fetch(s, p, h.number),
    "update number": lambda s, p, h: numbers.update(s, p, NOW, h.number),
    "take number": lambda s, p, h: numbers.update(s, p, NOW, h.number, new_account_sid=p.sid),
    "release number": lambda s, p, h: numbers.release(s, p, h.number),
    "caller id": lambda s, p, h: numbers.caller_id(s, p, h.caller_id),
    "rename caller id": lambda s, p, h: numbers.rename_caller_id(s, p, NOW, h.caller_id, "x"),
}
EVERY = {**READS, **OWN}


def refusal(store: MemoryStore, party: Party, call: Call, held: Holdings) -> str:
    """The sentence, with the SIDs that were asked for taken out."""
    with refused(Reason.NOT_FOUND) as caught:
        call(store, party, held)
    text = caught.value.because
    for sid in vars(held).values():
        text = text.replace(sid, "…")
    return text


@pytest.mark.parametrize("name", EVERY)
def test_a_stranger_cannot_tell_that_a_record_exists(
    store: MemoryStore, child: Party, stranger: Party, name: str
) -> None:
    held = holdings(store, child)
    before = everything(store)
    told = refusal(store, stranger, EVERY[name], held)
    assert told == refusal(store, stranger, EVERY[name], Holdings.none())
    assert everything(store) == before


@pytest.mark.parametrize("name", EVERY)
def test_a_subaccount_sees_nothing_of_its_parents(
    store: MemoryStore, parent: Party, child: Party, name: str
) -> None:
    held = holdings(store, parent)
    told = refusal(store, child, EVERY[name], held)
    assert told == refusal(store, child, EVERY[name], Holdings.none())


@pytest.mark.parametrize("name", READS)
def test_a_parent_reads_what_is_its_subaccounts(
    store: MemoryStore, parent: Party, child: Party, name: str
) -> None:
    held = holdings(store, child)
    assert READS[name](store, parent, held) == READS[name](store, child, held)


@pytest.mark.parametrize("name", OWN)
def test_a_parent_does_not_change_what_is_its_subaccounts(
    store: MemoryStore, parent: Party, child: Party, name: str
) -> None:
    held = holdings(store, child)
    before = everything(store)
    refusal(store, parent, OWN[name], held)
    assert everything(store) == before


def test_lists_hold_nothing_of_others(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    for party in (parent, child):
        holdings(store, party)
    for rows in (
        bundles.page(store, stranger, P, *LISTED).rows,
        end_users.page(store, stranger, Ask()).rows,
        supporting_documents.page(store, stranger, Ask()).rows,
        addresses.page(store, stranger, *LISTED).rows,
        numbers.page(store, stranger, *LISTED).rows,
    ):
        assert rows == []


@pytest.mark.parametrize("what", ["end_user", "document", "approved"])
def test_nobody_puts_anothers_papers_into_a_bundle(
    store: MemoryStore, child: Party, stranger: Party, what: str
) -> None:
    held = holdings(store, child)
    own = office.draft(store, stranger)
    sentences = set()
    for sid in (getattr(held, what), getattr(Holdings.none(), what)):
        with refused(Reason.OBJECT_UNKNOWN) as caught:
            assignments.assign_entity(store, stranger, NOW, own.kind, own.sid, object_sid=sid)
        sentences.add(caught.value.because.replace(sid, "…"))
    assert len(sentences) == 1


def test_a_family_is_an_account_and_its_subaccounts(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    family = [(a, b) for a in (parent, child, stranger) for b in (parent, child, stranger)]
    related = [(a, b) for a, b in family if ownership.is_in_family(store, a, b.sid)]
    alone = [(parent, parent), (parent, child), (child, child), (stranger, stranger)]
    assert related == alone
    assert not ownership.is_in_family(store, parent, nobody("AC"))


def everything(store: MemoryStore) -> str:
    """All that is kept, to be compared with what is kept later."""
    kept = {name: each.rows for name, each in vars(store).items() if hasattr(each, "rows")}
    return repr((kept, store.events, store.jobs))
