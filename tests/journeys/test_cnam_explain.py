"""The guide's CNAM flow on the clock: what the called phone shows, as ``explain`` tells it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from phonotary.bootstrap.explain import Phone, lines
from phonotary.cli.places import places
from phonotary.cnam.propagation import CARRIERS, Line
from phonotary.cnam.registry import Registration
from phonotary.config import sqlite_url
from phonotary.errors import Refused
from phonotary.storage.cnam import CnamStore
from phonotary.storage.database import Database
from phonotary.testing import Sandbox, start
from tests.compat.office import Office
from tests.journeys.test_commands import phonotary

NAME = "HARBOR BOOKS"
PLACE = "no name, the place 'CALIFORNIA'"


class Town:
    """A sandbox, its customer and the phones that are called."""

    def __init__(self, sandbox: Sandbox, office: Office, data: Path) -> None:
        self.clock = sandbox.clock
        self.office = office
        self.number = sandbox.account.numbers[0]["phone_number"]
        self.number_sid = sandbox.account.numbers[0]["sid"]
        self._data = data
        self.ready = sandbox.ready
        self.account_sid = sandbox.account.account_sid
        self.profile = self.product = ""

    def command(self, *options: str) -> str:
        told = phonotary("explain", self.number, "--data", str(self._data), *options)
        assert told.returncode == 0, told.stderr
        return told.stdout

    def explain(self, carrier: str, line: Line = Line.LANDLINE, opted_in: bool = False) -> str:
        """What the command says, without a process of its own for each call."""
        phone = Phone(CARRIERS[carrier], line, opted_in)
        return "\n".join(lines(sqlite_url(self._data), self.number, None, phone, self._data))

    def shows(self, carrier: str, line: Line = Line.LANDLINE, opted_in: bool = False) -> str:
        """What is said after ``at CARRIER, LINE:``."""
        told = self.explain(carrier, line, opted_in).splitlines()
        (found,) = (each for each in told if each.startswith(f"at {carrier}, "))
        return found.partition(": ")[2]

    def name(self, text: str, **more: str) -> str:
        """File a name for the number; 24 hours later it is approved. The product's path."""
        product = self.office.cnam_product(self.profile, text, **more)
        assert self.office.assign_number(product, self.number_sid).status_code == 201
        self.office.submit(product)
        self.clock.advance("24h")
        assert self.office.state(product)[0] == "twilio-approved"
        self.product = product
        return product

    def unassign(self, bundle: str) -> None:
        path = f"{bundle}/ChannelEndpointAssignments"
        for row in self.office.http.get(path).json()["results"]:
            assert self.office.http.delete(f"{path}/{row['sid']}").status_code == 204

    def vouch(self) -> None:
        self.profile = self.office.profile()
        assert self.office.assign_number(self.profile, self.number_sid).status_code == 201
        self.office.submit(self.profile)
        self.clock.advance("24h")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub") / "data"


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Sandbox]:
    with start("--vetting", "delayed", "--data", str(data)) as sandbox:
        yield sandbox


@pytest.fixture
def town(running: Sandbox, data: Path) -> Iterator[Town]:
    # What the tests before did to the same number is over with the reset.
    running.reset()
    account = running.account
    auth = (account.account_sid, account.auth_token)
    with httpx.Client(base_url=running.url, auth=auth, trust_env=False) as http:
        town = Town(running, Office(account, http), data)
        town.vouch()
        yield town


def test_a_name_arrives_when_it_arrives_and_lasts_where_it_lasts(town: Town) -> None:
    product = town.name(NAME)
    town.clock.advance("47h")
    for carrier in ("ours", "fresh", "stale"):
        assert town.shows(carrier) == PLACE
    assert "48 to 72 hours" in town.explain("fresh")
    town.clock.advance("26h")
    assert town.shows("ours") == town.shows("fresh") == f"the name '{NAME}'"
    assert town.shows("stale") == town.shows("elsewhere") == PLACE
    assert town.shows("fresh", Line.MOBILE) == f"only the number, {town.number}"
    assert town.shows("fresh", Line.MOBILE, True) == f"the name '{NAME}'"
    told = town.command("--at", "fresh", "--line", "mobile", "--opted-in")
    assert f"at fresh, mobile: the name '{NAME}'\n" in told
    town.clock.advance("180d")
    assert town.shows("stale") == f"the name '{NAME}'"
    town.unassign(product)
    assert town.shows("ours") == PLACE
    assert town.shows("weekly") == town.shows("stale") == f"the name '{NAME}'"
    assert "has not heard that 'HARBOR BOOKS' was withdrawn" in town.explain("weekly")
    town.clock.advance("8d")
    assert town.shows("weekly") == PLACE
    assert town.shows("stale") == f"the name '{NAME}'"


