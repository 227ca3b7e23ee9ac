"""Twilio's traps behave as at Twilio, and the log says which one was stepped into."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from phonotary.testing import Sandbox, start
from tests.compat.office import PRIMARY, PROFILES, SECONDARY, SHAKEN, Office, reset_office

STARTER = "RN806dd6cd175f314e1f96a9727ee271f4"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def office(running: Sandbox) -> Iterator[Office]:
    with reset_office(running) as office:
        yield office


def wrong_list(office: Office) -> None:
    """200, and a list of something else."""
    profile = office.profile()
    answer = office.http.get(
        f"{profile}/EntityAssignments", params={"ChannelEndpointSid": f"PN{'0' * 32}"}
    )
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 4


def first_page_only(office: Office) -> None:
    for _ in range(51):
        office.end_user("cnam_information")
    listed = office.http.get("/v1/EndUsers").json()
    assert len(listed["results"]) == 50
    assert listed["meta"]["next_page_url"]


def same_name_twice(office: Office) -> None:
    first = office.bundle(PROFILES, SECONDARY)
    assert office.bundle(PROFILES, SECONDARY) != first


def bundle_is_null(office: Office) -> None:
    evaluation = office.evaluation(office.profile(without="primary"), SECONDARY)
    assert "bundle is null" in str(evaluation["results"])


def starter_for_primary(office: Office) -> None:
    office.post(PROFILES, FriendlyName="x", Email="a@b.example.com", PolicySid=STARTER)


def primary_over_the_api(office: Office) -> None:
    answer = office.post(PROFILES, FriendlyName="x", Email="a@b.example.com", PolicySid=PRIMARY)
    assert answer.json()["code"] == 400


def another_policy(office: Office) -> None:
    office.evaluation(office.profile(), SHAKEN)


def nothing_in_it(office: Office) -> None:
    office.submit(office.bundle(PROFILES, SECONDARY))


def assigned_before(office: Office) -> None:
    profile = office.profile()
    answer = office.post(f"{profile}/EntityAssignments", ObjectSid=office.hub.primary_profile_sid)
    assert (answer.status_code, answer.json()["code"]) == (409, 20409)


def dotted(office: Office) -> None:
    form = {"FriendlyName": "x", "Type": "cnam_information", "Attributes.cnam_display_name": "X"}
    made = office.http.post("/v1/EndUsers", data=form)
    assert made.json()["attributes"] == {}


def not_json(office: Office) -> None:
    form = {"FriendlyName": "x", "Type": "cnam_information", "Attributes": "a=b"}
    assert office.http.post("/v1/EndUsers", data=form).json()["code"] == 22207


def no_status(office: Office) -> None:
    answer = office.post(office.bundle(PROFILES, SECONDARY), Status="submitted")
    assert answer.json()["code"] == 22203


def placeholder(office: Office) -> None:
    office.post(PROFILES, FriendlyName="x", Email="EMAIL@EXAMPLE.COM", PolicySid=SECONDARY)


def not_to_be_copied(office: Office) -> None:
    answer = office.post(f"{office.bundle(PROFILES, SECONDARY)}/ProvisionalCopy")
    assert answer.json()["code"] == 18607


def no_such_policy(office: Office) -> None:
    form = {"FriendlyName": "x", "Email": "a@b.example.com", "PolicySid": f"RN{'0' * 32}"}
    assert office.http.post(PROFILES, data=form).status_code == 400


def a_subaccounts_record(office: Office) -> None:
    sub = office.http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "sub"}).json()
    form = {"FriendlyName": "x", "Type": "cnam_information"}
    header = {"X-Twilio-AccountSid": sub["sid"]}
    made = office.http.post("/v1/EndUsers", data=form, headers=header).json()
    assert office.http.get(f"/v1/EndUsers/{made['sid']}").status_code == 200


def an_address_of_nobody(office: Office) -> None:
    document = office.document(f"AD{'0' * 32}")
    office.evaluation(office.profile(document=document), SECONDARY)


def polling_on(office: Office) -> None:
    for _ in range(7):
        office.http.get(f"{PROFILES}/{office.hub.primary_profile_sid}")


def the_same_business(office: Office) -> None:
    for _ in range(2):
        office.end_user("customer_profile_business_information")


@pytest.mark.parametrize(
    ("trap", "step"),
    [
        ("H03", bundle_is_null),
        ("H04", starter_for_primary),
        ("H05", primary_over_the_api),
        ("H06", no_such_policy),
        ("H07", another_policy),
        ("H08", nothing_in_it),
        ("H09", wrong_list),
        ("H10", first_page_only),
        ("H11", same_name_twice),
        ("H14", assigned_before),
        ("H15", a_subaccounts_record),
        ("H16", an_address_of_nobody),
        ("H17", dotted),
        ("H17", not_json),
        ("H19", no_status),
        ("H21", polling_on),
        ("H22", not_to_be_copied),
        ("H23", the_same_business),
        ("H24", placeholder),
    ],
)
def test_the_log_names_the_trap(
    running: Sandbox, office: Office, trap: str, step: Callable[[Office], None]
) -> None:
    step(office)
    assert trap in {told.split(":")[0] for told in running.log.traps()}


def test_a_lost_reply_sent_again_makes_a_second_record(running: Sandbox, office: Office) -> None:
    running.faults.add("cut-after", method="POST", path="/v1/EndUsers", times=1)
    form = {"FriendlyName": "lost", "Type": "cnam_information"}
    with pytest.raises(httpx.RemoteProtocolError):
        office.http.post("/v1/EndUsers", data=form)
    office.http.post("/v1/EndUsers", data=form)
    again = running.log.one(method="POST", status=201, contains="lost", fault="None")
    assert [t["id"] for t in again["traps"]] == ["H13"]


def test_too_many_requests_are_named(running: Sandbox, office: Office) -> None:
    running.faults.add("429", times=1)
    office.http.get("/v1/Policies")
    [told] = running.log.search(code=20429)
    assert [trap["id"] for trap in told["traps"]] == ["H20"]


def test_a_clean_walk_steps_into_none(running: Sandbox, office: Office) -> None:
    office.approved_profile(running.account.numbers[0]["sid"])
    assert running.log.traps() == []


def test_following_the_page_is_no_trap(running: Sandbox, office: Office) -> None:
    for _ in range(3):
        office.end_user("cnam_information")
    page = office.http.get("/v1/EndUsers", params={"PageSize": "2"}).json()
    while page["meta"]["next_page_url"]:
        page = office.http.get(page["meta"]["next_page_url"]).json()
    assert not [told for told in running.log.traps() if told.startswith("H10")]
