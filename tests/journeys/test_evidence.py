"""A traceback's question is answered from what was recorded, and the ledger proves itself."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from typer.testing import CliRunner

from phonotary.bootstrap.question import Question, instant_of
from phonotary.cli import audit
from phonotary.clock import iso8601
from phonotary.errors import Reason, Refused
from phonotary.trusthub import bundles, end_users, review
from tests.journeys.tracing import Hub, made, recorded, run
from tests.rooms import office
from tests.rooms.office import NOW, refused
from tests.rooms.shaken.calls import credential, identity, issued, origid, signed
from tests.simulators import postgres

REGISTRATION = "12-3456789"
MINUTE = NOW - NOW % 60


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One for all tests that only ask."""
    if request.param == "sqlite":
        with made(f"sqlite:///{tmp_path_factory.mktemp('hub') / 'phonotary.db'}") as hub:
            yield hub
        return
    with (
        postgres.database(request.getfixturevalue("postgres_server")) as url,
        made(url) as hub,
    ):
        yield hub


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    """One to be changed."""
    with made(f"sqlite:///{tmp_path / 'phonotary.db'}") as hub:
        yield hub


def test_a_call_is_told_with_its_passport_and_its_decision(hub: Hub) -> None:
    found = hub.ask(origid=origid(1))
    (call,) = found["calls"]
    assert call["orig"] == hub.number.phone_number
    assert call["at"] == "2026-09-21T14:13:21Z"
    assert (call["door"], call["source"]) == ("http", "127.0.0.1")
    digits = hub.number.phone_number.removeprefix("+")
    assert call["identity"] == identity(1, digits)
    (token,) = call["passports"]
    assert token["payload"]["orig"] == {"tn": digits}
    assert token["signature_holds"] is True
    decision = call["decision"]
    assert (decision["level"], decision["reason"]) == ("A", "number-verified")
    assert "approved" in decision["explanation"]
    assert decision["policy_is_still_in_force"] is True
    certificate = found["certificates"][call["certificate"]]
    assert certificate["chain_pem"] == issued().chain_pem.decode()
    assert (certificate["x5u"], call["spc"]) == (credential().x5u, "9999")
    assert "a provider" in certificate["subject"]
    assert json.loads(json.dumps(found)) == found


def test_the_customer_is_named_with_who_decided_about_it(hub: Hub) -> None:
    found = hub.ask(origid=origid(1))
    (call,) = found["calls"]
    assert call["profile_of_account"] == hub.profile.sid
    bundle = found["bundles"][hub.profile.sid]
    version = bundle["history"][-1]["version"]
    assert call["rested_on"][0]["filed"] == {"as": "approved", "version": version}
    profile = bundle["filed"][str(version)]
    assert bundle["today"] == profile
    assert profile["business_name"] == "Acme Plumbing LLC"
    person = next(e for e in profile["end_users"] if e["type"] == "authorized_representative_1")
    for name in ("first_name", "last_name", "email", "phone_number", "business_title"):
        assert person["attributes"][name]
    assert profile["addresses"][0]["city"] == "Austin"
    assert [each["after"] for each in bundle["history"]] == [
        "pending-review",
        "in-review",
        "twilio-approved",
    ]
    assert [each["sid"] for each in call["rested_on"]] == [hub.profile.sid, hub.product.sid]
    for each in call["rested_on"]:
        assert each["status"] == "twilio-approved"
        assert each["decided"]["by"] == "reviewer:rita"
    kinds = [each["kind"] for each in found["numbers"][hub.number.phone_number]]
    assert kinds == ["bought", "assigned", "assigned"]
    assert found["accounts"][hub.account.sid]["status"] == "active"


def test_what_was_decided_after_the_call_does_not_hide_what_was_valid_then(own_hub: Hub) -> None:
    hub = own_hub
    hub.database.write(
        lambda store: review.suspend(
            store, NOW + 60, store.bundles.get(hub.profile.sid), "rita", "a complaint"
        )
    )
    found = hub.ask(origid=origid(1))
    then = found["calls"][0]["rested_on"][0]
    assert then["status"] == "twilio-approved"
    profile = found["bundles"][hub.profile.sid]
    assert profile["record"]["status"] == "twilio-rejected"
    assert profile["history"][-1]["because"] == "a complaint"


