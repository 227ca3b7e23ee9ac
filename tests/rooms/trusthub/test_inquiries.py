"""Embedded onboarding: one link, one form, one bundle filed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import inquiries, policies
from phonotary.trusthub.inquiries import LIFE, Session
from phonotary.trusthub.records import Bundle, Party
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import ADDRESS, MANUAL, NOW, nobody, refused
from tests.rooms.trusthub.samples import BUSINESS, PERSON

PREFILL = {"notification_email": "ann@acme.example", "business_name": "Acme"}


def bundle_of(store: MemoryStore, session: Session) -> Bundle:
    bundle = store.bundles.get(session.inquiry.bundle_sid)
    assert bundle is not None
    return bundle


def answers() -> dict[str, str]:
    """What a person types into the form of a profile."""
    business = {**BUSINESS, "business_identity": "isv_reseller_or_partner"}
    typed = {f"customer_profile_business_information.{k}": v for k, v in business.items()}
    typed |= {f"authorized_representative_1.{k}": v for k, v in PERSON.items()}
    return typed | {f"customer_profile_address.{k}": v for k, v in ADDRESS.items()}


def resume(store: MemoryStore, party: Party, session: Session, primary: str) -> Session:
    return inquiries.resume_customer(
        store, party, NOW, session.resource_id, primary_profile_sid=primary
    )


def test_without_a_primary_the_form_is_for_one(store: MemoryStore, parent: Party) -> None:
    session = inquiries.for_customer(store, parent, NOW, notification_email="ann@acme.example")
    bundle = bundle_of(store, session)
    assert (bundle.policy_sid, bundle.status) == (policies.PRIMARY, "draft")
    assert bundle.email == "ann@acme.example"
    assert session.resource_id == f"tri1.us1.trusthub.{parent.sid}.customer.{bundle.sid}"


@pytest.mark.parametrize("identity", ["isv_reseller_or_partner", "direct_customer"])
def test_under_a_primary_the_form_is_for_a_secondary(
    store: MemoryStore, parent: Party, child: Party, identity: str
) -> None:
    primary = office.profile(store, parent, identity=identity)
    for party in (parent, child):
        session = inquiries.for_customer(store, party, NOW, primary_profile_sid=primary.sid)
        bundle = bundle_of(store, session)
        assert (bundle.policy_sid, bundle.email) == (policies.SECONDARY, primary.email)
        held = store.entity_assignments.all(bundle_sid=bundle.sid)
        assert [each.object_sid for each in held] == [primary.sid]


def test_only_a_primary_of_the_family_will_do(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    others = office.draft(store, stranger, policies.PRIMARY)
    childs = office.draft(store, child, policies.PRIMARY)
    secondary = office.draft(store, parent, policies.SECONDARY)
    for sid in (others.sid, childs.sid, secondary.sid, nobody("BU")):
        with refused(Reason.INVALID_PARAMETER) as caught:
            inquiries.for_customer(store, parent, NOW, primary_profile_sid=sid)
        assert caught.value.because == f"PrimaryProfileSid {sid} was not found"


def test_a_link_opens_with_its_own_token_for_a_day(store: MemoryStore, parent: Party) -> None:
    session = inquiries.for_customer(store, parent, NOW)
    sid = session.inquiry.sid
    assert len(sid) == 28
    assert session.token not in repr(session.inquiry)
    opened = inquiries.opened(store, NOW + LIFE - 1, sid, session.token)
    assert opened == (session.inquiry, bundle_of(store, session))
    other = inquiries.for_customer(store, parent, NOW)
    for wrong_sid, wrong_token in ((sid, other.token), (sid, ""), ("inq_", session.token)):
        with refused(Reason.NOT_FOUND):
            inquiries.opened(store, NOW, wrong_sid, wrong_token)
    with refused(Reason.FORBIDDEN):
        inquiries.opened(store, NOW + LIFE, sid, session.token)
    store.bundles.remove(session.inquiry.bundle_sid)
    with refused(Reason.NOT_FOUND):
        inquiries.opened(store, NOW, sid, session.token)


def test_the_form_asks_for_what_the_policy_asks_for(store: MemoryStore, parent: Party) -> None:
    for policy in policies.POLICIES:
        bundle = office.draft(store, parent, policy.sid)
        asked = inquiries.sections(bundle)
        wanted = [(e.type, e.requirement_name in policy.optional) for e in policy.end_users]
        assert [(s.type, s.optional) for s in asked][: len(wanted)] == wanted
        assert len({section.type for section in asked}) == len(asked)
    assert inquiries.sections(replace(bundle, policy_sid=nobody("RN"))) == ()


def test_a_form_that_is_sent_fills_the_bundle_and_files_it(
    store: MemoryStore, parent: Party
) -> None:
    session = inquiries.for_customer(store, parent, NOW)
    bundle = bundle_of(store, session)
    given = {name: f" {text} " for name, text in answers().items()}
    after = inquiries.answer(store, NOW, bundle, parent.owner_sid, given, MANUAL)
    assert after.status == "pending-review"
    held = store.entity_assignments.all(bundle_sid=bundle.sid)
    assert sorted(each.object_type for each in held) == [
        "authorized_representative_1",
        "customer_profile_address",
        "customer_profile_business_information",
    ]
    person = store.end_users.first(type="authorized_representative_1")
    assert person is not None
    assert person.attributes == PERSON
    office.approved(store, office.forced(store, after, "draft"))


def test_a_form_sent_again_replaces_what_was_there(store: MemoryStore, parent: Party) -> None:
    bundle = bundle_of(store, inquiries.for_customer(store, parent, NOW))
    first = inquiries.answer(store, NOW, bundle, parent.owner_sid, answers(), MANUAL)
    with refused(Reason.FROZEN):
        inquiries.answer(store, NOW, first, parent.owner_sid, answers(), MANUAL)
    rejected = office.forced(store, first, "twilio-rejected")
    inquiries.answer(store, NOW, rejected, parent.owner_sid, answers(), MANUAL)
    assert len(store.entity_assignments.all(bundle_sid=bundle.sid)) == 3


def test_an_address_needs_a_country(store: MemoryStore, parent: Party) -> None:
    bundle = bundle_of(store, inquiries.for_customer(store, parent, NOW))
    with refused(Reason.ADDRESS_INVALID):
        inquiries.answer(store, NOW, bundle, parent.owner_sid, {}, MANUAL)


def test_an_inquiry_is_resumed_by_its_own_account(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    primary = office.draft(store, parent, policies.PRIMARY)
    session = inquiries.for_customer(store, parent, NOW, primary_profile_sid=primary.sid)
    again = resume(store, parent, session, primary.sid)
    assert again.inquiry.bundle_sid == session.inquiry.bundle_sid
    assert again.token != session.token
    assert again.resource_id == session.resource_id
    with refused(Reason.INVALID_PARAMETER):
        resume(store, parent, session, nobody("BU"))
    for party in (child, stranger):
        with refused(Reason.NOT_FOUND):
            resume(store, party, session, primary.sid)


@pytest.mark.parametrize(
    "resource_id", ["", "BU", ".", "tri1.us1.trusthub.AC.customer.BU", "customer." + "BU" * 17]
)
def test_what_is_no_inquiry_is_not_found(
    store: MemoryStore, parent: Party, resource_id: str
) -> None:
    primary = office.draft(store, parent, policies.PRIMARY)
    plain = office.draft(store, parent, policies.SECONDARY)
    for asked in (resource_id, f"tri1.us1.trusthub.{parent.sid}.customer.{plain.sid}"):
        with refused(Reason.NOT_FOUND):
            inquiries.resume_customer(store, parent, NOW, asked, primary_profile_sid=primary.sid)
        with refused(Reason.NOT_FOUND):
            inquiries.resume_registration(store, parent, NOW, asked)


@pytest.mark.parametrize(("type", "key"), [("Business", "gb_business"), ("Other", "gb_individual")])
def test_a_registration_is_resumed_with_what_was_known(
    store: MemoryStore, parent: Party, type: str, key: str
) -> None:
    prefill = {**PREFILL, "status_callback_url": "https://acme.example/"}
    session = inquiries.for_registration(store, parent, NOW, end_user_type=type, prefill=prefill)
    bundle = bundle_of(store, session)
    assert bundle.policy_sid == policies.named(key).sid
    assert (bundle.email, bundle.status_callback) == ("ann@acme.example", "https://acme.example/")
    again = inquiries.resume_registration(store, parent, NOW, session.resource_id)
    assert again.inquiry.prefill == prefill


def test_a_toll_free_number_is_verified_by_its_holder(
    store: MemoryStore, parent: Party, stranger: Party
) -> None:
    number = office.number(store, parent, area="888")
    local = office.number(store, parent)

    def initialize(party: Party, phone_number: str) -> Session:
        return inquiries.for_tollfree(store, party, NOW, phone_number=phone_number, prefill=PREFILL)

    session = initialize(parent, number.phone_number)
    assert bundle_of(store, session).policy_sid == policies.named("toll_free").sid
    assert session.resource_id.endswith(f"tollfree.{number.sid}")
    for party, phone_number in ((stranger, number.phone_number), (parent, local.phone_number)):
        with refused(Reason.INVALID_PARAMETER):
            initialize(party, phone_number)
