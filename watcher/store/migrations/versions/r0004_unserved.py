"""Addresses that a vendor does not serve, so that it is not asked about them again and again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "unserved",
        sa.Column("address", _TEXT, primary_key=True),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
    )