def _changed_by_its_customer(store: Any, hub: Hub) -> None:
    party = office.party_of(hub.account)
    for each in store.entity_assignments.all(bundle_sid=hub.profile.sid):
        found = store.end_users.get(each.object_sid)
        if found is not None and "business_name" in found.attributes:
            attributes = {**found.attributes, "business_name": "Somebody Else LLC"}
            end_users.update(store, party, NOW + 70, found.sid, attributes=attributes)


def test_what_a_customer_changes_after_its_approval_does_not_change_the_evidence(
    own_hub: Hub,
) -> None:
    hub = own_hub

    def work(store: Any) -> None:
        profile = store.bundles.get(hub.profile.sid)
        review.suspend(store, NOW + 60, profile, "rita", "a complaint about EIN123456789")
        _changed_by_its_customer(store, hub)

    hub.database.write(work)
    found = hub.ask(origid=origid(1))
    (call,) = found["calls"]
    bundle = found["bundles"][hub.profile.sid]
    assert bundle["today"]["business_name"] == "Somebody Else LLC"
    filed = bundle["filed"][str(call["rested_on"][0]["filed"]["version"])]
    assert filed["business_name"] == "Acme Plumbing LLC"
    assert REGISTRATION not in json.dumps(found) and "123456789" not in json.dumps(found)
    assert "a complaint about EIN123456789" in json.dumps(hub.ask(origid=origid(1), unmasked=True))

    def gone(store: Any) -> None:
        party = office.party_of(hub.account)
        for each in store.endpoint_assignments.all(bundle_sid=hub.profile.sid):
            store.endpoint_assignments.remove(each.sid)
        for each in store.entity_assignments.all(object_sid=hub.profile.sid):
            store.entity_assignments.remove(each.sid)
        bundles.delete(store, party, hub.profile.kind, hub.profile.sid)

    hub.database.write(gone)
    found = hub.ask(origid=origid(1))
    (call,) = found["calls"]
    bundle = found["bundles"][hub.profile.sid]
    assert (bundle["record"], bundle["today"]) == (None, None)
    assert call["profile_of_account"] == hub.profile.sid
    filed = bundle["filed"][str(call["rested_on"][0]["filed"]["version"])]
    assert filed["business_name"] == "Acme Plumbing LLC"
    assert filed["addresses"][0]["city"] == "Austin"


def test_a_draft_that_was_approved_in_the_same_second_was_a_draft(own_hub: Hub) -> None:
    hub = own_hub
    inputs = ((hub.profile.sid, "0"), (hub.product.sid, "999"), ("BU" + "9" * 32, "1"))
    recorded(hub, signed(70, at=NOW, account_sid=hub.account.sid, inputs=inputs))
    (call,) = hub.ask(origid=origid(70))["calls"]
    draft, unknown, nobodys = call["rested_on"]
    assert (draft["status"], draft["decided"]) == ("draft", None)
    assert draft["filed"] == {"as": "today"}
    assert (unknown["status"], unknown["decided"]) == (None, None)
    assert (nobodys["sid"], nobodys["filed"]) == ("BU" + "9" * 32, None)


def test_an_origid_that_is_repeated_is_told_newest_first_and_counted(
    own_hub: Hub, tmp_path: Path
) -> None:
    recorded(own_hub, *(signed(100 + n, origid=origid(1)) for n in range(120)))
    found = own_hub.ask(origid=origid(1), limit=3)
    assert found["total"] == 121
    assert [call["at"] for call in found["calls"]] == [iso8601(NOW + 219 - n) for n in range(3)]
    done = run(own_hub, "evidence", "--origid", origid(1), "--out", str(tmp_path / "found.json"))
    oldest = "2026-09-21T14:15:20Z"
    more = (
        "the newest 100 of 121 calls; --limit 121 gives all, --until 2026-09-21T14:15:21Z "
        f"the older ones and again those of {oldest}.\n"
    )
    assert "100 calls in " in done.stderr and more in done.stderr
    done = run(own_hub, "evidence", "--origid", origid(1), "--until", "2026-09-21T14:15:21Z")
    calls = json.loads(done.stdout)["calls"]
    assert (len(calls), calls[0]["at"]) == (22, oldest) and "--limit" not in done.stderr
    done = run(own_hub, "evidence", "--origid", origid(1), "--limit", "121")
    assert len(json.loads(done.stdout)["calls"]) == 121


