"""How far a mailbox with carriers' notices was read, and which mails were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "mailboxes",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "mails",
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
    )
