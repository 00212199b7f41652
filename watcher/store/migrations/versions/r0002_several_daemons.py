"""Several daemons on one database: who is there, who leads, who holds a claim."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "daemons",
        sa.Column("session", _TEXT, primary_key=True),
        sa.Column("instance", _TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.add_column("lease", sa.Column("session", _TEXT, nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("holder", _TEXT))
    op.add_column("receipts", sa.Column("holder", _TEXT))