def test_who_follows_the_hint_misses_no_call_of_the_second_that_the_page_ended_in(
    own_hub: Hub,
) -> None:
    # One call in the newest second, then five in one.
    seconds = (NOW + 21, *[NOW + 20] * 5, NOW + 19)
    recorded(own_hub, *(signed(100 + n, at=at, origid=origid(9)) for n, at in enumerate(seconds)))

    def page(*more: str) -> tuple[list[str], str]:
        done = run(own_hub, "evidence", *more)
        found = json.loads(done.stdout)["calls"]
        return [call["proof"]["hash"] for call in found], done.stderr

    whole, _ = page("--origid", origid(9))
    first, said = page("--origid", origid(9), "--limit", "3")
    until = said.partition("--until ")[2].split()[0]
    second, _ = page("--origid", origid(9), "--until", until)
    assert (len(whole), {*first, *second}) == (7, {*whole})
    # A page of one second would be followed by itself.
    _, said = page("--origid", origid(9), "--until", until, "--limit", "3")
    assert "--limit 6 gives all.\n" in said and "--until" not in said


def test_the_hint_about_a_minute_is_a_question_that_is_answered(hub: Hub) -> None:
    minute = iso8601(MINUTE)[:16]
    asked = ("--number", hub.number.phone_number)
    said = run(hub, "evidence", *asked, "--minute", minute, "--limit", "2").stderr
    hint = said.partition("instead of --minute, ")[2].split()[:4]
    assert (hint[0], hint[2]) == ("--since", "--until")
    assert len(json.loads(run(hub, "evidence", *asked, *hint).stdout)["calls"]) == 2


def test_a_registration_number_is_hidden_unless_it_is_asked_for(hub: Hub) -> None:
    assert REGISTRATION not in json.dumps(hub.ask(origid=origid(1)))
    assert "******6789" in json.dumps(hub.ask(origid=origid(1)))
    assert REGISTRATION in json.dumps(hub.ask(origid=origid(1), unmasked=True))


def test_calls_are_found_by_number_and_minute(hub: Hub) -> None:
    number = hub.number.phone_number
    found = hub.ask(number=number, minute=MINUTE)
    assert [call["origid"] for call in found["calls"]] == [origid(n) for n in (2, 1, 0)]
    assert found["total"] == 3
    with refused(Reason.NOT_FOUND):
        hub.ask(number=number, minute=MINUTE + 60)
    with refused(Reason.NOT_FOUND):
        hub.ask(number="+12025550100", minute=MINUTE)


def test_a_bundle_is_bounded_and_says_so(hub: Hub) -> None:
    found = hub.ask(number=hub.number.phone_number, minute=MINUTE, limit=2)
    assert (len(found["calls"]), found["total"]) == (2, 3)


def test_a_verified_call_is_told_with_its_verdict(hub: Hub) -> None:
    (call,) = hub.ask(origid=origid(50))["calls"]
    assert call["decision"] is None
    assert call["verdict"]["verstat"] == "TN-Validation-Failed"
    (token,) = call["passports"]
    assert token["identity"] == call["identity"] == "token.of.nobody;info=<https://x.example>"
    assert token["unreadable"]


def test_each_identity_of_a_verified_call_is_taken_apart(own_hub: Hub) -> None:
    several = ",".join([identity(1, "13125550100"), "token.of.nobody;info=<https://x.example>"])
    recorded(
        own_hub,
        signed(60, kind="verified", identity=several, fingerprint=credential().fingerprint),
        signed(61, kind="verified", identity=f"{several},{'x' * 70_000}"),
    )
    for n in (60, 61):
        (call,) = own_hub.ask(origid=origid(n))["calls"]
        one, other = call["passports"]
        assert one["identity"] == identity(1, "13125550100")
        assert one["payload"]["orig"] == {"tn": "13125550100"}
        assert one["signature_holds"] is (True if n == 60 else None)
        assert other["unreadable"]
        assert (call["cut_from"] is None) is (n == 60)


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"since": 0, "until": NOW},
        {"number": "+14155550100"},
        {"dest": "+14155550100", "since": 0},
        {"number": "+14155550100", "origid": "x", "since": 0, "until": NOW},
        {"origid": "x", "limit": 0},
    ],
)
def test_a_question_that_is_none_is_refused(question: dict[str, Any]) -> None:
    with refused(Reason.INVALID_PARAMETER):
        Question(**question)


