"""Time, outcomes, faults and memory are under the test's control."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from phonotary.testing import Account, Sandbox, start
from tests.compat.office import PROFILES, SECONDARY, Office


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


def client(sandbox: Sandbox, account: Account | None = None) -> httpx.Client:
    who = account or sandbox.account
    return httpx.Client(
        base_url=sandbox.url,
        auth=(who.account_sid, who.auth_token),
        trust_env=False,
        timeout=10,
    )


def end_user(http: httpx.Client, name: str = "x") -> httpx.Response:
    return http.post("/v1/EndUsers", data={"FriendlyName": name, "Type": "cnam_information"})


def submitted(office: Office, profile: str) -> str:
    office.submit(profile)
    return office.state(profile)[0]


def names(http: httpx.Client) -> list[str]:
    """Of the end users a test made; the primary profile has two of its own."""
    listed = http.get("/v1/EndUsers").json()["results"]
    return [row["friendly_name"] for row in listed if row["type"] == "cnam_information"]


def test_three_days_pass_in_one_call(sandbox: Sandbox) -> None:
    before = sandbox.clock.now
    after = sandbox.clock.advance("3d")
    assert after[:10] > before[:10]
    with client(sandbox) as http:
        assert end_user(http).json()["date_created"] >= after
    with pytest.raises(ValueError, match="units are"):
        sandbox.clock.advance("a while")


def test_a_reset_forgets_everything_and_keeps_the_first_account(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        end_user(http)
        sandbox.clock.advance("72h")
        sandbox.faults.add("500")
        sandbox.reset()
        assert names(http) == []
        profile = http.get(f"/v1/CustomerProfiles/{sandbox.account.primary_profile_sid}").json()
        assert profile["status"] == "twilio-approved"
        held = http.get(
            f"/2010-04-01/Accounts/{sandbox.account.account_sid}/IncomingPhoneNumbers.json"
        ).json()["incoming_phone_numbers"]
        assert {n["sid"] for n in held} == {n["sid"] for n in sandbox.account.numbers}
    assert sandbox.command("GET", "clock")["advanced"] == 0
    assert sandbox.command("GET", "faults") == {"faults": []}


def test_the_state_goes_out_and_in_as_plain_json(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        end_user(http, "kept")
        state = json.loads(json.dumps(sandbox.dump()))
        end_user(http, "lost")
        sandbox.load(state)
        assert names(http) == ["kept"]
        assert end_user(http, "later").status_code == 201
    assert "reviewer_password" not in json.dumps(state)
    with pytest.raises(ValueError, match="not a state"):
        sandbox.load({"tables": {}})


def test_accounts_are_isolated(sandbox: Sandbox) -> None:
    other = sandbox.open_account()
    assert other.primary_profile_sid and len(other.numbers) == len(sandbox.account.numbers)
    mine = {n["phone_number"] for n in sandbox.account.numbers}
    assert not mine & {n["phone_number"] for n in other.numbers}
    with client(sandbox) as http, client(sandbox, other) as theirs:
        made = end_user(theirs, "theirs").json()["sid"]
        assert names(http) == []
        assert http.get(f"/v1/EndUsers/{made}").status_code == 404


def test_an_outcome_rejects_what_matches_and_nothing_else(sandbox: Sandbox) -> None:
    sandbox.outcomes.reject(18602, because="Unknown business.", business_name="Harbor*")
    with client(sandbox) as http:
        office = Office(sandbox.account, http)
        profile = office.profile()
        assert submitted(office, profile) == "twilio-rejected"
        assert office.state(profile)[1] == {18602}
        sandbox.outcomes.clear()
        assert submitted(office, profile) == "twilio-approved"


def test_an_outcome_for_once_is_used_up(sandbox: Sandbox) -> None:
    sandbox.outcomes.reject(18601, once=True)
    with client(sandbox) as http:
        office = Office(sandbox.account, http)
        profile = office.profile()
        assert submitted(office, profile) == "twilio-rejected"
        assert submitted(office, profile) == "twilio-approved"


def test_a_held_bundle_waits_for_a_person(sandbox: Sandbox) -> None:
    sandbox.outcomes.hold(friendly_name="*")
    with client(sandbox) as http:
        office = Office(sandbox.account, http)
        profile = office.profile()
        assert submitted(office, profile) == "pending-review"
        decided = httpx.post(
            f"{sandbox.url}/console/reviews/{profile.rsplit('/', 1)[-1]}",
            auth=("jo", sandbox.ready["reviewer_password"]),
            data={"decision": "approve"},
            trust_env=False,
        )
        assert decided.status_code == 303
        assert http.get(profile).json()["status"] == "twilio-approved"


def test_no_outcome_makes_an_empty_bundle_vouch(sandbox: Sandbox) -> None:
    sandbox.outcomes.approve()
    with client(sandbox) as http:
        office = Office(sandbox.account, http)
        assert submitted(office, office.bundle(PROFILES, SECONDARY)) == "twilio-rejected"


@pytest.mark.parametrize(
    "rule",
    [
        {"decision": "maybe"},
        {"decision": "reject"},
        {"decision": "reject", "codes": [99999]},
        {"decision": "approve", "match": {"email": 3}},
        {"decision": "approve", "surprise": True},
        [],
    ],
)
def test_what_is_no_outcome_is_refused_in_a_sentence(sandbox: Sandbox, rule: object) -> None:
    with pytest.raises(ValueError, match="not an outcome"):
        sandbox.command("POST", "outcomes", rule)


def test_a_429_was_never_processed(sandbox: Sandbox) -> None:
    sandbox.faults.add("429", method="POST", path="/v1/EndUsers", times=1)
    with client(sandbox) as http:
        refused = end_user(http)
        assert (refused.status_code, refused.json()["code"]) == (429, 20429)
        assert names(http) == []
        assert end_user(http).status_code == 201


def test_a_server_error_and_slowness_are_had_on_order(sandbox: Sandbox) -> None:
    sandbox.faults.add("503", times=1)
    sandbox.faults.add("slow", seconds=0.3, times=1)
    with client(sandbox) as http:
        assert end_user(http).status_code == 503
        started = time.monotonic()
        assert end_user(http).status_code == 201
        assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("kind", "made"), [("cut-before", []), ("cut-after", ["x"])])
def test_a_connection_is_cut_before_or_after_the_write(
    sandbox: Sandbox, kind: str, made: list[str]
) -> None:
    sandbox.faults.add(kind, method="POST", times=1)
    with client(sandbox) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            end_user(http)
        assert names(http) == made


def test_a_rate_is_the_share_that_is_struck(sandbox: Sandbox) -> None:
    sandbox.faults.add("500", path="/v1/Policies", rate=0.5)
    with client(sandbox) as http:
        failed = sum(http.get("/v1/Policies").status_code == 500 for _ in range(200))
    assert 60 < failed < 140


def test_what_is_no_fault_is_refused(sandbox: Sandbox) -> None:
    for rule in ({"kind": "gremlins"}, {"kind": "slow", "seconds": 9999}, {"rate": 1}, "x"):
        with pytest.raises(ValueError, match=r"kind|seconds|not a fault"):
            sandbox.command("POST", "faults", rule)


def test_the_log_has_bodies_and_no_secret(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        end_user(http, "seen")
    entry = sandbox.log.one(method="POST", path="/v1/EndUsers", status=201, contains="seen")
    assert entry["form"]["FriendlyName"] == "seen"
    assert entry["answer"]["friendly_name"] == "seen"
    assert entry["account"] == sandbox.account.account_sid
    assert sandbox.account.auth_token not in json.dumps(sandbox.log.search())
    assert sandbox.log.search(contains=sandbox.account.auth_token) == []
    with pytest.raises(ValueError, match="2 requests match, not 5"):
        with client(sandbox) as http:
            end_user(http, "again")
        sandbox.command("GET", "requests", None, path="/v1/*", expect="5")


def test_the_log_hides_every_secret_that_passes(sandbox: Sandbox) -> None:
    root = f"/2010-04-01/Accounts/{sandbox.account.account_sid}"
    client_id, client_secret = "OQ" + "0" * 32, "f" * 32
    token = {"grant_type": "client_credentials", "client_id": client_id}
    ein = "98-7654321"
    attributes = json.dumps({"business_registration_number": ein, "business_name": "Harbor"})
    with client(sandbox) as http:
        assert http.get(f"{root}.json").json()["auth_token"] == sandbox.account.auth_token
        key = http.post(f"{root}/Keys.json", data={"FriendlyName": "k"}).json()
        http.post("/v2/token", data={**token, "client_secret": client_secret})
        opened = http.post(
            "/v1/ComplianceInquiries/Customers/Initialize",
            data={"PrimaryProfileSid": sandbox.account.primary_profile_sid or ""},
        ).json()
        business = {"FriendlyName": "b", "Type": "customer_profile_business_information"}
        made = http.post("/v1/EndUsers", data={**business, "Attributes": attributes})
        assert made.json()["attributes"]["business_registration_number"] == ein
    secrets = (
        sandbox.account.auth_token,
        key["secret"],
        client_secret,
        opened["inquiry_session_token"],
        ein,
    )
    shown = json.dumps(sandbox.log.search())
    for secret in secrets:
        assert len(secret) >= 10
        assert secret not in shown
        assert sandbox.log.search(contains=secret) == []
    assert opened["inquiry_session_token"] in opened["url"]
    assert len(sandbox.log.search(contains="Harbor")) == 1
    assert len(sandbox.log.search(contains=client_id)) == 1


def test_one_account_is_reset_and_no_other_notices(sandbox: Sandbox) -> None:
    one, other = sandbox.open_account(), sandbox.open_account()
    sandbox.clock.advance("1h")
    now = sandbox.command("GET", "clock")["advanced"]
    sandbox.faults.add("500", account=one.account_sid, path="/v1/Policies")
    sandbox.outcomes.hold(account_sid=one.account_sid)
    sandbox.outcomes.hold(account_sid=other.account_sid)
    with client(sandbox, one) as mine, client(sandbox, other) as theirs:
        for http in (mine, theirs):
            end_user(http, "made")
        numbers = f"/2010-04-01/Accounts/{one.account_sid}/IncomingPhoneNumbers"
        assert mine.delete(f"{numbers}/{one.numbers[0]['sid']}.json").status_code == 204
        office = Office(one, mine)
        office.submit(office.profile())
        sandbox.reset(one)
        assert (names(mine), names(theirs)) == ([], ["made"])
        held = mine.get(f"{numbers}.json").json()["incoming_phone_numbers"]
        assert {n["sid"] for n in held} == {n["sid"] for n in one.numbers}
        primary = mine.get(f"/v1/CustomerProfiles/{one.primary_profile_sid}").json()
        assert primary["status"] == "twilio-approved"
        assert mine.get("/v1/Policies").status_code == 200
        assert not sandbox.log.search(account=one.account_sid, method="POST")
        assert len(sandbox.log.search(account=other.account_sid, method="POST")) == 1
    rules = sandbox.command("GET", "outcomes")["outcomes"]
    assert [rule["match"] for rule in rules] == [{"account_sid": other.account_sid}]
    assert sandbox.command("GET", "clock")["advanced"] == now
    for nobody in ("AC" + "0" * 32, None, 5):
        with pytest.raises(ValueError, match="no such account"):
            sandbox.command("POST", "reset", {"account_sid": nobody})


def test_the_first_account_is_reset_to_what_it_began_with(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        sub = http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "s"}).json()
        root = f"/2010-04-01/Accounts/{sandbox.account.account_sid}"
        sid = sandbox.account.numbers[0]["sid"]
        moved = http.post(
            f"{root}/IncomingPhoneNumbers/{sid}.json", data={"AccountSid": sub["sid"]}
        )
        assert moved.status_code == 200
        end_user(http)
        sandbox.reset(sandbox.account)
        assert names(http) == []
        held = http.get(f"{root}/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
        assert {n["sid"] for n in held} == {n["sid"] for n in sandbox.account.numbers}
        assert http.get(f"/2010-04-01/Accounts/{sub['sid']}.json").status_code == 404


def test_a_fault_strikes_one_account_or_one_key(sandbox: Sandbox) -> None:
    other = sandbox.open_account()
    with client(sandbox) as http, client(sandbox, other) as theirs:
        root = f"/2010-04-01/Accounts/{sandbox.account.account_sid}"
        key = http.post(f"{root}/Keys.json", data={"FriendlyName": "k"}).json()
        sandbox.faults.add("503", account=key["sid"])
        sandbox.faults.add("500", account=other.account_sid)
        assert http.get("/v1/Policies").status_code == 200
        assert theirs.get("/v1/Policies").status_code == 500
        with_key = http.get("/v1/Policies", auth=(key["sid"], key["secret"]))
        assert with_key.status_code == 503


def test_the_log_forgets_the_oldest_first_and_can_be_cleared(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        end_user(http)
        assert len(sandbox.log.search(path="/v1/EndUsers")) == 1
        sandbox.log.clear()
        assert sandbox.log.search() == []
