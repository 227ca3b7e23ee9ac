"""What a customer's own server hears of a bundle, from ``phonotary up`` over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.compat.office import CNAM, PRODUCTS, SHAKEN, Office, sid_of
from tests.journeys import sandbox as sandboxes
from tests.journeys.sandbox import Receiver, Sandbox

PENDING, IN_REVIEW, APPROVED = "pending-review", "in-review", "twilio-approved"
REJECTED = "twilio-rejected"


def sandbox_of(tmp: pytest.TempPathFactory, mode: str) -> Iterator[Sandbox]:
    with sandboxes.running(tmp.mktemp(mode), "--vetting", mode) as running:
        yield running


@pytest.fixture(scope="module")
def instant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    yield from sandbox_of(tmp_path_factory, "instant")


@pytest.fixture(scope="module")
def delayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    yield from sandbox_of(tmp_path_factory, "delayed")


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    yield from sandbox_of(tmp_path_factory, "manual")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with sandboxes.receiving() as receiver:
        yield receiver


def told(office: Office, bundle: str, receiver: Receiver) -> str:
    """The bundle's changes go to the receiver from now on; its path."""
    assert office.post(bundle, StatusCallback=receiver.url).status_code == 200
    return bundle


def linked_product(office: Office) -> str:
    return office.product(SHAKEN, f"{PRODUCTS}/{office.hub.primary_profile_sid}")


def advance(http: httpx.Client, by: str) -> None:
    answer = http.post("/_sandbox/clock", json={"advance": by})
    assert answer.status_code == 200, answer.text


def heard(receiver: Receiver, bundle: str, *statuses: str) -> None:
    """Exactly these, in this order, for this bundle."""
    receiver.wait_for(lambda _: len(receiver.statuses(sid_of(bundle))) >= len(statuses))
    assert receiver.statuses(sid_of(bundle)) == list(statuses)


def test_each_change_is_told_in_order_and_signed(instant: Sandbox, receiver: Receiver) -> None:
    with instant.client() as http:
        office = Office(instant.hub, http)
        bundle = told(office, linked_product(office), receiver)
        answer = office.post(bundle, Status=PENDING)
        assert (answer.status_code, answer.json()["status"]) == (200, PENDING)
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED)
    validator = RequestValidator(instant.hub.auth_token)
    for got in receiver.got:
        assert set(got.form) == {"AccountSid", "BundleSid", "Status", "FailureReason"}
        assert got.form["AccountSid"] == instant.hub.account_sid
        assert got.form["FailureReason"] == ""
        signature = got.headers["x-twilio-signature"]
        assert validator.validate(got.url, got.form, signature)
        assert not validator.validate(got.url, {**got.form, "Status": "draft"}, signature)
    assert len({got.token for got in receiver.got}) == 3


def test_a_receiver_that_fails_is_tried_again_later(instant: Sandbox, receiver: Receiver) -> None:
    receiver.answers = [500]
    with instant.client() as http:
        office = Office(instant.hub, http)
        bundle = told(office, linked_product(office), receiver)
        office.submit(bundle)
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED)
        # The next try is ten seconds later, and the clock goes on by itself while this runs.
        advance(http, "4s")
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED)
        advance(http, "10s")
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED, PENDING)
        first, *_, again = receiver.got
        assert (again.token, again.form) == (first.token, first.form)
        advance(http, "3d")
        assert len(receiver.got) == 4


def test_a_receiver_that_never_answers_well_is_given_up(
    instant: Sandbox, receiver: Receiver
) -> None:
    receiver.answers = [503] * 50
    with instant.client() as http:
        office = Office(instant.hub, http)
        bundle = told(office, linked_product(office), receiver)
        office.submit(bundle)
        receiver.wait_for(lambda got: len(got) >= 3)
        for wait in ("10s", "60s", "300s", "30m", "2h", "2d"):
            advance(http, wait)
        assert len(receiver.got) == 3 * 6
        assert len({got.token for got in receiver.got}) == 3


def test_every_retry_that_falls_due_on_the_way_is_made(
    instant: Sandbox, receiver: Receiver
) -> None:
    receiver.answers = [500] * 50
    with instant.client() as http:
        office = Office(instant.hub, http)
        office.submit(told(office, linked_product(office), receiver))
        receiver.wait_for(lambda got: len(got) >= 3)
        advance(http, "2h")
        assert len(receiver.got) == 3 * 5
        advance(http, "70h")
        assert len(receiver.got) == 3 * 6
        advance(http, "72h")
    assert len(receiver.got) == 3 * 6


def test_a_retry_that_does_well_on_the_way_is_the_last(
    instant: Sandbox, receiver: Receiver
) -> None:
    receiver.answers = [500] * 6
    with instant.client() as http:
        office = Office(instant.hub, http)
        bundle = told(office, linked_product(office), receiver)
        office.submit(bundle)
        receiver.wait_for(lambda got: len(got) >= 3)
        advance(http, "72h")
        heard(receiver, bundle, *[PENDING, IN_REVIEW, APPROVED] * 3)