@pytest.mark.parametrize("given", ["2155550123", "+12155550123", "12155550123", "(215) 555-0123"])
def test_a_number_is_found_as_it_is_given_and_as_it_is_understood(own_hub: Hub, given: str) -> None:
    recorded(
        own_hub,
        signed(20, orig="2155550123", dest=("12125550143",)),
        signed(21, orig="12155550123", dest=("2125550143",)),
        # As verified calls were written once.
        signed(22, orig="+12155550123", dest=("+1-212-555-0143",)),
    )
    found = own_hub.ask(number=given, minute=MINUTE)
    ten = {"2155550123", "(215) 555-0123"}
    assert [call["at"][-3:] for call in found["calls"]] == ["42Z", "41Z"] + ["40Z"] * (given in ten)


def test_calls_are_found_by_whom_they_were_to_and_within_any_time(own_hub: Hub) -> None:
    recorded(own_hub, *(signed(20 + n, dest=("12125550143",)) for n in range(3)))
    found = own_hub.ask(dest="+1 212-555-0143", since=NOW + 21, until=NOW + 22)
    assert [call["at"] for call in found["calls"]] == [iso8601(NOW + 21)]
    assert found["asked"]["dest"] == "+1 212-555-0143"
    assert found["asked"]["since"] == iso8601(NOW + 21)
    assert own_hub.ask(number="+14155550100", dest="12125550143", minute=MINUTE)["total"] == 3
    with refused(Reason.NOT_FOUND):
        own_hub.ask(number="+14155550101", dest="12125550143", minute=MINUTE)
    repeated = own_hub.ask(origid=origid(21), since=NOW + 21, until=NOW + 22)
    assert repeated["total"] == 1
    with refused(Reason.NOT_FOUND):
        own_hub.ask(origid=origid(21), until=NOW + 21)


def test_an_origid_that_is_no_uuid_is_told_so_where_no_call_has_it(hub: Hub) -> None:
    with pytest.raises(Refused, match="no such call; nope is no UUID"):
        hub.ask(origid="nope")
    with pytest.raises(Refused, match=r"no such call$"):
        hub.ask(origid="00000000-0000-4000-8000-00000000dead")


def test_the_proof_is_the_rows_hash_and_whether_its_chain_checks(own_hub: Hub) -> None:
    hub = own_hub
    (call,) = hub.ask(origid=origid(1))["calls"]
    proof = call["proof"]
    assert (proof["position"], proof["chain_checks"]) == (5, True)
    (before,) = hub.ask(origid=origid(0))["calls"]
    assert proof["previous_hash"] == before["proof"]["hash"]
    _alter(hub)
    (call,) = hub.ask(origid=origid(0))["calls"]
    assert call["proof"]["chain_checks"] is False


def test_a_minute_is_read_in_utc() -> None:
    assert instant_of("1970-01-02T00:01") == instant_of("1970-01-02T00:01Z") == 86_460
    assert instant_of("1970-01-02T00:01:30Z") == 86_490
    with refused(Reason.INVALID_PARAMETER):
        instant_of("yesterday")


def _alter(hub: Hub) -> None:
    """Somebody hides the second call."""
    with hub.database.reading() as store:
        found = store.connection.execute(text("SELECT seq, bodies FROM calls ORDER BY seq")).all()
    seq, bodies = next(each for each in found if origid(1).encode() in bytes(each[1]))
    altered = bytes(bodies).replace(origid(1).encode(), origid(9).encode())
    asked = text("UPDATE calls SET bodies = :bodies WHERE seq = :seq")
    values = {"bodies": altered, "seq": seq}
    hub.database.write(lambda store: store.connection.execute(asked, values))


# The commands


def test_evidence_goes_to_standard_output(hub: Hub) -> None:
    done = run(hub, "evidence", "--origid", origid(1))
    assert done.exit_code == 0
    assert json.loads(done.stdout)["calls"][0]["origid"] == origid(1)


