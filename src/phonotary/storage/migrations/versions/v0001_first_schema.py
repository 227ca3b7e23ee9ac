"""The first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:

    op.create_table(
        "accounts",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("owner_account_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("auth_token", sa.Text(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_accounts")),
        sa.UniqueConstraint("sid", name=op.f("uq_accounts_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_accounts_owner_account_sid_seq"),
            ["owner_account_sid", "seq"],
            unique=False,
        )

    op.create_table(
        "addresses",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("customer_name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("street_secondary", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("iso_country", sa.String(length=2), nullable=False),
        sa.Column("emergency_enabled", sa.Boolean(), nullable=False),
        sa.Column("validated", sa.Boolean(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_addresses")),
        sa.UniqueConstraint("sid", name=op.f("uq_addresses_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("addresses", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_addresses_account_sid_seq"), ["account_sid", "seq"], unique=False
        )

    op.create_table(
        "bundles",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("policy_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("status_callback", sa.Text(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("copy_of", sa.String(length=34), nullable=True),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_bundles")),
        sa.UniqueConstraint("sid", name=op.f("uq_bundles_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_bundles_account_sid_kind_friendly_name_seq"),
            ["account_sid", "kind", "friendly_name", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_bundles_account_sid_kind_seq"),
            ["account_sid", "kind", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_bundles_account_sid_kind_status_seq"),
            ["account_sid", "kind", "status", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_bundles_account_sid_policy_sid_seq"),
            ["account_sid", "policy_sid", "seq"],
            unique=False,
        )
        batch_op.create_index("ix_bundles_copy_of", ["copy_of"], unique=False)
        batch_op.create_index("ix_bundles_status", ["status", "seq"], unique=False)

    op.create_table(
        "channel_endpoint_assignments",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("bundle_sid", sa.String(length=34), nullable=False),
        sa.Column("channel_endpoint_sid", sa.String(length=34), nullable=False),
        sa.Column("channel_endpoint_type", sa.String(length=32), nullable=False),
        sa.Column("holder_sid", sa.String(length=34), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_channel_endpoint_assignments")),
        sa.UniqueConstraint(
            "bundle_sid",
            "channel_endpoint_sid",
            name=op.f("uq_channel_endpoint_assignments_bundle_sid_channel_endpoint_sid"),
        ),
        sa.UniqueConstraint("sid", name=op.f("uq_channel_endpoint_assignments_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("channel_endpoint_assignments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_channel_endpoint_assignments_bundle_sid_seq"),
            ["bundle_sid", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_channel_endpoint_assignments_channel_endpoint_sid"),
            ["channel_endpoint_sid"],
            unique=False,
        )

    op.create_table(
        "end_users",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_end_users")),
        sa.UniqueConstraint("sid", name=op.f("uq_end_users_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("end_users", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_end_users_account_sid_seq"), ["account_sid", "seq"], unique=False
        )

    op.create_table(
        "entity_assignments",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("bundle_sid", sa.String(length=34), nullable=False),
        sa.Column("object_sid", sa.String(length=34), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entity_assignments")),
        sa.UniqueConstraint(
            "bundle_sid", "object_sid", name=op.f("uq_entity_assignments_bundle_sid_object_sid")
        ),
        sa.UniqueConstraint("sid", name=op.f("uq_entity_assignments_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("entity_assignments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_entity_assignments_bundle_sid_seq"), ["bundle_sid", "seq"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_entity_assignments_object_sid"), ["object_sid"], unique=False
        )

    op.create_table(
        "evaluations",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("bundle_sid", sa.String(length=34), nullable=False),
        sa.Column("policy_sid", sa.String(length=34), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_evaluations")),
        sa.UniqueConstraint("sid", name=op.f("uq_evaluations_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_evaluations_bundle_sid_seq"), ["bundle_sid", "seq"], unique=False
        )

    op.create_table(
        "incoming_phone_numbers",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("iso_country", sa.String(length=2), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("address_sid", sa.String(length=34), nullable=True),
        sa.Column("bundle_sid", sa.String(length=34), nullable=True),
        sa.Column("voice_caller_id_lookup", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_incoming_phone_numbers")),
        sa.UniqueConstraint("phone_number", name=op.f("uq_incoming_phone_numbers_phone_number")),
        sa.UniqueConstraint("sid", name=op.f("uq_incoming_phone_numbers_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("incoming_phone_numbers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_incoming_phone_numbers_account_sid_address_sid_seq"),
            ["account_sid", "address_sid", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_incoming_phone_numbers_account_sid_kind_seq"),
            ["account_sid", "kind", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_incoming_phone_numbers_account_sid_seq"),
            ["account_sid", "seq"],
            unique=False,
        )

    op.create_table(
        "inquiries",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("bundle_sid", sa.String(length=34), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("prefill", sa.JSON(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inquiries")),
        sa.UniqueConstraint("sid", name=op.f("uq_inquiries_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("inquiries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inquiries_bundle_sid"), ["bundle_sid"], unique=False)

    op.create_table(
        "jobs",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_jobs")),
        sa.UniqueConstraint("key", name=op.f("uq_jobs_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_state_due"), ["state", "due"], unique=False)

    op.create_table(
        "keys",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_keys")),
        sa.UniqueConstraint("sid", name=op.f("uq_keys_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_keys_account_sid_seq"), ["account_sid", "seq"], unique=False
        )

    op.create_table(
        "outgoing_caller_ids",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outgoing_caller_ids")),
        sa.UniqueConstraint(
            "account_sid",
            "phone_number",
            name=op.f("uq_outgoing_caller_ids_account_sid_phone_number"),
        ),
        sa.UniqueConstraint("sid", name=op.f("uq_outgoing_caller_ids_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outgoing_caller_ids", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outgoing_caller_ids_account_sid_seq"),
            ["account_sid", "seq"],
            unique=False,
        )

    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "status_changes",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("bundle_sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("before", sa.String(length=20), nullable=False),
        sa.Column("after", sa.String(length=20), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_status_changes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("status_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_status_changes_bundle_sid_seq"), ["bundle_sid", "seq"], unique=False
        )

    op.create_table(
        "supporting_documents",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("date_created", sa.BigInteger(), nullable=False),
        sa.Column("date_updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_supporting_documents")),
        sa.UniqueConstraint("sid", name=op.f("uq_supporting_documents_sid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("supporting_documents", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_supporting_documents_account_sid_seq"),
            ["account_sid", "seq"],
            unique=False,
        )


def downgrade() -> None:
    # An index goes with its table.
    for table in (
        "supporting_documents",
        "status_changes",
        "settings",
        "outgoing_caller_ids",
        "keys",
        "jobs",
        "inquiries",
        "incoming_phone_numbers",
        "evaluations",
        "entity_assignments",
        "end_users",
        "channel_endpoint_assignments",
        "bundles",
        "addresses",
        "accounts",
    ):
        op.drop_table(table)
