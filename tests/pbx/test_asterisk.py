"""Calls through a real Asterisk with the recipes of deploy/asterisk, on a network of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.compat.office import SHAKEN, Office
from tests.journeys import sandbox
from tests.journeys.callers import Caller, claims
from tests.pbx import calls
from tests.simulators import asterisk, sipp
from tests.simulators.asterisk import Pbx

NAME = "HARBOR BOOKS"
CALLED = "+12025550147"
STRANGER = "+14155550142"
NOBODY = "http://127.0.0.1:9"
PASSED_A = "TN-Validation-Passed A"
DNS_PORT = 53
"""Where a system's resolver asks; no other can be written into resolv.conf."""

# A dialplan that, once it has asked phonotary, asks somebody else.
ELSEWHERE = """
[phonotary](+)
exten => name-there,1,Set(PHONOTARY=${THERE})
 same => n,Goto(name-http,1)

[elsewhere]
exten => s,1,Gosub(phonotary,name-http,1(+14155550100))
 same => n,Set(answer=${CURL(${OTHER}/other)})
 same => n,Hangup()
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A PBX, the hub it asks, and the two ends of its calls."""

    pbx: Pbx
    caller: Caller
    named: str
    """A number worth an A, with a name."""
    nameless: str
    """A number worth an A, without."""
    carrier: int
    phone: int

    def rings(self, directory: Path, caller: str, *identities: str) -> calls.Seen:
        return calls.from_carrier(directory, self.pbx.port, self.phone, caller, CALLED, *identities)

    def calls(self, directory: Path) -> calls.Seen:
        return calls.from_phone(directory, self.pbx.port, self.carrier, CALLED)

    @contextmanager
    def set(self, **variables: str) -> Iterator[None]:
        """Other settings for one call."""
        shown = self.pbx.command("dialplan show globals")
        kept = dict(line.strip().split("=", 1) for line in shown.splitlines() if "=" in line)
        for name, value in variables.items():
            self.pbx.global_(name, value)
        try:
            yield
        finally:
            for name in variables:
                self.pbx.global_(name, kept[name])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    directory = tmp_path_factory.mktemp("hub")
    with sandbox.running(directory, "--dns-port", str(DNS_PORT)) as running:
        ready = running.ready
        auth = ready["account_sid"], ready["auth_token"]
        with running.client() as http:
            named, nameless = onboarded(Office(running.hub, http))
        port, carrier, phone = sipp.free_port(), sipp.free_port(), sipp.free_port()
        with asterisk.pbx(
            directory,
            port,
            carrier=f"127.0.0.1:{carrier}",
            phone=f"127.0.0.1:{phone}",
            more=ELSEWHERE,
            PHONOTARY=ready["http"],
            PHONOTARY_ACCOUNT=":".join(auth),
            PHONOTARY_CLIENT=":".join(auth),
            PHONOTARY_NAMES="http",
            PHONOTARY_APEX="cnam.internal",
        ) as pbx:
            pbx.command("module load res_clioriginate.so")
            for name in ("OTHER", "THERE"):
                pbx.global_(name, NOBODY)
            caller = Caller(ready["http"], ready["sip"], auth, directory / "data")
            yield Desk(pbx, caller, named, nameless, carrier, phone)


@dataclass
class Gateway:
    """Somebody between the PBX and phonotary who answers every request with a page of his own."""

    url: str
    got: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and credentials."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, requests: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= requests, 10), self.got


