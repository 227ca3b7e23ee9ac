"""What every number's standing rests on, as a history: who hears of a change reads it here."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_changes",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=34), nullable=False),
        sa.Column("about", sa.String(length=34), nullable=True),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("phone_number", sa.String(length=16), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_standing_changes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("standing_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_standing_changes_subject_seq"), ["subject", "seq"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_standing_changes_phone_number_seq"),
            ["phone_number", "seq"],
            unique=False,
        )


def downgrade() -> None:
    # An index goes with its table.
    op.drop_table("standing_changes")
