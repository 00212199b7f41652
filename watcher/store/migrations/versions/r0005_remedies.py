"""Remedies: incidents that wait for news of one, and how far a change of bandwidth is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "incidents", sa.Column("remedying", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("jobs", sa.Column("data", _TEXT))
