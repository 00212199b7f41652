"""Why the engine refused a command, for whoever waits for its answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column; a command of an earlier leader has none."""
    op.add_column("inbox", sa.Column("refusal", _TEXT))