def test_a_stale_carrier_shows_the_old_name_beside_the_new_one(town: Town) -> None:
    first = town.name(NAME)
    town.clock.advance("200d")
    town.unassign(first)
    town.name("HARBOR MUSIC")
    town.clock.advance("73h")
    assert town.shows("fresh") == "the name 'HARBOR MUSIC'"
    assert town.shows("stale") == f"the name '{NAME}'"


def test_a_private_name_is_private_and_not_absent(town: Town) -> None:
    product = town.name(NAME, cnam_visibility="private")
    town.clock.advance("47h")
    assert town.shows("fresh") == PLACE
    assert "48 to 72 hours" in town.explain("fresh")
    town.clock.advance("26h")
    for carrier in ("ours", "fresh"):
        assert town.shows(carrier) == "no name: there is one, and it is private"
        assert f"'{NAME}' is registered and private" in town.explain(carrier)
    assert town.shows("elsewhere") == PLACE
    assert "it is private (cnam_visibility)" in town.command()
    town.unassign(product)
    assert town.shows("ours") == town.shows("fresh") == PLACE
    assert "no name is registered" in town.explain("fresh")


def test_what_runs_out_says_when(town: Town) -> None:
    town.name(NAME)
    town.clock.advance("73h")
    assert town.shows("ours") == f"the name '{NAME}'"
    told = town.explain("ours")
    # The primary profile of the ISV runs out a year after the sandbox began.
    last = told.splitlines()[-1]
    assert (
        last.startswith("  from 20") and "'CALIFORNIA'; an approval that the name rests on" in last
    )
    until = last.removeprefix("  from ").partition(": ")[0]
    assert last.endswith(f" runs out at {until}")
    town.clock.advance("363d")
    assert town.shows("ours") == PLACE


def test_whatever_else_ends_a_name_ends_it_here(running: Sandbox, town: Town) -> None:
    town.name(NAME)
    town.clock.advance("200d")
    account = f"/2010-04-01/Accounts/{running.account.account_sid}"
    town.unassign(town.profile)
    assert town.shows("ours") == PLACE
    assert town.shows("stale") == f"the name '{NAME}'"
    assert town.office.assign_number(town.profile, town.number_sid).status_code == 201
    # The product still has it, approved long ago.
    assert town.shows("ours") == town.shows("fresh") == f"the name '{NAME}'"
    path = f"{account}/IncomingPhoneNumbers/{town.number_sid}.json"
    assert town.office.http.delete(path).status_code == 204
    assert town.shows("ours") == town.shows("fresh") == PLACE
    assert town.shows("stale") == f"the name '{NAME}'"


def test_a_suspended_account_has_no_name(running: Sandbox, town: Town) -> None:
    town.name(NAME)
    town.clock.advance("200d")
    accounts = "/2010-04-01/Accounts"
    sub = town.office.http.post(f"{accounts}.json", data={"FriendlyName": "Sub"}).json()["sid"]
    number = f"{accounts}/{running.account.account_sid}/IncomingPhoneNumbers/{town.number_sid}.json"
    moved = town.office.http.post(number, data={"AccountSid": sub})
    assert moved.status_code == 200, moved.text
    assert town.shows("ours") == PLACE
    for bundle in (town.profile, town.product):
        town.unassign(bundle)
        assert town.office.assign_number(bundle, town.number_sid).status_code == 201
    town.clock.advance("73h")
    assert town.shows("ours") == f"the name '{NAME}'"
    town.clock.advance("2d")
    town.office.http.post(f"{accounts}/{sub}.json", data={"Status": "suspended"})
    assert town.shows("ours") == town.shows("fresh") == PLACE
    assert town.shows("stale") == f"the name '{NAME}'"


