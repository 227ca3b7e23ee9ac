"""``phonotary account``, ``suspend``, ``resume``, ``number``: what an operator decides by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonotary.cli.serve import CONFIG, fail, settings_of

if TYPE_CHECKING:
    from phonotary.storage.store import SqlStore

_LONGEST = 64
ACCOUNT = Annotated[str, typer.Argument(help="The account's SID.")]


def account(
    name: Annotated[str, typer.Argument(help="What to call it, up to 64 characters.")],
    config_file: CONFIG = None,
) -> None:
    """Open an account and print its credentials, this once."""
    from phonotary.access import accounts
    from phonotary.clock import Clock

    if not name.strip() or len(name) > _LONGEST:
        fail(f"a name has 1 to {_LONGEST} characters")
    with _writing(config_file) as write:
        made = write(lambda store: accounts.open_account(store, Clock().now(), name))
    typer.echo(f"export TWILIO_ACCOUNT_SID={made.sid}")
    typer.echo(f"export TWILIO_AUTH_TOKEN={made.auth_token}")


def suspend(sid: ACCOUNT, config_file: CONFIG = None) -> None:
    """Suspend an account and with it its subaccounts: their next call is refused."""
    _set_status(config_file, sid, "suspended")


def resume(sid: ACCOUNT, config_file: CONFIG = None) -> None:
    """Make a suspended account active again."""
    _set_status(config_file, sid, "active")


def number(
    sid: ACCOUNT,
    numbers: Annotated[list[str], typer.Argument(help="Numbers the provider holds, as +1415….")],
    config_file: CONFIG = None,
) -> None:
    """Grant numbers to an account: all of them, or none if one cannot be."""
    from phonotary.clock import Clock
    from phonotary.trusthub.numbers import buy
    from phonotary.trusthub.records import Number, Party

    def work(store: SqlStore) -> list[Number]:
        owner = store.owner_of(sid) or _none_such(sid)
        now, party = Clock().now(), Party(sid, owner)
        for one in numbers:
            _require_free(store, one)
        return [buy(store, party, now, phone_number=one) for one in numbers]

    with _writing(config_file) as write:
        granted = write(work)
    for each in granted:
        typer.echo(f"{each.phone_number} {each.sid}")


def _require_free(store: SqlStore, number: str) -> None:
    """The operator, unlike a customer who asks for a number, may know who holds it."""
    from phonotary import tn
    from phonotary.errors import Reason, Refused

    parsed = tn.parse(number)
    held = parsed and store.numbers.first(phone_number=parsed.e164)
    if held:
        because = f"Account {held.account_sid} holds {held.phone_number} already"
        raise Refused(Reason.NUMBER_NOT_AVAILABLE, because)


def _set_status(config_file: Path | None, sid: str, status: str) -> None:
    from dataclasses import replace

    from phonotary.clock import Clock

    def work(store: SqlStore) -> None:
        found = store.hold_account(sid) or _none_such(sid)
        if found.status == "closed":
            fail(f"account {sid} is closed, and that is final")
        store.replace_account(replace(found, status=status, date_updated=Clock().now()))

    with _writing(config_file) as write:
        write(work)
    typer.echo(f"{sid} {status}")


def _none_such(sid: str) -> Any:
    fail(f"there is no account {sid}")


@contextmanager
def _writing(config_file: Path | None) -> Iterator[Callable[[Callable[[SqlStore], Any]], Any]]:
    from phonotary.storage import migrate
    from phonotary.storage.database import Database

    database = Database(settings_of(config_file).database_url)
    try:
        migrate.upgrade(database)
        yield database.write
    finally:
        database.close()
