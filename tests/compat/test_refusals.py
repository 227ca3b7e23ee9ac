"""Every rule's failing path over HTTP, with the code a Twilio user sees.

The codes are those of Twilio's error dictionary. Where users quote a sentence and no code of its
own, the code is Trust Hub's own habit, 400. What an evaluation or a reviewer finds wanting is in
``test_findings.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.compat.office import (
    CNAM,
    PRIMARY,
    PRODUCTS,
    PROFILES,
    REPRESENTATIVE,
    SECONDARY,
    SHAKEN,
    Office,
    sid_of,
)
from tests.simulators import hub as hubs
from tests.simulators.hub import Hub

NOBODY = "BU" + "0" * 32


@pytest.fixture(scope="module")
def desk_without_robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A sandbox where a person decides, so that a submitted bundle stays under review."""
    with (
        hubs.running(tmp_path_factory.mktemp("manual"), "--vetting", "manual") as hub,
        hub.client() as http,
    ):
        yield Office(hub, http)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule: what is tried once everything before it is in order, and the answer."""

    rule: str
    attempt: Callable[[Office], httpx.Response]
    code: int
    says: str = ""
    status: int = 400


def ids(refusal: Refusal) -> str:
    return refusal.rule.replace(" ", "_")


def assert_refused(answer: httpx.Response, refusal: Refusal) -> None:
    assert answer.status_code == refusal.status, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "more_info", "status"}
    assert (body["status"], body["code"]) == (refusal.status, refusal.code)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{refusal.code}"
    assert refusal.says in body["message"]


# Who is asking, and for what.


def with_credentials(user: str, password: str) -> Callable[[Office], httpx.Response]:
    return lambda office: office.http.get(PROFILES, auth=(user, password))


def without_credentials(office: Office) -> httpx.Response:
    return httpx.get(f"{office.hub.http}{PROFILES}", trust_env=False)


def with_a_wrong_token(office: Office) -> httpx.Response:
    return office.http.get(PROFILES, auth=(office.hub.account_sid, "0" * 32))


def with_json(office: Office) -> httpx.Response:
    return office.http.post(PROFILES, json={"FriendlyName": "Harbor Books"})


ASKING = [
    Refusal("a caller without credentials", without_credentials, 20003, status=401),
    Refusal("a caller with a wrong token", with_a_wrong_token, 20003, status=401),
    Refusal(
        "an account that does not exist", with_credentials("AC" + "0" * 32, "x"), 20003, status=401
    ),
    Refusal(
        "a bundle that does not exist",
        lambda office: office.http.get(f"{PROFILES}/{NOBODY}"),
        20404,
        f"{PROFILES}/{NOBODY}",
        404,
    ),
    Refusal(
        "a trust product asked for as a profile",
        lambda office: office.http.get(f"{PROFILES}/{sid_of(office.bundle(PRODUCTS, SHAKEN))}"),
        20404,
        status=404,
    ),
    Refusal(
        "a path that does not exist",
        lambda office: office.http.get("/v1/CustomerProfile"),
        20404,
        "/v1/CustomerProfile",
        404,
    ),
    Refusal("a body in JSON", with_json, 20001),
    Refusal(
        "a bundle without a policy",
        lambda office: office.post(PROFILES, FriendlyName="x", Email="a@example.com"),
        20001,
        "PolicySid",
    ),
    Refusal(
        "attributes that are not JSON",
        lambda office: office.post(
            "/v1/EndUsers", FriendlyName="x", Type=REPRESENTATIVE, Attributes="first_name=Zoë"
        ),
        22207,
    ),
    Refusal(
        "an end user of no known type",
        lambda office: office.post("/v1/EndUsers", FriendlyName="x", Type="cnam"),
        22212,
    ),
    Refusal(
        "a page token of no page",
        lambda office: office.http.get(PROFILES, params={"PageToken": "no-such-token"}),
        21481,
    ),
]


# The order the guides insist on.


def number_not_on_the_profile(policy_sid: str) -> Callable[[Office], httpx.Response]:
    def attempt(office: Office) -> httpx.Response:
        product = office.product(policy_sid, office.profile())
        return office.assign_number(product, office.hub.local[0].sid)

    return attempt


def cnam_with_number(choose: Callable[[Hub], hubs.Number]) -> Callable[[Office], httpx.Response]:
    def attempt(office: Office) -> httpx.Response:
        number = choose(office.hub).sid
        profile = office.profile()
        assert office.assign_number(profile, number).status_code == 201
        return office.assign_number(office.product(CNAM, profile), number)

    return attempt


def assign_twice(office: Office) -> httpx.Response:
    profile = office.profile()
    return office.post(f"{profile}/EntityAssignments", ObjectSid=office.hub.primary_profile_sid)


def assign_to_a_profile(object_sid: str) -> Callable[[Office], httpx.Response]:
    return lambda office: office.post(
        f"{office.bundle(PROFILES, SECONDARY)}/EntityAssignments", ObjectSid=object_sid
    )


ORDER = [
    Refusal(
        "a number on SHAKEN STIR before it is on the profile",
        number_not_on_the_profile(SHAKEN),
        400,
        "must be assigned to the supporting Customer Profile",
    ),
    Refusal(
        "a number on CNAM before it is on the profile",
        number_not_on_the_profile(CNAM),
        400,
        "must be assigned to the supporting Customer Profile",
    ),
    Refusal(
        "a toll free number on CNAM", cnam_with_number(lambda hub: hub.toll_free), 400, "toll-free"
    ),
    Refusal("a Canadian number on CNAM", cnam_with_number(lambda hub: hub.canadian), 400, "Canada"),
    Refusal("the same object twice in a bundle", assign_twice, 20409, status=409),
    Refusal("an object that does not exist", assign_to_a_profile("IT" + "0" * 32), 22205),
    Refusal("an object no bundle can hold", assign_to_a_profile("AD" + "0" * 32), 22206),
]


# What only the console, or only Twilio, may do.

PRIMARY_SAYS = (
    "This operation is restricted via API for Primary Customer Profiles. "
    "Use Twilio Console instead."
)
STATUS_SAYS = "User cannot perform this status update"


def status(value: str) -> Callable[[Office], httpx.Response]:
    return lambda office: office.post(office.bundle(PROFILES, SECONDARY), Status=value)


def submit_again(office: Office) -> httpx.Response:
    return office.post(office.approved_profile(), Status="pending-review")


RESERVED = [
    Refusal(
        "a primary profile made over the API",
        lambda office: office.post(
            PROFILES, FriendlyName="x", Email="a@example.com", PolicySid=PRIMARY
        ),
        400,
        PRIMARY_SAYS,
    ),
    Refusal(
        "a primary profile submitted over the API",
        lambda office: office.post(
            f"{PROFILES}/{office.hub.primary_profile_sid}", Status="pending-review"
        ),
        400,
        PRIMARY_SAYS,
    ),
    *(
        Refusal(f"a customer setting {value}", status(value), 400, STATUS_SAYS)
        for value in ("draft", "in-review", "twilio-rejected", "twilio-approved")
    ),
    Refusal("a status that does not exist", status("approved"), 22203),
    Refusal("an approved bundle submitted again", submit_again, 400, STATUS_SAYS),
]


# What an approved bundle holds is frozen; only its numbers come and go.

FROZEN_SAYS = "Cannot update end-user. A bundle it belongs to is in an immutable state."


def edit_in_an_approved_bundle(path: str, prefix: str) -> Callable[[Office], httpx.Response]:
    def attempt(office: Office) -> httpx.Response:
        inside = office.first(office.approved_profile(), prefix)
        return office.post(f"{path}/{inside}", Attributes="{}")

    return attempt


def add_to_an_approved_bundle(office: Office) -> httpx.Response:
    profile = office.approved_profile()
    second = office.end_user("authorized_representative_2")
    return office.post(f"{profile}/EntityAssignments", ObjectSid=second)


def take_from_an_approved_bundle(office: Office) -> httpx.Response:
    profile = office.approved_profile()
    (assignment, *_) = office.http.get(f"{profile}/EntityAssignments").json()["results"]
    return office.http.delete(f"{profile}/EntityAssignments/{assignment['sid']}")


FROZEN = [
    Refusal(
        "a change to an end user of an approved bundle",
        edit_in_an_approved_bundle("/v1/EndUsers", "IT"),
        70002,
        FROZEN_SAYS,
    ),
    Refusal(
        "a change to a document of an approved bundle",
        edit_in_an_approved_bundle("/v1/SupportingDocuments", "RD"),
        70002,
    ),
    Refusal("an object more in an approved bundle", add_to_an_approved_bundle, 70002),
    Refusal("an object fewer in an approved bundle", take_from_an_approved_bundle, 70002),
]


# What is still in use is not deleted.


def delete_inside(path: str, prefix: str) -> Callable[[Office], httpx.Response]:
    return lambda office: office.http.delete(f"{path}/{office.first(office.profile(), prefix)}")


def delete_with_number(office: Office) -> httpx.Response:
    profile = office.profile()
    assert office.assign_number(profile, office.hub.local[0].sid).status_code == 201
    return office.http.delete(profile)


DELETION = [
    Refusal("deleting an assigned end user", delete_inside("/v1/EndUsers", "IT"), 21644),
    Refusal("deleting an assigned document", delete_inside("/v1/SupportingDocuments", "RD"), 21645),
    Refusal("deleting a profile with numbers", delete_with_number, 21648),
]


@pytest.mark.parametrize("refusal", [*ASKING, *ORDER, *RESERVED, *FROZEN, *DELETION], ids=ids)
def test_refused(office: Office, refusal: Refusal) -> None:
    assert_refused(refusal.attempt(office), refusal)


# What a reviewer has on the table stays as it was handed in.


def submitted(office: Office) -> str:
    profile = office.profile()
    office.submit(profile)
    return profile


UNDER_REVIEW = [
    Refusal(
        "deleting a bundle under review",
        lambda office: office.http.delete(submitted(office)),
        21647,
    ),
    Refusal(
        "deleting a document under review",
        lambda office: office.http.delete(
            f"/v1/SupportingDocuments/{office.first(submitted(office), 'RD')}"
        ),
        21646,
    ),
    Refusal(
        "a change to an end user under review",
        lambda office: office.post(
            f"/v1/EndUsers/{office.first(submitted(office), 'IT')}", Attributes="{}"
        ),
        70002,
        FROZEN_SAYS,
    ),
    Refusal(
        "a status and a name in one request",
        lambda office: office.post(
            submitted(office), Status="pending-review", FriendlyName="Another name"
        ),
        22204,
    ),
    Refusal(
        "submitting a bundle that is submitted",
        lambda office: office.post(submitted(office), Status="pending-review"),
        400,
        STATUS_SAYS,
    ),
]


@pytest.mark.parametrize("refusal", UNDER_REVIEW, ids=ids)
def test_refused_under_review(desk_without_robot: Office, refusal: Refusal) -> None:
    assert_refused(refusal.attempt(desk_without_robot), refusal)


def test_a_direct_customer_makes_no_secondary_profile_over_the_api(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    options = ("--primary-identity", "direct_customer")
    with hubs.running(tmp_path_factory.mktemp("direct"), *options) as hub, hub.client() as http:
        answer = Office(hub, http).post(
            PROFILES, FriendlyName="x", Email="a@example.com", PolicySid=SECONDARY
        )
    says = "Secondary Customer Profile for direct_customer can only be created through"
    assert_refused(answer, Refusal("a secondary of a direct customer", lambda _: answer, 400, says))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", PROFILES, {"GET", "POST"}),
        ("DELETE", "/v1/Policies", {"GET"}),
        ("POST", f"/v1/Policies/{SHAKEN}", {"GET"}),
        ("PATCH", f"{PRODUCTS}/{NOBODY}", {"DELETE", "GET", "POST"}),
        ("DELETE", f"{PROFILES}/{NOBODY}/Evaluations/EL{'0' * 32}", {"GET"}),
    ],
)
def test_a_method_a_path_lacks_is_405_and_names_those_it_has(
    office: Office, method: str, path: str, allowed: set[str]
) -> None:
    answer = office.http.request(method, path)
    assert_refused(answer, Refusal("a method", lambda _: answer, 20004, status=405))
    assert {each.strip() for each in answer.headers["allow"].split(",")} == allowed
