"""The tables of names on their way to the databases that phones ask.

What stands here follows from the bundles, and what databases elsewhere hold cannot be put back: no
state of a sandbox, see :data:`schema.STATE`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from phonotary.storage.schema import Instant, Seq, Sid, kept, metadata

cnam_registrations = kept(
    "cnam_registrations",
    Column("phone_number", String(16), nullable=False),
    Column("enum_name", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("number_sid", Sid, nullable=False),
    Column("product_sid", Sid, nullable=False),
    Column("profile_sid", Sid, nullable=False),
    Column("name", String(15), nullable=False),
    Column("private", Boolean, nullable=False),
    Column("state", String(12), nullable=False),
    Column("since", Instant, nullable=False),
    Column("began", Instant, nullable=False),
    Column("until", Instant),
    Column("ended", Instant),
    Column("because", String(32)),
    Column("shown", Boolean, nullable=False),
    UniqueConstraint("phone_number", "version"),
    Index(None, "product_sid", "state", "seq"),
    Index(None, "profile_sid", "state", "seq"),
    Index(None, "account_sid", "state", "seq"),
    Index(None, "state", "until"),
    Index(None, "enum_name"),
)
Index(
    "ix_cnam_registrations_standing",
    cnam_registrations.c.phone_number,
    unique=True,
    sqlite_where=cnam_registrations.c.state == "registered",
    postgresql_where=cnam_registrations.c.state == "registered",
)

cnam_deliveries = Table(
    "cnam_deliveries",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("phone_number", String(16), nullable=False),
    Column("database", String(32), nullable=False),
    Column("account_sid", Sid, nullable=False),
    Column("state", String(12), nullable=False),
    Column("since", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", String(15), nullable=False),
    Column("private", Boolean, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("due", Instant),
    Column("attempts", Integer, nullable=False),
    Column("order_key", String(40)),
    Column("order_ref", Text),
    Column("code", String(64)),
    Column("text", Text),
    Column("look_due", Instant),
    Column("looks", Integer, nullable=False),
    UniqueConstraint("phone_number", "database"),
    Index(None, "database", "state", "due"),
    # The ledger's pages: by state, by database and state, and an account's own by both.
    Index(None, "state", "seq"),
    Index(None, "database", "state", "seq"),
    Index(None, "account_sid", "database", "state", "seq"),
    Index(None, "due"),
    Index(None, "order_key"),
    Index(None, "order_ref"),
    Index(None, "look_due"),
    Index(None, "account_sid", "seq"),
    sqlite_autoincrement=True,
)

cnam_orders = Table(
    "cnam_orders",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("database", String(32), nullable=False),
    Column("action", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("since", Instant, nullable=False),
    Column("due", Instant, nullable=False),
    Column("order_ref", Text),
    Column("leased_until", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    Index(None, "state", "due"),
    sqlite_autoincrement=True,
)

cnam_observations = Table(
    "cnam_observations",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("phone_number", String(16), nullable=False),
    Column("database", String(32), nullable=False),
    Column("expected_name", String(15), nullable=False),
    Column("observed_name", Text, nullable=False),
    Column("observed_at", Instant, nullable=False),
    Index(None, "phone_number", "database", "seq"),
    sqlite_autoincrement=True,
)

# What clients are billed by.
cnam_dip_counts = Table(
    "cnam_dip_counts",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("day", Instant, primary_key=True),
    Column("status", String(8), primary_key=True),
    Column("dips", BigInteger, nullable=False),
)
