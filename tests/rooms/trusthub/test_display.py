"""The display identity: what is filed, what is approved of it, and for which number it counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import (
    bundles,
    display,
    filing,
    policies,
    privacy,
    review,
    standing,
    vetting,
)
from phonotary.trusthub.display import DIGEST, Displayed, Filed, Logo
from phonotary.trusthub.facts import facts_of
from phonotary.trusthub.filing import LOOK, VET, Vetting
from phonotary.trusthub.lifecycle import APPROVED
from phonotary.trusthub.outcomes import Outcome
from phonotary.trusthub.privacy import is_private
from phonotary.trusthub.records import Bundle, Number, Party
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import MANUAL, NOW, refused
from tests.rooms.trusthub.samples import VOICE

URL = "https://acme.example/logo.bmp"
SEEN = "sha256-" + "A" * 43
OTHER = "sha256-" + "B" * 43
WITH_LOGO = {"branded_calls_logo_url": URL}
REACHED = Logo(URL, SEEN)
NOWHERE = Logo(URL, None, "Nothing answers.", reached=False)
EXCUSED = replace(NOWHERE, excused=True)


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ("Your order", ("Your order",)),
        (" Your order ; Delivery today;", ("Your order", "Delivery today")),
        (["Your order; paid", "Delivery"], ("Your order; paid", "Delivery")),
        ("", ()),
        (None, ()),
        ([], ()),
        (["a", 5, None, {"x": 1}, ["b"]], ("a",)),
        (7, ()),
        ({"a": 1}, ()),
        (" Your\torder" + " " * 80 + "is\u00a0here ", ("Your order is here",)),
        (["Delivery\n\ntoday"], ("Delivery today",)),
    ],
)
def test_reasons_are_a_list_or_one_text(given: Any, reasons: tuple[str, ...]) -> None:
    assert display.filed({"branded_calls_call_reason": given}).reasons == reasons


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("branded_calls_call_reason", 7),
        ("branded_calls_call_reason", {"a": 1}),
        ("branded_calls_call_reason", ["a", 5]),
        ("branded_calls_call_reason", [None]),
        ("branded_calls_display_name", 5),
        ("branded_calls_long_display_name", ["Acme"]),
        ("branded_calls_logo_url", 0),
        (DIGEST, {}),
    ],
)
def test_what_is_no_text_is_left_out_and_named(name: str, odd: Any) -> None:
    found = display.filed({name: odd})
    assert found.unread == (name,)
    assert replace(found, unread=(), reasons=()) == Filed(None, None, None, None, ())


def test_names_are_read_with_single_spaces() -> None:
    found = display.filed({"branded_calls_display_name": " Acme \n  Plumbing "})
    assert (found.name, found.unread) == ("Acme Plumbing", ())


def test_what_is_empty_was_not_filed() -> None:
    nothing = Filed(None, None, None, None, ())
    assert display.filed({}) == nothing
    assert display.filed({"branded_calls_long_display_name": " ", DIGEST: None}) == nothing


def test_a_digest_may_be_padded_as_programs_write_it() -> None:
    assert display.filed({DIGEST: f" {SEEN}= "}).logo_digest == SEEN


def test_the_long_name_is_the_one_that_is_shown_longest() -> None:
    short = display.filed({"branded_calls_display_name": "Acme"})
    both = display.filed(
        {"branded_calls_display_name": "Acme", "branded_calls_long_display_name": "Acme Plumbing"}
    )
    assert (short.longest_name, both.longest_name) == ("Acme", "Acme Plumbing")


# For which number it counts


def on_all(store: MemoryStore, party: Party, *bundles: Bundle) -> Number:
    number = office.number(store, party)
    for bundle in bundles:
        office.on(store, party, bundle, number)
    return number


def displayed(store: MemoryStore, number: Number, now: int = NOW) -> Displayed:
    return display.of_number(store, standing.bundles_with(store, number), now)


def cnam(store: MemoryStore, party: Party, profile: Bundle, **more: str) -> Bundle:
    product = office.draft(store, party, policies.CNAM)
    name = {"cnam_display_name": "ACME PLUMBING", **more}
    user = office.end_user(store, party, "cnam_information", name)
    office.assigned(store, party, product, profile.sid, user)
    return product


@pytest.mark.parametrize("key", [f"branded_calling_basic_{n}" for n in range(1, 6)])
def test_two_approved_products_make_one_identity(
    store: MemoryStore, parent: Party, key: str
) -> None:
    profile = office.approved(store, office.profile(store, parent))
    named = cnam(store, parent, profile)
    branded = office.branded(
        store,
        parent,
        profile,
        key=key,
        branded_calls_long_display_name="Acme Plumbing of Austin",
        branded_calls_call_reason="Your appointment",
    )
    number = on_all(store, parent, profile, named, branded)
    assert displayed(store, number) == Displayed()
    office.approved(store, branded)
    filed = Filed("Acme Plumbing", "Acme Plumbing of Austin", None, None, ("Your appointment",))
    assert displayed(store, number) == Displayed(filed=filed, product_sid=branded.sid)
    office.approved(store, named)
    assert displayed(store, number) == Displayed("ACME PLUMBING", named.sid, filed, branded.sid)


def test_it_ends_with_any_of_what_it_stands_on(store: MemoryStore, parent: Party) -> None:
    profile = office.approved(store, office.profile(store, parent))
    branded = office.approved(store, office.branded(store, parent, profile))
    number = on_all(store, parent, profile, branded)
    assert displayed(store, number).product_sid == branded.sid
    assert branded.valid_until is not None
    assert displayed(store, number, branded.valid_until) == Displayed()
    for bundle in (profile, branded):
        office.forced(store, bundle, "twilio-rejected")
        assert displayed(store, number) == Displayed()
        office.forced(store, bundle, APPROVED)
    # The product alone does not speak for a number that its profile lacks.
    other = office.number(store, parent, 7)
    both = standing.bundles_with(store, number)
    office.on(store, parent, profile, other)
    assert displayed(store, other) == Displayed()
    assert display.of_number(store, [b for b in both if b.sid != profile.sid], NOW) == Displayed()


def test_what_an_earlier_version_approved_is_shown_once_it_is_approved_again(
    store: MemoryStore, parent: Party
) -> None:
    profile = office.approved(store, office.profile(store, parent))
    branded = office.approved(store, office.branded(store, parent, profile))
    number = on_all(store, parent, profile, branded)
    earlier = replace(branded, display_approved=False)
    store.bundles.replace(earlier)
    assert displayed(store, number) == Displayed()
    # One that stands after it is not hidden by it.
    later = office.approved(store, office.branded(store, parent, profile))
    assert displayed(store, number) == Displayed()
    assert display.of_number(store, [profile, earlier, later], NOW).product_sid == later.sid
    review.suspend(store, NOW, earlier, "rita", "to have it vetted")
    assert office.approved(store, branded).display_approved
    assert displayed(store, number).product_sid == branded.sid


def test_nothing_but_an_approval_makes_a_display_count(store: MemoryStore, parent: Party) -> None:
    profile = office.approved(store, office.profile(store, parent))
    draft = office.branded(store, parent, profile)
    assert not draft.display_approved
    branded = office.approved(store, draft)
    copy = bundles.provisional_copy(store, parent, NOW, branded.kind, branded.sid)
    assert (branded.display_approved, copy.display_approved) == (True, False)
    suspended = review.suspend(store, NOW, branded, "rita", "it is not who it says")
    assert not suspended.display_approved


def test_a_customer_that_keeps_its_name_is_private(store: MemoryStore, parent: Party) -> None:
    profile = office.approved(store, office.profile(store, parent))
    named = office.approved(store, cnam(store, parent, profile, cnam_visibility="private"))
    number = on_all(store, parent, profile, named)
    assert displayed(store, number).private
    assert displayed(store, number, int(named.valid_until or 0)).private
    review.suspend(store, NOW, named, "rita", "it is not who it says")
    assert displayed(store, number).private == privacy.is_private(store, number.phone_number)
    assert displayed(store, number).private


def test_any_product_of_a_number_hides_its_name(store: MemoryStore, parent: Party) -> None:
    profile = office.approved(store, office.profile(store, parent))
    shown = office.approved(store, cnam(store, parent, profile))
    hidden = cnam(store, parent, profile, cnam_visibility="private")
    for on in ([profile, shown, hidden], [profile, hidden]):
        assert display.of_number(store, on, NOW).private
    assert not display.of_number(store, [profile, shown], NOW).private


@pytest.mark.parametrize(
    ("said", "private"),
    [
        ("public", False),
        (" PUBLIC ", False),
        ("", False),
        ("PRIVATE", True),
        # Nobody evaluates these as they are; what is stored of old is kept from being shown.
        ("hidden", True),
        ("privat", True),
        ("none", True),
    ],
)
def test_what_is_not_public_is_private(
    store: MemoryStore, parent: Party, said: str, private: bool
) -> None:
    profile = office.approved(store, office.profile(store, parent))
    draft = cnam(store, parent, profile, cnam_visibility=said)
    named = office.forced(store, draft, APPROVED)
    number = on_all(store, parent, profile, named)
    assert displayed(store, number).private is private
    assert is_private(store, number.phone_number) is private


def test_a_visibility_that_is_neither_is_rejected_until_it_is_right(
    store: MemoryStore, parent: Party
) -> None:
    profile = office.approved(store, office.profile(store, parent))
    bundle = cnam(store, parent, profile, cnam_visibility="hidden")
    with refused(Reason.NOT_COMPLIANT):
        office.approved(store, bundle)
    decided = vetting.vet(
        policies.named("cnam"),
        facts_of(store, bundle),
        NOW,
        name_findings=lambda name: [],
        display_findings=lambda filed: [],
    )
    assert (decided.approved, decided.codes) == (False, [11009])


# What vetting says of it


@dataclass(frozen=True)
class Found:
    sentence: str
    code: int


def test_what_is_found_wrong_comes_back_with_its_own_code(
    store: MemoryStore, parent: Party
) -> None:
    def findings(filed: Filed) -> list[Found]:
        assert filed.name == "Acme Plumbing"
        return [Found("A call reason holds no link.", 11020), Found("Too long.", 11014)]

    bundle = submitted(store, parent)
    status, codes, because = vet(store, bundle, display_findings=findings)
    assert (status, codes) == ("twilio-rejected", (11020, 11014))
    assert because == "A call reason holds no link. Too long."


@pytest.mark.parametrize(
    ("shown", "codes"),
    [
        ({"branded_calls_display_name": "Globex"}, (11012,)),
        ({"branded_calls_long_display_name": "Globex International"}, (11012,)),
        ({"branded_calls_long_display_name": "Acme Plumbing of Austin"}, ()),
    ],
)
def test_the_name_resembles_the_business(
    store: MemoryStore, parent: Party, shown: dict[str, str], codes: tuple[int, ...]
) -> None:
    assert vet(store, submitted(store, parent, **shown))[1] == codes


@pytest.mark.parametrize("key", ["branded_calling_enhanced_v1", "branded_calling_enhanced_v2"])
def test_the_enhanced_policies_stand_on_voice_integrity_as_well(
    store: MemoryStore, parent: Party, key: str
) -> None:
    profile = office.approved(store, office.profile(store, parent))
    voice = office.draft(store, parent, policies.VOICE_INTEGRITY)
    user = office.end_user(store, parent, "voice_integrity_information", VOICE)
    office.assigned(store, parent, voice, profile.sid, user)
    branded = office.branded(store, parent, profile, key=key)
    assert vet(store, filing.submit(store, NOW, branded, MANUAL))[0] == "twilio-rejected"
    office.approved(store, voice)
    office.assigned(store, parent, branded, voice.sid)
    again = store.bundles.get(branded.sid)
    assert again is not None
    assert vet(store, filing.submit(store, NOW, again, MANUAL))[:2] == (APPROVED, ())
    number = on_all(store, parent, profile, branded)
    assert displayed(store, number).product_sid == branded.sid


# What an approval pins


def submitted(store: MemoryStore, party: Party, **shown: Any) -> Bundle:
    profile = office.approved(store, office.profile(store, party))
    return filing.submit(store, NOW, office.branded(store, party, profile, **shown), MANUAL)


def vet(
    store: MemoryStore, bundle: Bundle, logo: Logo | None = None, **options: Any
) -> tuple[str, tuple[int, ...], str]:
    """Status, codes and sentence."""
    usual = {"name_findings": lambda _: (), "display_findings": lambda _: (), "rehearse": False}
    after = review.vet(store, NOW, bundle.sid, logo=logo, **{**usual, **options})
    assert after is not None
    return after.status, after.errors, store.history(bundle.sid)[-1].because


def digest_of(store: MemoryStore, bundle: Bundle) -> Any:
    (found,) = [
        user.attributes.get(DIGEST)
        for held in store.entity_assignments.all(bundle_sid=bundle.sid)
        if (user := store.end_users.get(held.object_sid)) and user.type == display.INFORMATION
    ]
    return found


def test_an_approval_pins_the_logo_that_was_seen(store: MemoryStore, parent: Party) -> None:
    bundle = submitted(store, parent, **WITH_LOGO)
    assert vet(store, bundle, REACHED) == (APPROVED, (), "")
    assert digest_of(store, bundle) == SEEN
    # What a traceback is told later holds it as well.
    assert SEEN in str(store.filed[bundle.sid])


def test_a_logo_that_nobody_can_see_is_rejected_and_said(store: MemoryStore, parent: Party) -> None:
    bundle = submitted(store, parent, **WITH_LOGO)
    for logo in (None, Logo("https://other.example/l.bmp", SEEN), NOWHERE):
        assert not display.is_settled(store, bundle, logo)
    status, codes, because = vet(store, bundle, NOWHERE)
    assert (status, codes) == ("twilio-rejected", (11015,))
    assert "Nothing answers." in because
    assert digest_of(store, bundle) is None


@pytest.mark.parametrize("logo", [None, Logo("https://other.example/l.bmp", SEEN)])
def test_a_logo_that_nobody_looked_at_is_rejected(
    store: MemoryStore, parent: Party, logo: Logo | None
) -> None:
    status, codes, _ = vet(store, submitted(store, parent, **WITH_LOGO), logo, rehearse=True)
    assert (status, codes) == ("twilio-rejected", (11015,))


def test_a_digest_given_with_the_logo_must_be_the_logos(store: MemoryStore, parent: Party) -> None:
    given = {**WITH_LOGO, DIGEST: SEEN}
    assert vet(store, submitted(store, parent, **given), REACHED)[0] == APPROVED
    wrong = submitted(store, parent, **{**given, DIGEST: OTHER})
    assert vet(store, wrong, REACHED)[:2] == ("twilio-rejected", (11015,))


def test_only_a_sandbox_takes_a_digest_for_a_logo_it_cannot_see(
    store: MemoryStore, parent: Party
) -> None:
    given = {**WITH_LOGO, DIGEST: SEEN}
    bundle = submitted(store, parent, **given)
    status, _, because = vet(store, bundle, EXCUSED)
    assert (status, digest_of(store, bundle)) == (APPROVED, SEEN)
    assert "was not seen" in because and "Nothing answers." in because
    status, codes, _ = vet(store, submitted(store, parent, **given), NOWHERE)
    assert (status, codes) == ("twilio-rejected", (11015,))
    # What is there and is no logo, no digest makes one.
    unfit = Logo(URL, None, "The logo is not a BMP image.")
    assert vet(store, submitted(store, parent, **given), unfit)[1] == (11015,)
    assert vet(store, submitted(store, parent, **WITH_LOGO), EXCUSED)[1] == (11015,)


@pytest.mark.parametrize(
    ("given", "logo"),
    [
        (None, None),
        (None, NOWHERE),
        (None, EXCUSED),
        (SEEN, None),
        (SEEN, NOWHERE),
        (SEEN, Logo(URL, None, "It is no BMP.")),
        (OTHER, REACHED),
    ],
)
def test_a_person_cannot_approve_a_logo_that_was_not_seen(
    store: MemoryStore, parent: Party, given: str | None, logo: Logo | None
) -> None:
    bundle = submitted(store, parent, **WITH_LOGO, **({DIGEST: given} if given else {}))
    verdict = review.Verdict(True, logo=logo)
    with refused(Reason.NOT_COMPLIANT):
        review.decide(store, NOW, bundle, verdict, review.By.REVIEWER, "rita")


def test_the_history_says_of_a_persons_approval_that_it_saw_no_logo(
    store: MemoryStore, parent: Party
) -> None:
    bundle = submitted(store, parent, **WITH_LOGO, **{DIGEST: SEEN})
    verdict = review.Verdict(True, because="They called.", logo=EXCUSED)
    review.decide(store, NOW, bundle, verdict, review.By.REVIEWER, "rita")
    because = store.history(bundle.sid)[-1].because
    assert because.startswith("They called. The logo was not seen")
    assert "Nothing answers." in because


def test_a_rehearsed_approval_needs_the_logo_as_well(store: MemoryStore, parent: Party) -> None:
    approve = Outcome(decision="approve")
    bundle = submitted(store, parent, **WITH_LOGO)
    assert vet(store, bundle, NOWHERE, outcome=approve)[1] == (11015,)
    bundle = submitted(store, parent, **WITH_LOGO)
    assert vet(store, bundle, REACHED, outcome=approve)[0] == APPROVED
    assert digest_of(store, bundle) == SEEN


def test_a_bundle_with_a_logo_waits_for_whoever_looks(store: MemoryStore, parent: Party) -> None:
    profile = office.approved(store, office.profile(store, parent))
    for shown, kind in ((WITH_LOGO, LOOK), ({}, VET)):
        bundle = office.branded(store, parent, profile, **shown)
        filing.submit(store, NOW, bundle, Vetting("instant"))
        assert [job.kind for job in store.jobs.values() if job.subject == bundle.sid] == [kind]
