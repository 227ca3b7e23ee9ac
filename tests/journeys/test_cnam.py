"""A caller's name from its approval to the phone that shows it, through every door, and back."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from phonotary.bootstrap import seed
from phonotary.bootstrap.caller_names import CallerNames
from phonotary.bootstrap.standing import Standings
from phonotary.clock import Clock
from phonotary.config import Settings, service, sqlite_url
from phonotary.errors import Refused
from phonotary.storage.database import Database
from phonotary.testing import Account, Sandbox, start
from tests.compat.office import Office, sid_of
from tests.journeys.test_stir_service import Service
from tests.simulators import dig
from tests.simulators import hub as hubs
from tests.simulators.sipp import free_port

NAME = "HARBOR BOOKS"
UNKNOWN = "+14155550142"
APPROVED = "twilio-approved"
PATIENCE = 20.0
STANDING = "SELECT 1 FROM cnam_registrations WHERE state = 'registered' OR shown"


class Dns:
    """The DNS door on loopback, asked by dig."""

    def __init__(self, port: int) -> None:
        self._port = port

    def status(self, number: str, *options: str) -> str:
        return dig.ask(self._port, dig.enum_name(number), "NAPTR", *options).status

    def name(self, number: str, *options: str) -> str | None:
        """The name, the same in both records; None where the number is not there at all."""
        answers = [
            dig.ask(self._port, dig.enum_name(number), kind, *options) for kind in ("NAPTR", "TXT")
        ]
        if {each.status for each in answers} == {"NXDOMAIN"}:
            assert not any(each.answer for each in answers)
            return None
        assert {each.status for each in answers} == {"NOERROR"}, answers
        ((_, naptr),), ((_, txt),) = (each.answer for each in answers)
        told = naptr.partition("charset=us-ascii,")[2].partition("!")[0].replace("%20", " ")
        assert number.lstrip("+") in naptr
        assert txt == f'"{told}"'
        return told


class Doors:
    """Every door of one hub that tells names, asked by somebody who is known there."""

    def __init__(self, http: httpx.Client, dns: Dns, *dns_options: str) -> None:
        self.http, self._dns, self._options = http, dns, dns_options

    def names(self, number: str) -> set[str | None]:
        """What the doors say of a number; two elements are a contradiction."""
        looked_up = self.http.get(f"/v2/PhoneNumbers/{number}", params={"Fields": "caller_name"})
        said: list[str | None] = [
            (looked_up.json()["caller_name"] or {}).get("caller_name"),
            self._dns.name(number, *self._options),
        ]
        for path in (f"/cnam/v2/phone/{number}", f"/v2/phone/{number}", f"/cnam/{number}"):
            said.append(self._got(path).text or None)
        for path in (f"/cnam/v2/phone/{number}?format=json", f"/v3/phone/{number}"):
            answer = self._got(path).json()
            assert answer["number"] == number
            assert answer["status"] == ("present" if answer["name"] else answer["status"])
            said.append(answer["name"] or None)
        return set(said)

    def _got(self, path: str) -> httpx.Response:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer


class Books:
    """The tables of registrations and deliveries, read as they stand on the disk."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def registrations(self, number: str) -> list[tuple[Any, ...]]:
        """State, name and what ended it, oldest first."""
        wanted = "SELECT state, name, because FROM cnam_registrations WHERE phone_number = ?"
        return self.rows(f"{wanted} ORDER BY version", number)

    def delivery(self, number: str, database: str = "local") -> str | None:
        wanted = "SELECT state FROM cnam_deliveries WHERE phone_number = ? AND database = ?"
        found = self.rows(wanted, number, database)
        return found[0][0] if found else None

    def size(self) -> dict[str, int]:
        return {
            kind: self.rows(f"SELECT count(*) FROM cnam_{kind}")[0][0]
            for kind in ("registrations", "deliveries", "orders", "observations")
        }


