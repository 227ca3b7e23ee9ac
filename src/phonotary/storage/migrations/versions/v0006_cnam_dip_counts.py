"""The counts of dips"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "cnam_dip_counts",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("dips", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", "day", "status", name=op.f("pk_cnam_dip_counts")),
    )


def downgrade() -> None:
    op.drop_table("cnam_dip_counts")
