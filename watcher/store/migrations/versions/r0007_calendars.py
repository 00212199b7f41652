"""The calendars of rotas as they were last read, so that a start has them at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "calendars",
        sa.Column("rota", _TEXT, primary_key=True),
        sa.Column("data", _TEXT, nullable=False),
    )
