"""What was delivered to each receiver, with its times."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "notifications",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("incident", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notifications_incident", "notifications", ["incident", "number"])
