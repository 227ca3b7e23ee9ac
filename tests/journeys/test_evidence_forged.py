"""Whoever can write into the database cannot make evidence say what was not so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from phonotary.bootstrap import auditing
from phonotary.shaken import certificates
from phonotary.storage import migrate, snapshot
from phonotary.storage.database import Database
from tests.journeys.tracing import Hub, made, recorded, run
from tests.rooms.office import NOW
from tests.rooms.shaken.calls import credential, issued, origid, sealed, signed

PROVEN = {"calls", "certificates", "bundles.history", "bundles.filed", "numbers"}
OPEN = {"bundles.record", "bundles.evaluations", "bundles.today", "accounts"}


@pytest.fixture
def hub(empty_url: str) -> Iterator[Hub]:
    with made(empty_url) as made_:
        yield made_


def change(hub: Hub, statement: str, **values: Any) -> None:
    hub.database.write(lambda store: store.connection.execute(text(statement), values))


def proven(found: dict[str, Any]) -> set[str]:
    return {part for part, told in found["proven"].items() if told["proven"]}


def test_a_bundle_says_of_each_part_whether_it_is_proven(hub: Hub) -> None:
    found = hub.ask(origid=origid(1))
    assert set(found["proven"]) == PROVEN | OPEN
    assert proven(found) == PROVEN
    assert all(told["by"] for told in found["proven"].values())
    (certificate,) = found["certificates"].values()
    assert (certificate["is_as_recorded"], certificate["issuers_signed"]) == (True, True)
    entries = [each for bundle in found["bundles"].values() for each in bundle["history"]]
    entries += found["numbers"][hub.number.phone_number]
    assert {each["witnessed_at"] for each in entries} == {"2026-09-21T14:13:20Z"}
    assert run(hub, "audit", "verify").exit_code == 0


def test_another_companys_certificate_is_not_told_as_the_calls(hub: Hub) -> None:
    other = certificates.sandbox_certificates(NOW, "9999", "Somebody Else Inc")
    change(hub, "UPDATE ledger_certificates SET chain_pem = :pem", pem=other.chain_pem.decode())
    found = hub.ask(origid=origid(1))
    (call,) = found["calls"]
    assert call["passports"][0]["signature_holds"] is None
    (certificate,) = found["certificates"].values()
    assert certificate["is_as_recorded"] is False
    assert "subject" not in certificate
    assert proven(found) == PROVEN - {"calls", "certificates"}
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert "its certificate record is missing, or not what was recorded" in done.stderr


@pytest.mark.parametrize("pem", ["none", "-----BEGIN CERTIFICATE-----\nMIIB\n"])
def test_a_chain_that_is_none_is_found(hub: Hub, pem: str) -> None:
    change(hub, "UPDATE ledger_certificates SET chain_pem = :pem", pem=pem)
    assert "certificates" not in proven(hub.ask(origid=origid(1)))
    assert run(hub, "audit", "verify").exit_code == 1


def test_an_issuer_that_did_not_sign_is_found(hub: Hub) -> None:
    other = certificates.sandbox_certificates(NOW, "9999", "Somebody Else Inc").chain_pem.decode()
    leaf, rest = (each.decode() for each in issued().chain_pem.split(b"-----END", 1))
    mixed = f"{leaf}-----END CERTIFICATE-----\n" + "-----BEGIN" + other.split("-----BEGIN", 2)[2]
    assert rest
    change(hub, "UPDATE ledger_certificates SET chain_pem = :pem", pem=mixed)
    found = hub.ask(origid=origid(1))
    (certificate,) = found["certificates"].values()
    assert (certificate["is_as_recorded"], certificate["issuers_signed"]) == (True, False)
    assert "certificates" not in proven(found)


@pytest.mark.parametrize("column", ["header", "tail", "fingerprint"])
def test_an_identity_that_is_put_together_otherwise_is_found(hub: Hub, column: str) -> None:
    change(hub, f"UPDATE ledger_certificates SET {column} = SUBSTR({column}, 2)")
    found = hub.ask(origid=origid(1))
    assert found["calls"][0]["proof"]["identity_is_as_recorded"] is False
    assert not proven(found) & {"calls", "certificates"}
    assert run(hub, "audit", "verify").exit_code == 1


def test_another_address_of_the_certificate_is_found(hub: Hub) -> None:
    change(hub, "UPDATE ledger_certificates SET x5u = 'https://evil.example/x.pem'")
    assert "certificates" not in proven(hub.ask(origid=origid(1)))
    assert run(hub, "audit", "verify").exit_code == 1


def test_a_certificate_that_was_not_kept_is_not_proven(hub: Hub) -> None:
    change(hub, "UPDATE ledger_certificates SET chain_pem = NULL")
    assert "certificates" not in proven(hub.ask(origid=origid(1)))


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE status_changes SET \"by\" = 'Mallory'",
        "UPDATE status_changes SET \"after\" = 'twilio-rejected'",
        "UPDATE status_changes SET at = at + 1",
        "UPDATE status_changes SET because = 'told so'",
        "UPDATE status_changes SET codes = '[18601]'",
        "UPDATE status_changes SET filed = '{}'",
        "DELETE FROM status_changes WHERE filed IS NULL",
        "DELETE FROM status_changes WHERE seq = (SELECT MAX(seq) FROM status_changes)",
    ],
)
def test_a_decision_that_was_altered_is_found(hub: Hub, forged: str) -> None:
    change(hub, forged)
    found = hub.ask(origid=origid(1))
    assert proven(found) == PROVEN - {"bundles.history", "bundles.filed"}
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert "status_changes 1 to 6 are not what this row saw" in done.stderr


@pytest.mark.parametrize(
    "forged",
    [
        "DELETE FROM standing_changes",
        "DELETE FROM standing_changes WHERE kind = 'assigned'",
        "UPDATE standing_changes SET account_sid = 'AC0'",
        "UPDATE standing_changes SET at = 1",
        "UPDATE standing_changes SET phone_number = '+12025550100' WHERE kind = 'bought'",
    ],
)
def test_a_numbers_history_that_was_altered_is_found(hub: Hub, forged: str) -> None:
    change(hub, forged)
    assert proven(hub.ask(origid=origid(1))) == PROVEN - {"numbers"}
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert "standing_changes" in done.stderr and "are not what this row saw" in done.stderr


def test_what_is_not_witnessed_yet_is_told_and_not_proven(hub: Hub) -> None:
    change(
        hub,
        "INSERT INTO standing_changes (kind, subject, account_sid, phone_number, at) "
        "VALUES ('moved', 'PN0', 'AC0', :number, 9)",
        number=hub.number.phone_number,
    )
    found = hub.ask(origid=origid(1))
    assert proven(found) == PROVEN - {"numbers"}
    assert found["numbers"][hub.number.phone_number][-1]["witnessed_at"] is None
    done = run(hub, "audit", "verify")
    assert done.exit_code == 0
    assert "1 entries of standing_changes are not witnessed" in done.stderr
    recorded(hub, signed(80))
    found = hub.ask(origid=origid(1))
    assert proven(found) == PROVEN
    # Put there afterwards, it is proven from then on only.
    assert found["numbers"][hub.number.phone_number][-1]["witnessed_at"] == "2026-09-21T14:14:40Z"


def test_an_entry_put_among_witnessed_ones_is_told(hub: Hub) -> None:
    change(
        hub,
        "INSERT INTO standing_changes SELECT 0, kind, subject, about, account_sid, "
        "phone_number, at FROM standing_changes WHERE kind = 'bought'",
    )
    assert "numbers" not in proven(hub.ask(origid=origid(1)))
    assert "1 entries of standing_changes are not witnessed" in run(hub, "audit", "verify").stderr


def test_a_history_of_which_nothing_is_witnessed_is_not_proven(hub: Hub) -> None:
    change(hub, "UPDATE settings SET value = :all", all='{"as_of":0,"upto":{}}')
    change(hub, "DELETE FROM standing_changes")
    change(hub, "DELETE FROM calls")
    change(hub, "DELETE FROM ledger_batches")
    recorded(hub, sealed(1, fingerprint=credential().fingerprint))
    found = hub.ask(origid=origid(1))
    assert found["numbers"] and "numbers" not in proven(found)


def test_a_marker_that_was_put_forward_leaves_entries_unproven(hub: Hub) -> None:
    change(
        hub,
        "UPDATE settings SET value = :far WHERE name = 'ledger_witnessed'",
        far='{"as_of":0,"upto":{"standing_changes":999999,"status_changes":999999}}',
    )
    change(
        hub,
        "INSERT INTO standing_changes (kind, subject, account_sid, phone_number, at) "
        "VALUES ('moved', 'PN0', 'AC0', :number, 9)",
        number=hub.number.phone_number,
    )
    recorded(hub, signed(80))
    assert "numbers" not in proven(hub.ask(origid=origid(1)))


def test_a_sandbox_that_was_put_back_is_told_and_witnessed_anew(hub: Hub) -> None:
    hub.database.write(lambda store: store.put_setting("pristine", "{}"))
    before = json.loads(json.dumps(hub.database.read(snapshot.dump)))
    hub.database.write(lambda store: snapshot.load(store, before))
    done = run(hub, "audit", "verify")
    assert done.exit_code == 0
    assert "the state was put back, last at" in done.stderr
    assert "6 entries of status_changes are not witnessed" in done.stderr
    assert "bundles.history" not in proven(hub.ask(origid=origid(1)))
    recorded(hub, signed(80))
    assert proven(hub.ask(origid=origid(1))) == PROVEN
    assert "not witnessed" not in run(hub, "audit", "verify").stderr


def test_a_service_that_looks_put_back_is_a_fault(hub: Hub) -> None:
    change(
        hub,
        "INSERT INTO standing_changes (kind, subject, account_sid, at) "
        "VALUES ('replaced', '*', '', 9)",
    )
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert "the state was put back" in done.stderr


# What was noted elsewhere


def noted(hub: Hub, tmp_path: Path) -> Path:
    """What an audit printed before."""
    file = tmp_path / "noted.txt"
    done = run(hub, "audit", "verify")
    assert done.exit_code == 0
    file.write_text(done.stdout, "utf-8")
    return file


def test_rows_that_were_noted_are_there(hub: Hub, tmp_path: Path) -> None:
    file = noted(hub, tmp_path)
    recorded(hub, signed(80))
    done = run(hub, "audit", "verify", "--witness", str(file))
    assert (done.exit_code, "1 row of" in done.stderr) == (0, True)


@pytest.mark.parametrize(
    "gone",
    [
        ("ledger_batches", "calls"),
        ("ledger_batches",),
        ("calls",),
    ],
)
def test_the_newest_rows_cannot_go_unseen(hub: Hub, tmp_path: Path, gone: tuple[str, ...]) -> None:
    file = noted(hub, tmp_path)
    newest = "(SELECT MAX(seq) FROM ledger_batches)"
    with hub.database.reading() as store:
        last = store.connection.execute(text(f"SELECT {newest}")).scalar()
    for table in gone:
        change(hub, f"DELETE FROM {table} WHERE seq = :last", last=last)
    done = run(hub, "audit", "verify", "--witness", str(file))
    assert done.exit_code == 1
    assert "row 7: missing, yet it was noted" in done.stderr
    orphaned = "1 batches of calls belong to no chain" in run(hub, "audit", "verify").stderr
    assert orphaned is (gone == ("ledger_batches",))


def test_a_chain_that_was_written_anew_is_not_the_one_noted(hub: Hub, tmp_path: Path) -> None:
    file = noted(hub, tmp_path)
    text_ = file.read_text("utf-8")
    first = text_.index("\n") + 1
    file.write_text(f"log: {'0' * 64}{text_[first + 64 :]}", "utf-8")
    done = run(hub, "audit", "verify", "--witness", str(file))
    assert done.exit_code == 1
    assert "not the row that was noted" in done.stderr


@pytest.mark.parametrize("left", ["frames", "marker"])
def test_a_ledger_that_was_emptied_is_known_by_what_it_left(hub: Hub, left: str) -> None:
    for table in ("ledger_batches", "calls"):
        change(hub, f"DELETE FROM {table}")
    if left == "marker":
        change(hub, "DELETE FROM ledger_certificates")
    else:
        change(hub, "DELETE FROM settings WHERE name = 'ledger_witnessed'")
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert "the ledger is empty, and was written once" in done.stderr


def test_a_ledger_that_was_never_written_is_no_fault(empty_url: str) -> None:
    database = Database(empty_url)
    try:
        migrate.upgrade(database)
        assert auditing.audit(database).faults == ()
    finally:
        database.close()


def test_a_chain_of_which_nothing_is_left_contradicts_what_was_noted(
    hub: Hub, tmp_path: Path
) -> None:
    file = noted(hub, tmp_path)
    for table in ("ledger_batches", "calls", "ledger_certificates", "settings"):
        change(hub, f"DELETE FROM {table}")
    assert run(hub, "audit", "verify").exit_code == 0
    done = run(hub, "audit", "verify", "--witness", str(file))
    assert (done.exit_code, "missing, yet it was noted" in done.stderr) == (1, True)


@pytest.mark.parametrize("content", [None, "", "nothing of a ledger", "0 chains, 0 rows"])
def test_a_witness_that_says_nothing_is_exit_2(
    hub: Hub, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "witness"
    if content is not None:
        file.write_text(content, "utf-8")
    assert run(hub, "audit", "verify", "--witness", str(file)).exit_code == 2


def test_many_faults_are_told_up_to_ten(hub: Hub) -> None:
    recorded(hub, *(signed(100 + n) for n in range(20)))
    with hub.database.reading() as store:
        asked = text("SELECT seq, hashes FROM calls ORDER BY seq DESC LIMIT 1")
        seq, hashes = store.connection.execute(asked).one()
    change(
        hub,
        "UPDATE calls SET hashes = :hashes WHERE seq = :seq",
        hashes=bytes(hashes)[::-1],
        seq=seq,
    )
    done = run(hub, "audit", "verify")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 12
    assert done.stderr.endswith(" more\n")