def test_evidence_goes_into_a_file_that_only_its_owner_reads(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "evidence.json"
    number = hub.number.phone_number
    minute = "2026-09-21T14:13"
    done = run(hub, "evidence", "--number", number, "--minute", minute, "--out", str(out))
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert len(json.loads(out.read_text("utf-8"))["calls"]) == 3
    assert run(hub, "evidence", "--origid", origid(1), "--out", str(out)).exit_code == 1
    assert len(json.loads(out.read_text("utf-8"))["calls"]) == 3


def test_a_command_asks_for_a_called_number_from_one_time_to_another(hub: Hub) -> None:
    asked = ("evidence", "--dest", "+12125551212", "--since", "2026-09-21T14:13:21")
    done = run(hub, *asked, "--until", "2026-09-21T14:13:22")
    assert [each["origid"] for each in json.loads(done.stdout)["calls"]] == [origid(1)]
    done = run(hub, *asked)
    assert json.loads(done.stdout)["total"] == 3
    assert run(hub, *asked[:3], "--minute", "2026-09-21T14:14").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--number", "+14155550100"),
        ("--minute", "x"),
        ("--dest", "+14155550100", "--until", "2026-09-21T14:13"),
        ("--dest", "1", "--minute", "2026-09-21T14:13", "--since", "2026-09-21T14:13"),
        ("--dest", "1", "--minute", "2026-09-21T14:13", "--until", "2026-09-21T14:13"),
        ("--origid", "x", "--number", "+14155550100", "--minute", "2026-09-21T14:13"),
    ],
)
def test_a_question_left_open_is_exit_2(hub: Hub, arguments: tuple[str, ...]) -> None:
    assert run(hub, "evidence", *arguments).exit_code == 2


def test_an_audit_says_what_it_checked_and_names_what_is_broken(own_hub: Hub) -> None:
    hub = own_hub
    done = run(hub, "audit", "verify")
    assert done.exit_code == 0
    said, newest = done.stdout.splitlines()
    assert said == "1 chain, 7 rows, all as written"
    (call,) = hub.ask(origid=origid(50))["calls"]
    proof = call["proof"]
    assert newest == f"{proof['hash']}  {proof['chain']} row 7"
    recorded(hub, signed(90))
    _, first, second = run(hub, "audit", "verify").stdout.splitlines()
    assert first.endswith(" row 2") and second == newest
    _alter(hub)
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert "row 5: altered, or not the row" in done.stderr


def test_a_directory_without_a_hub_stays_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHONOTARY_DATABASE_URL", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = CliRunner().invoke(audit.audit, ["verify", "--data", str(empty)])
    assert done.exit_code == 2
    assert list(empty.iterdir()) == []
    for name in ("phonotary.db", "service.db"):
        sqlite3.connect(empty / name).execute("PRAGMA user_version=1").connection.close()
    done = CliRunner().invoke(audit.audit, ["verify", "--data", str(empty)])
    assert done.exit_code == 2
    both = f"sqlite:///{empty / 'phonotary.db'} or sqlite:///{empty / 'service.db'}"
    assert f"two hubs; set PHONOTARY_DATABASE_URL to one, {both}." in done.stderr
    assert "reads" not in done.stderr


def test_which_database_was_read_is_said_beside_the_answer(hub: Hub) -> None:
    for question in (("audit", "verify"), ("evidence", "--origid", origid(1))):
        done = run(hub, *question)
        (said,) = (each for each in done.stderr.splitlines() if " reads " in each)
        shown = make_url(hub.database.url).render_as_string(hide_password=True)
        assert said.startswith(f"phonotary: reads {shown.partition('?')[0]}")
        assert " reads " not in done.stdout


def test_the_only_hub_of_a_directory_is_read_and_named_by_its_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PHONOTARY_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "service.db").touch()
    url = f"sqlite:///{tmp_path / 'service.db'}"
    assert audit.url_of(Path()) == url
    assert capsys.readouterr().err == f"phonotary: reads {url}\n"


def test_no_secret_of_a_database_url_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql+psycopg://me:secret@/calls?host=/run/pg&password=secret"
    monkeypatch.setenv("PHONOTARY_DATABASE_URL", url)
    assert audit.url_of(None) == url
    said = capsys.readouterr().err
    assert "secret" not in said and "/calls?host=" in said
