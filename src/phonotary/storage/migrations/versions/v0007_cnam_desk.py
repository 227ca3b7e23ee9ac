"""What people look through the deliveries by, and what tells that an order is still spoken of"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_INDEXES = (
    ("state", "seq"),
    ("database", "state", "seq"),
    ("account_sid", "database", "state", "seq"),
    ("order_ref",),
)


def upgrade() -> None:
    for columns in _INDEXES:
        op.create_index(_name(columns), "cnam_deliveries", list(columns))


def downgrade() -> None:
    for columns in _INDEXES:
        op.drop_index(_name(columns), "cnam_deliveries")


def _name(columns: tuple[str, ...]) -> str:
    return f"ix_cnam_deliveries_{'_'.join(columns)}"
