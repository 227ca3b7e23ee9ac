"""A hub with one approved customer and its calls, for whoever traces them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from click.testing import Result
from typer.testing import CliRunner

from phonotary.access.accounts import Account
from phonotary.bootstrap.evidence import evidence
from phonotary.bootstrap.question import Question
from phonotary.cli import audit
from phonotary.cli.evidence import evidence as evidence_command
from phonotary.shaken import attestation
from phonotary.shaken.ledger import Entry
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.storage.ledger import LedgerWriter
from phonotary.trusthub.records import Bundle, Number
from tests.rooms import office
from tests.rooms.office import NOW
from tests.rooms.shaken.calls import credential, identity, issued, sealed, signed


@dataclass
class Hub:
    """A database with one approved customer, and the calls that were recorded for it."""

    database: Database
    account: Account
    profile: Bundle
    product: Bundle
    number: Number

    def ask(
        self, *, minute: int | None = None, unmasked: bool = False, **asked: Any
    ) -> dict[str, Any]:
        if minute is not None:
            asked = {**asked, "since": minute, "until": minute + 60}
        question = Question(**asked)
        return evidence(self.database, question, now=NOW + 99, unmasked=unmasked)


@contextmanager
def made(url: str) -> Iterator[Hub]:
    database = Database(url)
    migrate.upgrade(database)
    account, profile, product, number = database.write(_customer)
    inputs = database.read(
        lambda store: tuple((each.sid, store.version(each.sid)) for each in (profile, product))
    )
    chains = {credential().fingerprint: issued().chain_pem}
    writer = LedgerWriter(url, chain_of=chains.get, settle=0).start()
    for n in range(3):
        call = sealed(
            n,
            account_sid=account.sid,
            orig=number.phone_number,
            identity=identity(n, number.phone_number.removeprefix("+")),
            inputs=inputs,
            policy=attestation.policy_version,
        )
        writer.append(call)
    failed = {"level": "B", "verstat": "TN-Validation-Failed"}
    writer.append(signed(50, kind="verified", orig="+13125550100", **failed))
    writer.close()
    yield Hub(database, account, profile, product, number)
    database.close()


def _customer(store: Any) -> tuple[Account, Bundle, Bundle, Number]:
    account = office.opened(store)
    party = office.party_of(account)
    profile, product = office.approved_pair(store, party)
    number = office.number(store, party)
    office.on(store, party, profile, number)
    office.on(store, party, product, number)
    return account, profile, product, number


def recorded(hub: Hub, *entries: Entry) -> None:
    writer = LedgerWriter(hub.database.url, settle=0).start()
    for entry in entries:
        writer.append(entry)
    assert writer.close() == 0


def run(hub: Hub, *arguments: str) -> Result:
    """The commands, on that hub."""
    app = typer.Typer()
    app.command("evidence")(evidence_command)
    app.add_typer(audit.audit, name="audit")
    settings = {"PHONOTARY_DATABASE_URL": hub.database.url}
    return CliRunner(env=settings).invoke(app, list(arguments))
