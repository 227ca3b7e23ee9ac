"""The tables of bundles and calls; those of names are in :mod:`schema_names`.

A column has the name of the record's field, so rows and records map by name.

``seq`` orders every list: newest first is ``seq`` descending, and a page is a range of it, so
page N costs what page 1 costs. Instants are whole seconds since 1970.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows itself only where the key is plain INTEGER.
Seq = BigInteger().with_variant(Integer(), "sqlite")
Sid = String(34)
Instant = BigInteger


class Codes(TypeDecorator[tuple[int, ...]]):
    """Catalogue codes as one JSON array, read back as a tuple."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value or ())

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[int, ...]:
        return tuple(value or ())


def kept(name: str, *rest: Any) -> Table:
    """A table of records that have a SID and an account."""
    return Table(
        name,
        metadata,
        Column("seq", Seq, primary_key=True, autoincrement=True),
        Column("sid", Sid, nullable=False, unique=True),
        Column("account_sid", Sid, nullable=False),
        *rest,
        sqlite_autoincrement=True,
    )


def dated(*columns: Column[Any]) -> tuple[Column[Any], ...]:
    """The columns of a record that is made and changed, its two instants behind them."""
    return (
        *columns,
        Column("date_created", Instant, nullable=False),
        Column("date_updated", Instant, nullable=False),
    )


