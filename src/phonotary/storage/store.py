"""One transaction's view of everything that is kept: what the rooms' protocols ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, bindparam, func, insert, null, select, text

from phonotary.access import accounts
from phonotary.access.accounts import Account, Key
from phonotary.clock import Clock, Instant
from phonotary.events import Job, StatusChanged
from phonotary.storage import changes, direct, schema
from phonotary.storage.collections import Rows
from phonotary.trusthub import records as r

T = TypeVar("T")

_SYSTEM = Clock()

_OWNER = select(schema.accounts.c.owner_account_sid).where(
    schema.accounts.c.sid == bindparam("sid_")
)
_CHANGES = schema.status_changes
_HISTORY = (
    select(
        _CHANGES.c.bundle_sid,
        _CHANGES.c.account_sid,
        _CHANGES.c.before,
        _CHANGES.c.after,
        _CHANGES.c.by,
        _CHANGES.c.at,
        _CHANGES.c.because,
        _CHANGES.c.codes,
    )
    .where(_CHANGES.c.bundle_sid == bindparam("sid_"))
    .order_by(_CHANGES.c.seq)
)
_VERSION = select(func.max(_CHANGES.c.seq)).where(_CHANGES.c.bundle_sid == bindparam("sid_"))
_FILED = (
    select(_CHANGES.c.seq, _CHANGES.c.filed)
    .where(
        _CHANGES.c.bundle_sid == bindparam("sid_"),
        _CHANGES.c.seq <= bindparam("version_"),
        _CHANGES.c.filed.is_not(null()),
    )
    .order_by(_CHANGES.c.seq.desc())
    .limit(1)
)
_SETTING = select(schema.settings.c.value).where(schema.settings.c.name == bindparam("name_"))


class SqlStore:
    """Implements ``trusthub.store.Store`` and ``access.accounts.Accounts``."""

    def __init__(
        self, connection: Connection, writing: bool, now: Callable[[], Instant] = _SYSTEM.now
    ) -> None:
        self.connection = connection
        self._writing = writing
        self.changes = changes.Changes(connection, now)
        """What standings rest on and this transaction changed."""
        self.enqueued: list[Job] = []
        """Jobs added in this transaction, so that the edge can wake whoever does them."""
        self.access_changed = False
        """Whether an account or a key changed, so that remembered credentials are forgotten."""

    def _rows(self, table: Table, record: type[Any]) -> Rows[Any]:
        return Rows(self.connection, table, record, self._writing)

    def _watched(
        self, rows: type[changes.Watched[T]], record: type[T], locking: bool = True
    ) -> changes.Watched[T]:
        return rows(self.connection, record, self.changes, locking and self._writing)

    @cached_property
    def bundles(self) -> Rows[r.Bundle]:
        return self._watched(changes.Bundles, r.Bundle)

    @cached_property
    def end_users(self) -> Rows[r.EndUser]:
        return self._watched(changes.EndUsers, r.EndUser)

    @cached_property
    def documents(self) -> Rows[r.SupportingDocument]:
        return self._rows(schema.documents, r.SupportingDocument)

    @cached_property
    def entity_assignments(self) -> Rows[r.EntityAssignment]:
        return self._watched(changes.EntityAssignments, r.EntityAssignment)

    @cached_property
    def endpoint_assignments(self) -> Rows[r.ChannelEndpointAssignment]:
        return self._watched(changes.EndpointAssignments, r.ChannelEndpointAssignment)

    @cached_property
    def evaluations(self) -> Rows[r.StoredEvaluation]:
        return self._rows(schema.evaluations, r.StoredEvaluation)

    @cached_property
    def addresses(self) -> Rows[r.Address]:
        return self._rows(schema.addresses, r.Address)

    @cached_property
    def numbers(self) -> Rows[r.Number]:
        return self._watched(changes.Numbers, r.Number)

    @cached_property
    def caller_ids(self) -> Rows[r.OutgoingCallerId]:
        return self._rows(schema.caller_ids, r.OutgoingCallerId)

    @cached_property
    def inquiries(self) -> Rows[r.Inquiry]:
        return self._rows(schema.inquiries, r.Inquiry)

    @cached_property
    def accounts(self) -> Rows[Account]:
        # Every request for a subaccount reads it; only a change of the account itself holds it.
        return self._watched(changes.AccountRows, Account, locking=False)

    @cached_property
    def keys(self) -> Rows[Key]:
        return self._rows(schema.keys, Key)

    # access.accounts.Accounts

    def account(self, sid: str) -> Account | None:
        return self.accounts.get(sid)

    def hold_account(self, sid: str) -> Account | None:
        return self.accounts.hold(sid)

    def add_account(self, account: Account) -> None:
        self.accounts.add(account)

    def replace_account(self, account: Account) -> None:
        self.accounts.replace(account)
        self.access_changed = True

    def key(self, sid: str) -> Key | None:
        return self.keys.get(sid)

    def add_key(self, key: Key) -> None:
        self.keys.add(key)

    def replace_key(self, key: Key) -> None:
        self.keys.replace(key)
        self.access_changed = True

    def remove_key(self, sid: str) -> None:
        self.keys.remove(sid)
        self.access_changed = True

    # trusthub.store.Store

    def owner_of(self, account_sid: str) -> str | None:
        owner: str | None = self.connection.execute(_OWNER, {"sid_": account_sid}).scalar()
        return owner

    def is_active(self, account_sid: str) -> bool:
        account = self.accounts.get(account_sid)
        if account is None:
            return False
        return accounts.is_active(account, self.accounts.get(account.owner_account_sid))

    def move(self, before: r.Bundle, after: r.Bundle) -> bool:
        return self.bundles.replace_if(after, status=before.status)

    def record(self, event: StatusChanged, filed: Mapping[str, Any] | None = None) -> None:
        self.connection.execute(
            insert(_CHANGES),
            {
                "bundle_sid": event.bundle_sid,
                "account_sid": event.account_sid,
                "before": event.before,
                "after": event.after,
                "by": event.by,
                "at": event.at,
                "because": event.because,
                "codes": event.codes,
                "filed": dict(filed) if filed is not None else None,
            },
        )

    def history(self, bundle_sid: str) -> list[StatusChanged]:
        found = self.connection.execute(_HISTORY, {"sid_": bundle_sid})
        return [StatusChanged(*row) for row in found]

    def filed(self, bundle_sid: str, version: int) -> tuple[int, Any] | None:
        """What the bundle held when it was last approved, ``version`` of its history or one before
        it: the approval's version and JSON values; None when nothing was kept."""
        found = self.connection.execute(_FILED, {"sid_": bundle_sid, "version_": version}).first()
        return (found[0], found[1]) if found else None

    def version(self, bundle_sid: str) -> str:
        """The newest entry of the bundle's history, as a decimal number; 0 for a new draft."""
        found = direct.rows(self.connection, _VERSION, {"sid_": bundle_sid})
        return str(found[0][0] or 0)

    def enqueue(self, job: Job) -> None:
        added = self.connection.execute(
            self._insert(schema.jobs)
            .values(
                kind=job.kind,
                key=job.key,
                subject=job.subject,
                due=job.due,
                body=job.body,
                attempts=0,
                state="waiting",
                leased_until=0,
            )
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(schema.jobs.c.seq)
        ).first()
        if added is not None:
            self.enqueued.append(job)

    def _insert(self, table: Table) -> Any:
        """An INSERT that may say ON CONFLICT: each dialect has its own, spelled alike."""
        if self.connection.dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table)
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)

    def alone(self) -> None:
        """Wait until no other process is starting; SQLite's one writer is alone already."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text("SELECT pg_advisory_xact_lock(8267)"))

    # settings: the hub's own secrets and the sandbox's clock

    def setting(self, name: str) -> str | None:
        value: str | None = self.connection.execute(_SETTING, {"name_": name}).scalar()
        return value

    def put_setting(self, name: str, value: str) -> None:
        statement = self._insert(schema.settings).values(name=name, value=value)
        self.connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
        )
