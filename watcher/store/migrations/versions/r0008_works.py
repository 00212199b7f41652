"""Planned works, as carriers announced them: for a start, and for the ledger of past months."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "works",
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_index("ix_works_end", "works", ["end"])
