"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A row number is INTEGER on SQLite, where only that type numbers rows by itself.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make them. Instants are whole microseconds since 1970 UTC."""
    op.create_table(
        "lease",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "sources",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_table(
        "subjects",
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("subject", _TEXT, primary_key=True),
        sa.Column("metric", _TEXT, primary_key=True),
        sa.Column("direction", _TEXT, primary_key=True),
        sa.Column("at", sa.BigInteger(), primary_key=True),
        sa.Column("value", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_samples_at", "samples", ["at"])
    op.create_table(
        "alerts",
        sa.Column("rule", _TEXT, primary_key=True),
        sa.Column("subject", _TEXT, primary_key=True),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_index("ix_alerts_subject", "alerts", ["subject"])
    _make_incidents()
    _make_work()
    op.create_table(
        "journal",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_journal_at", "journal", ["at"])
    op.create_table(
        "calls",
        sa.Column("account", _TEXT, primary_key=True),
        sa.Column("month", _TEXT, primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )


def _make_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger()),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("group", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_index("ix_incidents_opened", "incidents", ["opened_at"])
    op.create_index("ix_incidents_status", "incidents", ["status", "resolved_at"])
    op.create_table(
        "incident_alerts",
        sa.Column("incident", _TEXT, primary_key=True),
        sa.Column("subject", _TEXT, primary_key=True),
        sa.Column("rule", _TEXT, primary_key=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("incident", _TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column("incident", _TEXT, primary_key=True),
        sa.Column("receiver", _TEXT, primary_key=True),
        sa.Column("parent_version", sa.BigInteger(), nullable=False),
        sa.Column("told_through", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("owed", sa.Boolean(), nullable=False),
        sa.Column("owed_since", sa.BigInteger()),
        sa.Column("due", sa.BigInteger()),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_index("ix_receipts_due", "receipts", ["receiver", "due", "owed_since", "incident"])


def _make_work() -> None:
    op.create_table(
        "inbox",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("key", _TEXT, nullable=False, unique=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
        sa.Column("consumed_at", sa.BigInteger()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_waiting", "inbox", ["consumed_at", "number"])
    op.create_table(
        "jobs",
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("incident", _TEXT, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
    )
    op.create_index("ix_jobs_due", "jobs", ["kind", "due"])
    op.create_table(
        "runs",
        sa.Column("run", _TEXT, primary_key=True),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("incident", _TEXT, nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("lease_until", sa.BigInteger()),
    )
    op.create_index("ix_runs_service", "runs", ["service_id", "started_at"])
    op.create_index("ix_runs_incident", "runs", ["incident"])
    op.create_index("ix_runs_started", "runs", ["started_at"])
    op.create_table(
        "papers",
        sa.Column("run", _TEXT, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("preview", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_papers_at", "papers", ["at"])
