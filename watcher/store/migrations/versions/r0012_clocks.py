"""The clocks of daemons: what each showed last, and by how much the leader's was set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add them."""
    op.add_column("daemons", sa.Column("clock", sa.BigInteger()))
    op.add_column(
        "lease", sa.Column("stepped", sa.BigInteger(), nullable=False, server_default="0")
    )
