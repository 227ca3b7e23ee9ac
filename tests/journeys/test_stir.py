"""A customer's calls from the paperwork to the traceback, on a real ``phonotary up``."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from phonotary import shaken
from phonotary.shaken import issuing
from tests.compat.office import SHAKEN, Office, sid_of
from tests.journeys import sandbox
from tests.journeys.callers import Caller, Sign, Verify, claims, here, phonotary
from tests.journeys.sandbox import Sandbox

CALLED, OTHER = "+12025550147", "+12025550148"
A = "TN-Validation-Passed", "A"
NONE, FAILED = "No-TN-Validation", "TN-Validation-Failed"


class Customer:
    """A hub, and one customer of it whose number is worth an A."""

    def __init__(self, running: Sandbox, directory: Path) -> None:
        self.running = running
        self.data = directory / "data"
        ready = running.ready
        self.caller = Caller(
            ready["http"], ready["sip"], (ready["account_sid"], ready["auth_token"]), self.data
        )
        with running.client() as http:
            self.number, self.profile, self.product = self.onboarded(Office(running.hub, http), 0)

    @staticmethod
    def onboarded(office: Office, place: int) -> tuple[str, str, str]:
        number = office.hub.local[place]
        profile = office.approved_profile(number.sid)
        product = office.product(SHAKEN, profile)
        assert office.assign_number(product, number.sid).status_code == 201
        office.submit(product)
        return number.phone_number, profile, product

    def get(self, url: str) -> bytes:
        answer = httpx.get(url, trust_env=False)
        assert answer.status_code == 200
        return answer.content

    def fetched(self, directory: Path, identity: str) -> tuple[Path, Path]:
        """The root and the chain of a call, as any verifier would get them."""
        root, chain = directory / "root.pem", directory / "chain.pem"
        root.write_bytes(self.get(f"{self.caller.http}/certs/root.pem"))
        chain.write_bytes(self.get(identity.partition("info=<")[2].partition(">")[0]))
        return root, chain


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    directory = tmp_path_factory.mktemp("stir")
    with sandbox.running(directory) as running:
        yield Customer(running, directory)


WAYS: dict[str, tuple[Sign, Verify]] = {
    "ATIS to SIP over UDP": (Caller.sign_atis, Caller.verify_udp),
    "Ms to text": (Caller.sign_ms, Caller.verify_text),
    "text to ATIS": (Caller.sign_text, Caller.verify_atis),
    "SIP over UDP to Ms": (Caller.sign_udp, Caller.verify_ms),
    "SIP over TCP to a command": (Caller.sign_tcp, Caller.verify_command),
    "a command to SIP over TCP": (Caller.sign_command, Caller.verify_tcp),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_one_door_signs_another_verifies(customer: Customer, way: str) -> None:
    sign, verify = WAYS[way]
    caller, number = customer.caller, customer.number
    identity = sign(caller, number, CALLED)
    said = claims(identity)
    digits = number.removeprefix("+")
    assert (said["attest"], said["orig"]["tn"], said["dest"]["tn"]) == ("A", digits, [CALLED[1:]])
    assert ("rcd" in said) == (sign is Caller.sign_ms)
    verstat, level = verify(caller, number, CALLED, identity)
    assert (verstat, level or "A") == A
    # It is good for this call alone, and once.
    assert verify(caller, number, OTHER, identity)[0] == NONE
    assert verify(caller, number, CALLED, identity)[0] == NONE


def test_the_commands_agree_with_openssl_and_need_no_hub(
    customer: Customer, tmp_path: Path
) -> None:
    identity = customer.caller.sign_command(customer.number, CALLED)
    root, chain = customer.fetched(tmp_path, identity)
    checked = subprocess.run(
        ["openssl", "verify", "-CAfile", str(root), "-untrusted", str(chain), str(chain)],
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stdout) == (0, f"{chain}: OK\n"), checked.stderr

    shown = phonotary("inspect", "--json", stdin=f"Identity: {identity}\n")
    (told,) = json.loads(shown.stdout)
    assert (told["ppt"], told["payload"]) == ("shaken", claims(identity))
    assert told["info"].startswith(customer.caller.http)

    call = ("verify", "--orig", customer.number, "--anchors", str(root), "--dest")
    by_file = phonotary(*call, CALLED, "--chain", str(chain), stdin=identity)
    fetched = phonotary(*call, CALLED, "--lab", customer.caller.http, stdin=identity)
    for done in (by_file, fetched):
        assert (done.returncode, done.stdout.split()[:2]) == (0, list(A)), done.stderr
    other = here(*call, OTHER, "--chain", str(chain), stdin=identity)
    assert (other.exit_code, other.stdout.split()[0]) == (1, NONE)
    # A laboratory's address is fetched from only where it is named, and its root is not the leaf.
    unnamed = here(*call, CALLED, stdin=identity)
    assert (unnamed.exit_code, unnamed.stdout.split()[0]) == (1, NONE)
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(issuing.root(int(time.time())).pem)
    anchored = ("verify", "--orig", customer.number, "--anchors", str(stranger), "--dest", CALLED)
    unknown = here(*anchored, "--chain", str(chain), stdin=identity)
    assert (unknown.exit_code, unknown.stdout.split()[0]) == (1, FAILED)


def test_the_command_says_why_a_call_got_less_than_was_asked(customer: Customer) -> None:
    def signed(orig: str, *more: str) -> tuple[str, str]:
        call = ("sign", "--orig", orig, "--dest", CALLED, "--data", str(customer.data))
        done = here(*call, *more)
        assert done.exit_code == 0, done.output
        return claims(done.stdout)["attest"], done.stderr

    ten = customer.number.removeprefix("+1")
    level, said = signed(ten, "--attest", "A")
    assert (level, len(said.splitlines())) == ("C", 1)
    assert said.startswith("attestation C: no-profile: ")
    assert f"{ten} was signed as written, without a country code; give +1{ten}." in said
    level, said = signed("+12125550100", "--attest", "B")
    assert (level, len(said.splitlines())) == ("C", 1)
    assert said.startswith("attestation C: no-profile: Nothing says who the business is")
    assert signed(f"1{ten}", "--attest", "A") == ("A", "")
    # What was given is what was asked, or nothing was.
    assert signed(customer.number, "--attest", "A") == ("A", "")
    assert signed(customer.number, "--attest", "B") == ("B", "")
    assert signed(customer.number) == ("C", "")


def test_the_commands_sign_and_show_who_calls_and_why(customer: Customer, tmp_path: Path) -> None:
    call = ("--orig", customer.number, "--dest", CALLED)
    hub = ("--data", str(customer.data))

    def verified(identity: str, *how: str) -> list[str]:
        done = here("verify", *call, *how, stdin=identity)
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()[1:]

    sign = ("sign", *call, *hub, "--attest", "A")
    plain, rich = here(*sign), here(*sign, "--rcd", "--crn", "Your parcel is here")
    said = claims(rich.stdout)
    assert said["crn"] == "Your parcel is here"
    shown = [f'name "{said["rcd"]["nam"]}", reason "Your parcel is here"']
    assert verified(rich.stdout, *hub) == shown
    root, chain = customer.fetched(tmp_path, rich.stdout)
    assert verified(rich.stdout, "--anchors", str(root), "--chain", str(chain)) == shown
    assert verified(plain.stdout, *hub) == []
    named = here(*sign, "--rcd")
    assert verified(named.stdout, *hub) == [f'name "{said["rcd"]["nam"]}"']
    alone = here(*sign, "--key", "key.pem", "--chain", "c", "--x5u", "https://c", "--rcd")
    assert (alone.exit_code, "--rcd and --crn are a hub's" in alone.output) == (2, True)


def test_a_strangers_name_moves_no_cursor(tmp_path: Path) -> None:
    now, x5u = int(time.time()), "https://owl.example/c.pem"
    issued = shaken.sandbox_certificates(now, "709J", "Owl Telecom")
    credential = shaken.load_credential(issued.chain_pem, issued.key_pem, x5u)
    told = shaken.shaken_payload(
        "A", [CALLED[1:]], now, "12155550100", "de305d54-75b4-431b-adb2-eb6b9e546014"
    )
    told = shaken.payload({**json.loads(told), "rcd": {"nam": "\x1b[2JBank\n\u202eof\x9b1A"}})
    identity = shaken.emit(shaken.sign(told, credential.key, x5u), x5u)
    root, chain = tmp_path / "root.pem", tmp_path / "chain.pem"
    root.write_bytes(issued.root_pem)
    chain.write_bytes(issued.chain_pem)
    how = ("--anchors", str(root), "--chain", str(chain))
    done = here("verify", "--orig", "+12155550100", "--dest", CALLED, *how, stdin=identity)
    assert done.stdout.splitlines()[1:] == ['name "[2JBankof1A"']


def test_a_call_is_traced_to_its_customer_and_its_passport_holds_by_hand(
    customer: Customer, tmp_path: Path
) -> None:
    caller, number = customer.caller, customer.number
    identity = caller.sign_udp(number, CALLED)
    spelled = f"{number[:2]}-{number[2:5]}-{number[5:8]}-{number[8:]}"
    caller.verify_ms(spelled, CALLED, identity)
    said = claims(identity)
    found = evidence(customer, "--origid", said["origid"])
    whole = phonotary("evidence", "--origid", said["origid"], "--data", str(customer.data))
    assert json.loads(whole.stdout)["calls"] == found["calls"]
    verified, signed = found["calls"]
    assert (signed["kind"], signed["door"], signed["source"]) == ("signed", "sip", "127.0.0.1")
    assert (verified["kind"], verified["door"]) == ("verified", "http")
    assert (verified["account_sid"], verified["orig"]) == (caller.auth[0], number.lstrip("+"))
    assert verified["verdict"]["verstat"] == "TN-Validation-Passed"
    assert (
        signed["decision"] | {"level": "A", "justified": "A", "requested": "A"}
        == (signed["decision"])
    )
    assert signed["decision"]["reason"] == "number-verified"
    # The customer: the bundles the decision rested on, and whose they are.
    rested = {each["sid"]: each["status"] for each in signed["rested_on"]}
    # The third is the primary profile, on which the customer's stands.
    assert rested.keys() > {sid_of(customer.profile), sid_of(customer.product)}
    assert list(rested.values()) == ["twilio-approved"] * 3
    assert signed["account_sid"] == caller.auth[0]
    business = json.dumps(found["bundles"][sid_of(customer.profile)])
    assert "business_name" in business
    # Nothing of ours: the bytes on the wire, a certificate out of the bundle, and openssl's curve.
    assert signed["identity"] == identity
    chain = found["certificates"][signed["certificate"]]["chain_pem"].encode()
    signed_part, _, signature = identity.partition(";")[0].rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    leaf = x509.load_pem_x509_certificates(chain)[0].public_key()
    assert isinstance(leaf, ec.EllipticCurvePublicKey)
    leaf.verify(encode_dss_signature(r, s), signed_part.encode(), ec.ECDSA(SHA256()))
    assert signed["passports"][0]["payload"] == said
    # The same call by number and minute, for who has no origid.
    minute = datetime.fromtimestamp(said["iat"], UTC).strftime("%Y-%m-%dT%H:%M")
    listed = evidence(customer, "--number", number, "--since", minute)["calls"]
    kinds = {each["kind"] for each in listed if each["origid"] == said["origid"]}
    assert kinds == {"signed", "verified"}
    assert {each["orig"].removeprefix("+") for each in listed} == {number.removeprefix("+")}


def evidence(customer: Customer, *question: str) -> dict[str, Any]:
    """Once the ledger has it: calls are answered before they are written down."""
    deadline = time.monotonic() + 5
    while True:
        done = here("evidence", *question, "--data", str(customer.data))
        if done.exit_code == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            if len(found["calls"]) > 1:
                return found
        assert time.monotonic() < deadline, done.exception or done.output
        time.sleep(0.1)


def test_the_ledger_proves_itself_until_a_row_is_altered(
    customer: Customer, tmp_path: Path
) -> None:
    customer.caller.sign_text(customer.number, CALLED)
    good = phonotary("audit", "verify", "--data", str(customer.data))
    assert (good.returncode, "all as written" in good.stdout) == (0, True), good.stderr
    # A copy is altered, for the hub still writes to its own.
    copy = tmp_path / "phonotary.db"
    with (
        closing(sqlite3.connect(customer.data / "phonotary.db")) as found,
        closing(sqlite3.connect(copy)) as taken,
    ):
        found.backup(taken)
        rows = taken.execute("SELECT seq, bodies FROM calls ORDER BY seq").fetchall()
        seq, bodies = rows[len(rows) // 2]
        middle = len(bodies) // 2
        altered = bodies[:middle] + bytes([bodies[middle] ^ 1]) + bodies[middle + 1 :]
        taken.execute("UPDATE calls SET bodies = ? WHERE seq = ?", (altered, seq))
        taken.commit()
    bad = phonotary("audit", "verify", "--data", str(tmp_path))
    assert (bad.returncode, bad.stdout) == (1, "")
    # Where the altered byte is of a row that witnesses a history, the history is told as well.
    said, *faults = bad.stderr.splitlines()
    assert said == f"phonotary: reads sqlite:///{copy}"
    assert faults and all(each.startswith("phonotary: chain ") for each in faults)
    assert sum("altered" in each for each in faults) == 1


def test_the_next_call_of_a_suspended_customer_is_lower_at_every_door(
    customer: Customer,
) -> None:
    caller = customer.caller
    with customer.running.client() as http:
        office = Office(customer.running.hub, http)
        number, profile, _ = customer.onboarded(office, 1)
        doors: list[Callable[[str, str], str]] = [
            caller.sign_atis,
            caller.sign_text,
            caller.sign_udp,
            caller.sign_tcp,
        ]
        assert {claims(sign(number, CALLED))["attest"] for sign in doors} == {"A"}
        told = httpx.post(
            f"{caller.http}/console/reviews/{sid_of(profile)}",
            data={"decision": "suspend", "because": "Complaints from three carriers"},
            auth=("rita", customer.running.ready["reviewer_password"]),
            trust_env=False,
        )
        assert told.status_code == 303
        assert {claims(sign(number, CALLED))["attest"] for sign in doors} == {"C"}
        assert caller.udp(caller.invite(number, CALLED))["P-Attestation-Indicator"] == "C"
        # The other customer's calls are as they were.
        assert claims(caller.sign_udp(customer.number, CALLED))["attest"] == "A"


def test_a_restarted_hub_signs_on_with_its_certificate(tmp_path: Path) -> None:
    with sandbox.running(tmp_path) as running:
        before = Customer(running, tmp_path)
        old = before.caller.sign_atis(before.number, CALLED)
    with sandbox.running(tmp_path) as running:
        ready = running.ready
        auth = ready["account_sid"], ready["auth_token"]
        caller = Caller(ready["http"], ready["sip"], auth, tmp_path / "data")
        new = caller.sign_udp(before.number, CALLED)
        assert caller.verify_text(before.number, CALLED, new) == A
        assert name_of(new) == name_of(old)
        # At two thirds of its life, by the sandbox's clock, it is renewed; the old one is served.
        with running.client() as http:
            moved = http.post("/_sandbox/clock", json={"advance": "61d"})
            assert moved.status_code == 200, moved.text
        renewed = caller.sign_udp(before.number, CALLED)
        assert name_of(renewed) != name_of(old)
        assert caller.verify_text(before.number, CALLED, renewed) == A
        kept = httpx.get(f"{ready['http']}/certs/{name_of(old)}", trust_env=False)
        assert kept.status_code == 200
    # Two starts wrote two chains; what the first promised is there.
    data = ("--data", str(tmp_path / "data"))
    found = json.loads(here("evidence", "--origid", claims(old)["origid"], *data).stdout)
    assert found["calls"][-1]["identity"] == old
    checked = here("audit", "verify", *data)
    assert (checked.exit_code, checked.stdout.split()[0]) == (0, "2")


def name_of(identity: str) -> str:
    """The certificate's, in the repository."""
    return identity.partition("/certs/")[2].partition(">")[0]