def until(true: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"not within {patience} s"
        time.sleep(0.02)


@dataclass
class Desk:
    """A sandbox on the guide's own times, its customer, doors and books."""

    sandbox: Sandbox
    office: Office
    doors: Doors
    dns: Dns
    books: Books

    def product(self, *number_sids: str) -> str:
        """A name filed for the numbers and, a day each, its profile and itself approved."""
        profile = self.office.profile()
        for sid in number_sids:
            assert self.office.assign_number(profile, sid).status_code == 201
        self.office.submit(profile)
        self.sandbox.clock.advance("24h")
        product = self.office.cnam_product(profile, NAME)
        for sid in number_sids:
            assert self.office.assign_number(product, sid).status_code == 201
        self.office.submit(product)
        self.sandbox.clock.advance("24h")
        assert self.office.state(product)[0] == APPROVED
        return product

    def unassign(self, bundle: str) -> None:
        path = f"{bundle}/ChannelEndpointAssignments"
        for row in self.office.http.get(path).json()["results"]:
            assert self.office.http.delete(f"{path}/{row['sid']}").status_code == 204


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    data = tmp_path_factory.mktemp("hub") / "data"
    with start("--vetting", "delayed", "--data", str(data)) as sandbox:
        account = sandbox.account
        auth = account.account_sid, account.auth_token
        with httpx.Client(base_url=sandbox.url, auth=auth, trust_env=False, timeout=30) as http:
            dns = Dns(int(sandbox.ready["dns"].rpartition(":")[2]))
            books = Books(data / sqlite_url(data).rpartition("/")[2])
            yield Desk(sandbox, Office(account, http), Doors(http, dns), dns, books)


def test_a_name_is_shown_by_every_door_from_its_arrival_to_its_withdrawal(desk: Desk) -> None:
    desk.sandbox.reset()
    first, second = desk.sandbox.account.numbers[:2]
    number, other = first["phone_number"], second["phone_number"]
    product = desk.product(first["sid"], second["sid"])
    desk.sandbox.clock.advance("47h")
    assert desk.doors.names(number) == {None}
    assert desk.books.registrations(number) == [("registered", NAME, None)]
    assert desk.books.delivery(number) == "accepted"
    desk.sandbox.clock.advance("26h")
    assert desk.doors.names(number) == desk.doors.names(other) == {NAME}
    assert desk.books.delivery(number) == "active"
    assert httpx.get(f"{desk.sandbox.url}/cnam/{number}", trust_env=False).text == NAME
    hub = hubs.described(desk.sandbox.ready)
    canadian = hub.canadian.phone_number
    for nameless in (canadian, hub.toll_free.phone_number, UNKNOWN):
        assert desk.doors.names(nameless) == {None}
        assert desk.dns.status(nameless) == "NXDOMAIN"
    foreign = desk.doors.http.get(f"/v3/phone/{canadian}").json()
    assert (foreign["status"], foreign["source"]) == ("foreign", None)

    desk.unassign(product)
    assert desk.doors.names(number) == desk.doors.names(other) == {None}
    until(lambda: desk.books.delivery(number) == "removed", 5)
    ((state, name, because),) = desk.books.registrations(number)
    assert (state, name, bool(because)) == ("withdrawn", NAME, True)


def test_a_reset_leaves_no_registration_and_no_name(desk: Desk) -> None:
    for whose in (None, desk.sandbox.account):
        desk.sandbox.reset()
        first = desk.sandbox.account.numbers[0]
        desk.product(first["sid"])
        desk.sandbox.clock.advance("73h")
        assert desk.doors.names(first["phone_number"]) == {NAME}
        desk.sandbox.reset(whose)
        assert desk.doors.names(first["phone_number"]) == {None}
        until(lambda: not desk.books.rows(STANDING), 5)
        if whose is None:
            # Nor does the worker, which follows the changes, make any of them anew.
            time.sleep(1.2)
            assert not any(desk.books.size().values())
            assert desk.doors.names(first["phone_number"]) == {None}


@dataclass
class LineDatabase:
    """A company that keeps names, by an HTTP interface of its own. It loses its first answer."""

    url: str = ""
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Each order as it came: its key and its body."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    finishing: bool = False
    unauthorised: int = 0

    def submit(self, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.posted.append((key, body))
        reference = f"LD-{key}"
        if reference in self.orders:
            return 200, self.told(reference)
        self.orders[reference] = body
        # The order has arrived, and nobody is told so.
        return (503, {}) if len(self.orders) == 1 else (202, self.told(reference))

    def told(self, reference: str) -> dict[str, Any]:
        if self.finishing:
            for line in self.orders[reference]["lines"]:
                if self.orders[reference]["action"] == "register":
                    self.names[line["tn"]] = line["cnam"]
                else:
                    self.names.pop(line["tn"], None)
        return {"id": reference, "state": "finished" if self.finishing else "working"}


@contextmanager
def keeping(secret: str) -> Iterator[LineDatabase]:
    company = LineDatabase()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.say(*company.submit(self.headers["Idempotency-Key"], body))

        def do_GET(self) -> None:
            reference = self.path.rpartition("/")[2]
            known = reference in company.orders
            self.say(200 if known else 404, company.told(reference) if known else {})

        def say(self, status: int, body: dict[str, Any]) -> None:
            if self.headers["Authorization"] != f"Bearer {secret}":
                company.unauthorised += 1
                status, body = 401, {}
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    company.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield company
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


LINES = 'lines = [{ "$each" = { tn = "{national}", cnam = "{name}", ref = "{line_key}" } }]'
SETTINGS = """
reviewer_password = "chosen"
cnam_dns_port = {dns_port}

[[database]]
name = "lines"
kind = "http"
url = "{url}"
allow_loopback = true
secret_file = "{secret_file}"
waits = [1]
polls = [1]
[database.register]
method = "POST"
path = "/orders"
body = {{ action = "{{action}}", {lines} }}
[database.remove]
method = "POST"
path = "/orders"
body = {{ action = "{{action}}", {lines} }}
[database.poll]
method = "GET"
path = "/orders/{{ref}}"
[database.reading]
state = "/state"
ref = "/id"
states = {{ working = "accepted", finished = "done" }}

[[dip_client]]
name = "pbx"
key_file = "{key_file}"

[[dip_client]]
name = "edge"
networks = ["127.0.0.2/32"]
"""


class Business:
    """A service, its operator and reviewer, and one customer whose numbers have a name."""

    def __init__(self, directory: Path, company: LineDatabase, secret: str) -> None:
        self.service = Service(directory / "service")
        secret_file, key_file = directory / "secret", directory / "key"
        secret_file.write_text(secret + "\n")
        key_file.write_text("kept-by-the-pbx\n")
        self.dns_port = free_port()
        self.service.configure(
            SETTINGS.format(
                dns_port=self.dns_port,
                url=company.url,
                secret_file=secret_file,
                key_file=key_file,
                lines=LINES,
            )
        )
        self.service.command("migrate")
        file = self.service.directory / "service.db"
        self.books = Books(file)
        self.account = furnished(f"sqlite:///{file}")
        granted = self.service.command(
            "number", self.account.account_sid, "+14155550171", "+14155550172"
        )
        self.numbers = dict(line.split() for line in granted.splitlines())

    def approve(self, office: Office, bundle: str) -> None:
        office.submit(bundle)
        told = httpx.post(
            f"{self.service.http}/console/reviews/{sid_of(bundle)}",
            data={"decision": "approve"},
            auth=("rita", "chosen"),
            trust_env=False,
            timeout=30,
        )
        assert (told.status_code, office.state(bundle)[0]) == (303, APPROVED), told.text

    def states(self, database: str) -> set[str | None]:
        return {self.books.delivery(number, database) for number in self.numbers}


def furnished(url: str) -> Account:
    """An account whose own business was approved, as an operator would have seen to."""
    database = Database(url)
    try:
        made = database.write(
            lambda store: seed.another_account(
                store, Settings(database_url=url), Clock().now(), "Acme", empty=False
            )
        )
    finally:
        database.close()
    return Account(made.account.sid, made.account.auth_token, made.primary_profile_sid, ())


def test_a_service_brings_names_to_a_database_and_tells_them_to_its_clients(tmp_path: Path) -> None:
    with keeping("s3cret") as company:
        business = Business(tmp_path, company, "s3cret")
        account, url = business.account, business.service.http
        auth = account.account_sid, account.auth_token
        client = httpx.Client(base_url=url, auth=auth, trust_env=False, timeout=30)
        with business.service.running(), client as http:
            office = Office(account, http)
            profile = office.profile()
            for sid in business.numbers.values():
                assert office.assign_number(profile, sid).status_code == 201
            business.approve(office, profile)
            product = office.cnam_product(profile, NAME)
            for sid in business.numbers.values():
                assert office.assign_number(product, sid).status_code == 201
            business.approve(office, product)
            shown_at_once_here(business, Doors(http, Dns(business.dns_port), "-b", "127.0.0.2"))
            brought(business, company)
            assert http.delete(product).status_code == 204
            number = next(iter(business.numbers))
            doors = Doors(http, Dns(business.dns_port), "-b", "127.0.0.2")
            assert doors.names(number) == {None}
            taken_back(business, company)
        assert company.unauthorised == 0


def shown_at_once_here(business: Business, doors: Doors) -> None:
    """To the account, to the client with its key, to the one with its network; to nobody else."""
    for number in business.numbers:
        assert doors.names(number) == {NAME}
    url = f"{business.service.http}/cnam/v2/phone/{number}"

    def asked(auth: tuple[str, str] | None, **query: str) -> httpx.Response:
        return httpx.get(url, params=query, auth=auth, trust_env=False, timeout=30)

    assert asked(("pbx", "kept-by-the-pbx")).text == NAME
    assert asked(("pbx", "kept-by-the-pbx"), format="json").json()["name"] == NAME
    for wrong in (None, ("pbx", "guessed"), ("edge", "kept-by-the-pbx"), ("edge", "")):
        refused = asked(wrong)
        assert (refused.status_code, refused.content) == (401, b""), wrong
        assert refused.headers["www-authenticate"].startswith("Basic")
    # By its address an edge is known, and loopback's other addresses are strangers here.
    edge = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=edge, trust_env=False) as there:
        assert there.get(url).text == NAME
    dns = Dns(business.dns_port)
    assert dns.status(number) == "REFUSED"
    assert dns.status(number, "+tcp") == ""


def brought(business: Business, company: LineDatabase) -> None:
    """The order is repeated as it was until it is known to have arrived, and then asked about."""
    until(lambda: business.states("lines") == {"accepted"})
    (first, sent), (again, repeated) = company.posted
    assert first == again and first.startswith("CO")
    assert sent == repeated
    assert sent["action"] == "register"
    assert {line["tn"] for line in sent["lines"]} == {n[2:] for n in business.numbers}
    assert {line["cnam"] for line in sent["lines"]} == {NAME}
    assert len({line["ref"] for line in sent["lines"]}) == 2
    company.finishing = True
    until(lambda: business.states("lines") == {"active"})
    assert company.names == {number[2:]: NAME for number in business.numbers}
    assert business.states("local") == {"active"}
    company.finishing = False


def taken_back(business: Business, company: LineDatabase) -> None:
    until(lambda: len(company.posted) == 3)
    key, body = company.posted[-1]
    assert key not in {each for each, _ in company.posted[:-1]}
    assert body["action"] == "remove"
    # It is not gone there before the database says so.
    assert business.states("lines") == {"removing"}
    company.finishing = True
    until(lambda: business.states("lines") == {"removed"})
    assert company.names == {}
    for number in business.numbers:
        ((state, _, because),) = business.books.registrations(number)
        assert (state, bool(because)) == ("withdrawn", True)
    assert business.states("local") == {"removed"}
    assert len(company.posted) == 3


HTTP_DATABASE = '[[database]]\nname = "a"\nkind = "http"\nurl = "https://names.example"\n'
REGISTER = '[database.register]\nmethod = "POST"\npath = "/orders"\n'


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (HTTP_DATABASE.replace("http", "fax", 1) + REGISTER, "a kind of"),
        (HTTP_DATABASE.replace('"http"', '["http"]') + REGISTER, "a kind of"),
        (HTTP_DATABASE.replace('"a"', '"local"') + REGISTER, "is our own database's"),
        (HTTP_DATABASE.replace('"a"', f'"{"a" * 33}"') + REGISTER, "a name of 32 letters"),
        (2 * (HTTP_DATABASE + REGISTER), "the database 'a' is there twice"),
        (HTTP_DATABASE, "register"),
        (HTTP_DATABASE + REGISTER + 'bodyy = "x"\n', "register.bodyy"),
        # Each of these would stop the orders of this database, or never stop the worker.
        (HTTP_DATABASE + "batch = 0\n" + REGISTER, "batch"),
        (HTTP_DATABASE + "waits = []\n" + REGISTER, "waits"),
        (HTTP_DATABASE + "polls = [0]\n" + REGISTER, "polls"),
        (HTTP_DATABASE + 'timeout = "5d"\n' + REGISTER, "timeout"),
        (HTTP_DATABASE + "looks = [9, 3]\n" + REGISTER, "looks"),
        ('[[dip_client]]\nname = "a:b"\nnetworks = ["10.0.0.0/8"]\n', "colon"),
        ('[[dip_client]]\nname = "a"\nkey_file = "{empty}"\n', "does not hold one line"),
        ('[[dip_client]]\nname = "a"\n', "no network and no key"),
    ],
)
def test_a_database_or_client_that_cannot_serve_is_refused_at_the_start(
    tmp_path: Path, toml: str, sentence: str
) -> None:
    file, empty, url = tmp_path / "phonotary.toml", tmp_path / "empty", f"sqlite:///{tmp_path}/a.db"
    empty.write_text("\n")
    file.write_text(toml.replace("{empty}", str(empty)))
    settings = replace(service.service(file, {}), database_url=url)
    database = Database(url)
    try:
        standings = Standings(database, Clock().now)
        with pytest.raises(Refused, match=re.escape(sentence)):
            CallerNames(settings, database, Clock(), standings)
    finally:
        database.close()
