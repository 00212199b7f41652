"""What came of the last drill, and when the last backup was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "self_checks",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("data", _TEXT, nullable=False),
    )