@contextmanager
def gateway(status: int = 502) -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with found.changed:
                found.got.append((self.path, self.headers["authorization"]))
                found.changed.notify_all()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>Bad gateway</html>")

        def log_message(self, *_: object) -> None:
            """Nothing is printed among the tests' own lines."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found = Gateway(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def onboarded(office: Office) -> tuple[str, str]:
    """Two numbers that are signed A, the first of them with a name."""
    first, second = office.hub.local[:2]
    profile = office.approved_profile(first.sid, second.sid)
    shaken = office.product(SHAKEN, profile)
    cnam = office.cnam_product(profile, NAME)
    for product, numbers in ((shaken, (first, second)), (cnam, (first,))):
        for number in numbers:
            assert office.assign_number(product, number.sid).status_code == 201
        office.submit(product)
        assert office.state(product) == ("twilio-approved", set())
    return first.phone_number, second.phone_number


def test_a_call_of_the_phone_reaches_the_carrier_with_an_a(desk: Desk, tmp_path: Path) -> None:
    seen = desk.calls(tmp_path)
    assert seen.caller[1] == desk.named
    (identity,) = seen.headers("Identity")
    said = claims(identity)
    assert (said["attest"], said["orig"]["tn"], said["dest"]["tn"]) == (
        "A",
        desk.named.removeprefix("+"),
        [CALLED.removeprefix("+")],
    )
    verified = desk.caller.verify_atis(desk.named, CALLED, identity)
    assert verified[0] == "TN-Validation-Passed"


@pytest.mark.parametrize(
    "settings",
    [{"PHONOTARY": NOBODY}, {"PHONOTARY_ACCOUNT": "AC" + "0" * 32 + ":wrong"}],
    ids=["silent", "refused"],
)
def test_a_call_that_cannot_be_signed_goes_on_without(
    desk: Desk, tmp_path: Path, settings: dict[str, str]
) -> None:
    with desk.set(**settings):
        assert desk.calls(tmp_path).headers("Identity") == []


@pytest.mark.parametrize("status", [200, 502])
def test_what_somebody_on_the_way_answers_is_no_identity(
    desk: Desk, tmp_path: Path, status: int
) -> None:
    with gateway(status) as asked, desk.set(PHONOTARY=asked.url):
        assert desk.calls(tmp_path).headers("Identity") == []
    assert [path.partition("?")[0] for path, _ in asked.got] == ["/stir/v1/text/sign"]


def test_what_somebody_on_the_way_answers_is_no_name(desk: Desk, tmp_path: Path) -> None:
    with gateway() as asked:
        identity = desk.caller.sign_atis(desk.named, CALLED)
        # Only the name is asked for there.
        with desk.set(PHONOTARY_NAMES="there", THERE=asked.url):
            assert desk.rings(tmp_path, desk.named, identity).caller == ("", desk.named)
    assert [path for path, _ in asked.got] == [f"/cnam/%2B{desk.named[1:]}"]


def test_the_password_goes_nowhere_else(desk: Desk) -> None:
    with gateway() as asked, desk.set(PHONOTARY=asked.url, OTHER=asked.url):
        desk.pbx.command("channel originate Local/s@elsewhere application Wait 1")
        asked.wait_for(2)
    (_, told), (path, not_told) = asked.got
    assert path == "/other"
    assert told is not None and told.startswith("Basic ")
    # libcurl says that there is nobody, rather than nothing: an empty user with an empty password.
    assert not_told in (None, "Basic Og==")


@pytest.mark.parametrize("names", ["http", "dns"])
def test_a_call_from_outside_rings_with_its_verdict_and_name(
    desk: Desk, tmp_path: Path, names: str
) -> None:
    identity = desk.caller.sign_atis(desk.named, CALLED)
    with desk.set(PHONOTARY_NAMES=names):
        seen = desk.rings(tmp_path, desk.named, identity)
    assert seen.headers("X-Verstat") == [PASSED_A]
    assert seen.caller == (NAME, desk.named)


@pytest.mark.parametrize("names", ["http", "dns"])
def test_a_number_without_a_name_rings_without_one(desk: Desk, tmp_path: Path, names: str) -> None:
    identity = desk.caller.sign_atis(desk.nameless, CALLED)
    with desk.set(PHONOTARY_NAMES=names):
        seen = desk.rings(tmp_path, desk.nameless, identity)
    assert seen.headers("X-Verstat") == [PASSED_A]
    assert seen.caller == ("", desk.nameless)


def test_a_call_signed_through_the_pbx_is_verified_through_it(desk: Desk, tmp_path: Path) -> None:
    (identity,) = desk.calls(tmp_path).headers("Identity")
    seen = desk.rings(tmp_path, desk.named, identity)
    assert seen.headers("X-Verstat") == [PASSED_A]


def test_every_identity_of_a_call_is_verified(desk: Desk, tmp_path: Path) -> None:
    identity = desk.caller.sign_atis(desk.named, CALLED)
    # Of a kind that nobody knows, which a verifier passes over (RFC 8224 section 6.2 step 1).
    other = identity.replace("ppt=shaken", "ppt=other").replace('ppt="shaken"', 'ppt="other"')
    assert other != identity
    seen = desk.rings(tmp_path, desk.named, other, identity)
    assert seen.headers("X-Verstat") == [PASSED_A]


def forged(desk: Desk) -> str:
    """The Identity of a call, with the signature of another."""
    ours, other = (desk.caller.sign_atis(desk.named, one) for one in (CALLED, STRANGER))
    body, _, rest = ours.partition(";")
    return f"{body.rpartition('.')[0]}.{other.partition(';')[0].rpartition('.')[2]};{rest}"


@pytest.mark.parametrize(
    ("identities", "verstat"),
    [
        (lambda desk: [], "No-TN-Validation -"),
        (lambda desk: ["nonsense"], "No-TN-Validation -"),
        (lambda desk: [desk.caller.sign_atis(desk.named, STRANGER)], "No-TN-Validation -"),
        (lambda desk: [forged(desk)], "TN-Validation-Failed -"),
    ],
    ids=["unsigned", "nonsense", "of another call", "forged"],
)
def test_nobody_gets_the_name_of_a_number_that_is_not_his(
    desk: Desk, tmp_path: Path, identities: Callable[[Desk], list[str]], verstat: str
) -> None:
    seen = desk.rings(tmp_path, desk.named, *identities(desk))
    assert seen.headers("X-Verstat") == [verstat]
    assert seen.caller == ("", desk.named)


def test_a_caller_cannot_say_for_which_call_his_identity_is(desk: Desk, tmp_path: Path) -> None:
    """He has one of a call to another number, and writes that number behind his own."""
    identity = desk.caller.sign_atis(desk.named, STRANGER)
    seen = desk.rings(tmp_path, f"{desk.named},{STRANGER}", identity)
    assert seen.headers("X-Verstat")[0].startswith("No-TN-Validation")
    assert seen.caller == ("", f"{desk.named}{STRANGER}")


def test_a_call_rings_when_phonotary_is_silent(desk: Desk, tmp_path: Path) -> None:
    with desk.set(PHONOTARY=NOBODY):
        seen = desk.rings(tmp_path, desk.named, desk.caller.sign_atis(desk.named, CALLED))
    assert seen.headers("X-Verstat") == ["No-TN-Validation"]
    assert seen.caller == ("", desk.named)