def test_a_deleted_product_s_name_is_known_from_its_registration(town: Town, data: Path) -> None:
    product = town.name(NAME)
    town.clock.advance("200d")
    database = Database(sqlite_url(data))
    try:
        sid = product.rpartition("/")[2]
        deadline = time.monotonic() + 10
        while all(each.product_sid != sid for each in _registered(database, town.number)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        database.close()
    assert town.office.http.delete(product).status_code == 204
    assert town.shows("ours") == town.shows("fresh") == PLACE
    assert town.shows("stale") == f"the name '{NAME}'"


def _registered(database: Database, number: str) -> list[Registration]:
    return database.read(lambda store: CnamStore(store, False).history(number))


def test_an_imported_table_says_where_a_number_is(town: Town, data: Path, tmp_path: Path) -> None:
    table, names = tmp_path / "table.csv", tmp_path / "names.csv"
    npa, nxx = town.number[2:5], town.number[5:8]
    table.write_text(f"npa,nxx,state,ratecenter,ocn\n{npa},{nxx},CA,SNFC CNTRL,1\n604,555,BC,X,1\n")
    names.write_text("ratecenter,state,display\nSNFC CNTRL,CA,San Francisco\n")

    def imported(*options: str) -> Result:
        command = ["import", str(table), "--data", str(data), *options]
        return CliRunner().invoke(places, command)

    try:
        told = imported("--names", str(names))
        assert told.exit_code == 0, told.output
        assert "1 prefixes in 1 places" in told.output and "1 rows of other" in told.output
        assert town.shows("fresh") == "no name, the place 'SAN FRANCISC CA'"
        # A table that cannot be used leaves the one before in its place.
        table.write_text("npa,nxx,state,ratecenter\n604,555,BC,X\n")
        assert isinstance(imported().exception, Refused)
        table.unlink()
        assert isinstance(imported().exception, Refused)
        assert town.shows("fresh") == "no name, the place 'SAN FRANCISC CA'"
        assert imported("--names", str(names)).exit_code == 1
    finally:
        (data / "places.txt").unlink()


def test_a_rejected_product_is_named_with_what_was_said_of_it(town: Town) -> None:
    product = town.office.cnam_product(town.profile, "Smith & Sons Plumbing")
    assert town.office.assign_number(product, town.number_sid).status_code == 201
    town.office.submit(product)
    town.clock.advance("24h")
    assert town.office.state(product)[0] == "twilio-rejected"
    told = town.command()
    sid = product.rpartition("/")[2]
    assert "name none: no approved CNAM product has this number" in told
    assert f"  CNAM product: {sid} twilio-rejected, codes " in told
    assert "\n    11009: " in told and "\n    11007: " in told
    assert "21 characters; 15 are allowed" in told and "It could be " in told
    # What stands for the seal is told in the same way.
    profile = town.profile.rpartition("/")[2]
    answer = httpx.post(
        f"{town.ready['http']}/console/reviews/{profile}",
        data={"decision": "suspend", "because": "the\nphone is dead"},
        auth=("rita", town.ready["reviewer_password"]),
        trust_env=False,
    )
    assert answer.status_code == 303
    told = town.command()
    assert f"  profile: {profile} twilio-rejected\n    the phone is dead\n" in told


def test_a_number_that_nobody_holds_is_advised_as_nobodys(town: Town, data: Path) -> None:
    url = sqlite_url(data)
    number = "+14155550142"
    told = "\n".join(lines(url, number, None))
    assert told.startswith(f"{number}: nobody here holds it\n")
    assert "name none: nobody here holds this number" in told
    assert "attestation" not in told and "for A," not in told and town.account_sid not in told
    phone = Phone(CARRIERS["fresh"])
    assert "at fresh, landline: " in "\n".join(lines(url, number, None, phone, data))
    asked = "\n".join(lines(url, number, town.account_sid))
    assert f"{number}, calling account {town.account_sid}\nattestation " in asked
    assert "nobody here holds the number; before that no bundle can have it" in asked
    own = "\n".join(lines(url, town.number, None))
    assert "nobody here" not in own and "no CNAM product has this number" in own


def test_an_unknown_carrier_or_line_is_a_wrong_call(town: Town) -> None:
    for options in (("--at", "acme"), ("--at", "fresh", "--line", "fax")):
        refused = phonotary("explain", town.number, *options)
        assert refused.returncode == 2
        assert "fresh" in refused.stderr or "landline, mobile" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--opted-in",), "--opted-in"),
        (("--line", "mobile"), "--line"),
        (("--line", "landline"), "--line"),
        (("--line", "mobile", "--opted-in"), "--opted-in"),
    ],
)
def test_a_phone_without_a_carrier_is_a_wrong_call(
    town: Town, options: tuple[str, ...], named: str
) -> None:
    refused = phonotary("explain", town.number, *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"phonotary: {named} is of a phone that is called; --at says which.\n"