accounts = Table(
    "accounts",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("sid", Sid, nullable=False, unique=True),
    Column("owner_account_sid", Sid, nullable=False),
    Column("friendly_name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("type", String(16), nullable=False),
    Column("auth_token", Text, nullable=False),
    Column("date_created", Instant, nullable=False),
    Column("date_updated", Instant, nullable=False),
    Index(None, "owner_account_sid", "seq"),
    sqlite_autoincrement=True,
)

keys = kept(
    "keys",
    *dated(
        Column("friendly_name", Text, nullable=False),
        Column("kind", String(8), nullable=False),
        Column("secret_digest", String(64), nullable=False),
    ),
    Index(None, "account_sid", "seq"),
)

bundles = kept(
    "bundles",
    *dated(
        Column("kind", String(20), nullable=False),
        Column("policy_sid", Sid, nullable=False),
        Column("friendly_name", Text, nullable=False),
        Column("status", String(20), nullable=False),
        Column("email", Text, nullable=False),
        Column("status_callback", Text),
        Column("valid_until", Instant),
        Column("errors", Codes, nullable=False),
        Column("copy_of", Sid),
        Column("display_approved", Boolean, nullable=False, server_default=false()),
    ),
    Index(None, "account_sid", "kind", "seq"),
    Index(None, "account_sid", "kind", "status", "seq"),
    Index(None, "account_sid", "policy_sid", "seq"),
    Index(None, "account_sid", "kind", "friendly_name", "seq"),
    Index("ix_bundles_copy_of", "copy_of"),
    Index("ix_bundles_status", "status", "seq"),
)

end_users = kept(
    "end_users",
    *dated(
        Column("friendly_name", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("attributes", JSON, nullable=False),
    ),
    Index(None, "account_sid", "seq"),
)

documents = kept(
    "supporting_documents",
    *dated(
        Column("friendly_name", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("attributes", JSON, nullable=False),
        Column("mime_type", Text),
        Column("status", String(24), nullable=False),
    ),
    Index(None, "account_sid", "seq"),
)

entity_assignments = kept(
    "entity_assignments",
    Column("bundle_sid", Sid, nullable=False),
    Column("object_sid", Sid, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("date_created", Instant, nullable=False),
    UniqueConstraint("bundle_sid", "object_sid"),
    Index(None, "bundle_sid", "seq"),
    Index(None, "object_sid"),
)

endpoint_assignments = kept(
    "channel_endpoint_assignments",
    Column("bundle_sid", Sid, nullable=False),
    Column("channel_endpoint_sid", Sid, nullable=False),
    Column("channel_endpoint_type", String(32), nullable=False),
    Column("holder_sid", Sid, nullable=False),
    Column("date_created", Instant, nullable=False),
    UniqueConstraint("bundle_sid", "channel_endpoint_sid"),
    Index(None, "bundle_sid", "seq"),
    Index(None, "channel_endpoint_sid"),
)

evaluations = kept(
    "evaluations",
    Column("bundle_sid", Sid, nullable=False),
    Column("policy_sid", Sid, nullable=False),
    Column("status", String(16), nullable=False),
    Column("results", JSON, nullable=False),
    Column("date_created", Instant, nullable=False),
    Index(None, "bundle_sid", "seq"),
)

addresses = kept(
    "addresses",
    *dated(
        Column("friendly_name", Text, nullable=False),
        Column("customer_name", Text, nullable=False),
        Column("street", Text, nullable=False),
        Column("street_secondary", Text),
        Column("city", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("postal_code", Text, nullable=False),
        Column("iso_country", String(2), nullable=False),
        Column("emergency_enabled", Boolean, nullable=False),
        Column("validated", Boolean, nullable=False),
        Column("verified", Boolean, nullable=False),
    ),
    Index(None, "account_sid", "seq"),
)

numbers = kept(
    "incoming_phone_numbers",
    *dated(
        Column("phone_number", String(16), nullable=False, unique=True),
        Column("kind", String(16), nullable=False),
        Column("iso_country", String(2), nullable=False),
        Column("friendly_name", Text, nullable=False),
        Column("address_sid", Sid),
        Column("bundle_sid", Sid),
        Column("voice_caller_id_lookup", Boolean, nullable=False),
        Column("settings", JSON, nullable=False),
    ),
    Index(None, "account_sid", "seq"),
    Index(None, "account_sid", "kind", "seq"),
    Index(None, "account_sid", "address_sid", "seq"),
)

caller_ids = kept(
    "outgoing_caller_ids",
    *dated(
        Column("friendly_name", Text, nullable=False),
        Column("phone_number", String(16), nullable=False),
    ),
    UniqueConstraint("account_sid", "phone_number"),
    Index(None, "account_sid", "seq"),
)

inquiries = kept(
    "inquiries",
    Column("bundle_sid", Sid, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("token_digest", String(64), nullable=False),
    Column("prefill", JSON, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("date_created", Instant, nullable=False),
    Index(None, "bundle_sid"),
)

status_changes = Table(
    "status_changes",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("bundle_sid", Sid, nullable=False),
    Column("account_sid", Sid, nullable=False),
    Column("before", String(20), nullable=False),
    Column("after", String(20), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("because", Text, nullable=False),
    Column("codes", Codes, nullable=False),
    # Of an approval: what the bundle held then. As secret as the end users are.
    Column("filed", JSON(none_as_null=True)),
    Index(None, "bundle_sid", "seq"),
    sqlite_autoincrement=True,
)

# Only ever added to: nodes read on from where they were, and a call of last year is traced by it. A
# sandbox's state neither holds nor replaces it.
standing_changes = Table(
    "standing_changes",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("subject", Sid, nullable=False),
    Column("about", Sid),
    Column("account_sid", Sid, nullable=False),
    Column("phone_number", String(16)),
    Column("at", Instant, nullable=False),
    Index(None, "subject", "seq"),
    Index(None, "phone_number", "seq"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("kind", String(24), nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("due", Instant, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("leased_until", Instant, nullable=False),
    Column("last_error", Text),
    Index(None, "state", "due"),
    sqlite_autoincrement=True,
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# The ledger of calls. It only grows, and is no state that a sandbox dumps or puts back: see STATE.
# A batch is two rows of one ``seq``: what it is found by,
# which is small and read through, and what it holds.
ledger_batches = Table(
    "ledger_batches",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("chain", Sid, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("origids", LargeBinary, nullable=False),
    UniqueConstraint("chain", "position"),
    Index(None, "last_at"),
)

calls = Table(
    "calls",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("bodies", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
)

ledger_certificates = Table(
    "ledger_certificates",
    metadata,
    Column("frame", String(32), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("header", Text, nullable=False),
    Column("tail", Text, nullable=False),
    Column("x5u", Text),
    Column("chain_pem", Text),
    Column("first_seen", Instant, nullable=False),
)

STATE = tuple(
    table
    for table in metadata.sorted_tables
    if table not in (calls, ledger_batches, ledger_certificates, standing_changes)
)
"""The tables that a sandbox's state is made of."""