def test_a_callback_that_cannot_be_made_holds_up_no_other(
    instant: Sandbox, receiver: Receiver
) -> None:
    with instant.client() as http:
        office = Office(instant.hub, http)
        for impossible in ("http://a..b/", "http://" + "x" * 70 + ".example/", "http://[::1%25]/"):
            bundle = linked_product(office)
            if office.post(bundle, StatusCallback=impossible).status_code == 200:
                office.submit(bundle)
        bundle = told(office, linked_product(office), receiver)
        office.submit(bundle)
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED)


def test_a_rejection_says_why(instant: Sandbox, receiver: Receiver) -> None:
    with instant.client() as http:
        office = Office(instant.hub, http)
        profile = office.profile(business_registration_number="12-3418602")
        office.submit(told(office, profile, receiver))
        heard(receiver, profile, PENDING, IN_REVIEW, REJECTED)
        assert office.state(profile) == (REJECTED, {18602})
    reasons = [got.form["FailureReason"] for got in receiver.got]
    assert reasons[:2] == ["", ""]
    assert reasons[2]
    assert "3418602" not in reasons[2]
    validator = RequestValidator(instant.hub.auth_token)
    last = receiver.got[-1]
    assert validator.validate(last.url, last.form, last.headers["x-twilio-signature"])


def test_delayed_vetting_takes_as_long_as_twilio_says(delayed: Sandbox, receiver: Receiver) -> None:
    with delayed.client() as http:
        office = Office(delayed.hub, http)
        profile = told(office, office.profile(), receiver)
        shaken = told(office, linked_product(office), receiver)
        for bundle in (profile, shaken):
            office.submit(bundle)
            heard(receiver, bundle, PENDING)
        advance(http, "23h")
        advance(http, "59m")
        assert office.state(profile) == (PENDING, set())
        advance(http, "60s")
        assert office.state(profile) == (APPROVED, set())
        heard(receiver, profile, PENDING, IN_REVIEW, APPROVED)
        advance(http, "47h")
        assert office.state(shaken) == (PENDING, set())
        advance(http, "1h")
        assert office.state(shaken) == (APPROVED, set())
        heard(receiver, shaken, PENDING, IN_REVIEW, APPROVED)


def desk(sandbox: Sandbox, bundle: str, **form: str) -> httpx.Response:
    """What a reviewer does in the console."""
    return httpx.post(
        f"{sandbox.hub.http}/console/reviews/{sid_of(bundle)}",
        data=form,
        auth=("rita", sandbox.ready["reviewer_password"]),
        trust_env=False,
    )


def test_a_reviewer_decides_when_nothing_else_does(manual: Sandbox, receiver: Receiver) -> None:
    with manual.client() as http:
        office = Office(manual.hub, http)
        bundle = told(office, linked_product(office), receiver)
        office.submit(bundle)
        advance(http, "30d")
        assert office.state(bundle) == (PENDING, set())
        assert desk(manual, bundle, decision="approve").status_code == 303
        assert office.state(bundle) == (APPROVED, set())
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED)
        assert desk(manual, bundle, decision="suspend").status_code == 400
        sentence = {"decision": "suspend", "because": "Complaints from three carriers"}
        assert desk(manual, bundle, **sentence).status_code == 303
        assert office.state(bundle)[0] == REJECTED
        heard(receiver, bundle, PENDING, IN_REVIEW, APPROVED, REJECTED)
    assert receiver.got[-1].form["FailureReason"] == sentence["because"]


def test_a_reviewer_rejects_with_a_code_and_the_customer_files_again(
    manual: Sandbox, receiver: Receiver
) -> None:
    with manual.client() as http:
        office = Office(manual.hub, http)
        bundle = told(office, linked_product(office), receiver)
        office.submit(bundle)
        assert desk(manual, bundle, decision="reject").status_code == 400
        assert office.state(bundle) == (PENDING, set())
        refusal = {"decision": "reject", "codes": "18602", "because": "The EIN is another's"}
        assert desk(manual, bundle, **refusal).status_code == 303
        found = http.get(bundle).json()
        assert found["status"] == REJECTED
        assert [error["code"] for error in found["errors"]] == [18602]
        office.submit(bundle)
        assert office.state(bundle) == (PENDING, set())
        heard(receiver, bundle, PENDING, IN_REVIEW, REJECTED, PENDING)
    assert receiver.got[2].form["FailureReason"] == refusal["because"]


def test_a_reviewer_cannot_approve_what_is_not_complete(manual: Sandbox) -> None:
    with manual.client() as http:
        office = Office(manual.hub, http)
        bundle = office.bundle(PRODUCTS, CNAM)
        office.submit(bundle)
        assert desk(manual, bundle, decision="approve").status_code == 400
        assert office.state(bundle) == (PENDING, set())


def test_nobody_but_a_reviewer_decides(manual: Sandbox) -> None:
    with manual.client() as http:
        office = Office(manual.hub, http)
        bundle = linked_product(office)
        office.submit(bundle)
        path = f"/console/reviews/{sid_of(bundle)}"
        assert http.post(path, data={"decision": "approve"}).status_code == 401
        elsewhere = httpx.post(
            f"{manual.hub.http}{path}",
            data={"decision": "approve"},
            headers={"Origin": "https://evil.example"},
            auth=("rita", manual.ready["reviewer_password"]),
            trust_env=False,
        )
        assert elsewhere.status_code == 403
        assert office.state(bundle) == (PENDING, set())
