"""Names, and their deliveries to the databases"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "cnam_deliveries",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("database", sa.String(length=32), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=15), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("order_key", sa.String(length=40), nullable=True),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("look_due", sa.BigInteger(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_cnam_deliveries")),
        sa.UniqueConstraint(
            "phone_number", "database", name=op.f("uq_cnam_deliveries_phone_number_database")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("cnam_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cnam_deliveries_account_sid_seq"), ["account_sid", "seq"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_cnam_deliveries_database_state_due"),
            ["database", "state", "due"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_cnam_deliveries_due"), ["due"], unique=False)
        batch_op.create_index(batch_op.f("ix_cnam_deliveries_look_due"), ["look_due"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_cnam_deliveries_order_key"), ["order_key"], unique=False
        )

    op.create_table(
        "cnam_observations",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("database", sa.String(length=32), nullable=False),
        sa.Column("expected_name", sa.String(length=15), nullable=False),
        sa.Column("observed_name", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_cnam_observations")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("cnam_observations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cnam_observations_phone_number_database_seq"),
            ["phone_number", "database", "seq"],
            unique=False,
        )

    op.create_table(
        "cnam_orders",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("database", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_cnam_orders")),
        sa.UniqueConstraint("key", name=op.f("uq_cnam_orders_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("cnam_orders", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cnam_orders_state_due"), ["state", "due"], unique=False
        )

    op.create_table(
        "cnam_registrations",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("enum_name", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number_sid", sa.String(length=34), nullable=False),
        sa.Column("product_sid", sa.String(length=34), nullable=False),
        sa.Column("profile_sid", sa.String(length=34), nullable=False),
        sa.Column("name", sa.String(length=15), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("because", sa.String(length=32), nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_cnam_registrations")),
        sa.UniqueConstraint(
            "phone_number", "version", name=op.f("uq_cnam_registrations_phone_number_version")
        ),
        sa.UniqueConstraint("sid", name=op.f("uq_cnam_registrations_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("cnam_registrations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cnam_registrations_account_sid_state_seq"),
            ["account_sid", "state", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_cnam_registrations_enum_name"), ["enum_name"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_cnam_registrations_product_sid_state_seq"),
            ["product_sid", "state", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_cnam_registrations_profile_sid_state_seq"),
            ["profile_sid", "state", "seq"],
            unique=False,
        )
        batch_op.create_index(
            "ix_cnam_registrations_standing",
            ["phone_number"],
            unique=True,
            sqlite_where=sa.text("state = 'registered'"),
            postgresql_where=sa.text("state = 'registered'"),
        )
        batch_op.create_index(
            batch_op.f("ix_cnam_registrations_state_until"), ["state", "until"], unique=False
        )


def downgrade() -> None:
    op.drop_table("cnam_registrations")
    op.drop_table("cnam_orders")
    op.drop_table("cnam_observations")
    op.drop_table("cnam_deliveries")
