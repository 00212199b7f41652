"""Silences: what people do not want to be told of for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "silences",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
