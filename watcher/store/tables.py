"""The tables, as the newest migration leaves them (tests compare the two).

Law: a column exists because a query asks for it; everything else of a noun is in its `data`, JSON
as codec.py writes it. There are no foreign keys: one writer writes an incident's rows in one
transaction, and retention removes them together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
    type_coerce,
)
from sqlalchemy import Text as AnyText
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
INGEST = "ingest"  # the lease of the one that leads

# The end in the table of what has none: later than everything, and readable on every database.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """An instant as whole microseconds since 1970 UTC: exact, and sorted the same everywhere.

    Raises TypeError for a datetime without a time zone.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return the microseconds."""
        del dialect
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        del dialect
        return None if value is None else EPOCH + timedelta(microseconds=value)


def moved(column: ColumnElement[datetime], by: timedelta) -> ColumnElement[datetime]:
    """Return a column's times, moved."""
    return type_coerce(type_coerce(column, BigInteger) + by // _MICROSECOND, Moment())


# Sorted by bytes on every database: the same load order, and no index that a new version of the
# system's collations breaks.
Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")

# SQLite numbers rows by itself only where the type is exactly INTEGER, which has 64 bits there.
_Number = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("taken_at", Moment, nullable=False),
    Column("session", Text, nullable=False, server_default=""),
    # Microseconds: what the marks' clock shows is `daemons.clock` of the leader, and this.
    Column("stepped", BigInteger, nullable=False, server_default="0"),
)

# The daemons that use this database; one that has no row has been evicted.
daemons = Table(
    "daemons",
    metadata,
    Column("session", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    # What its clock showed then, without what it was set by since it leads.
    Column("clock", Moment),
)

sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("data", Text, nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("data", Text, nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("value", Float, nullable=False),
    Index("ix_samples_at", "at"),
    sqlite_with_rowid=False,  # all key and no data: a second b-tree would double it
)

alerts = Table(
    "alerts",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("data", Text, nullable=False),
    Index("ix_alerts_subject", "subject"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Column("rule", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("group", Text, nullable=False),
    Column("data", Text, nullable=False),
    # Whether its remedy is still under way, although the incident may be over.
    Column("remedying", Boolean, nullable=False, server_default=false()),
    Index("ix_incidents_opened", "opened_at"),
    Index("ix_incidents_status", "status", "resolved_at"),
)

incident_alerts = Table(
    "incident_alerts",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("data", Text, nullable=False),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("end", Moment, nullable=False),
    Column("data", Text, nullable=False),
)

calendars = Table(
    "calendars",
    metadata,
    Column("rota", Text, primary_key=True),
    Column("data", Text, nullable=False),
)

# Every planned work: what it was announced for is part of what is kept of the months before.
works = Table(
    "works",
    metadata,
    Column("key", Text, primary_key=True),
    Column("end", Moment, nullable=False),  # of the last window that was ever announced
    Column("data", Text, nullable=False),
    Index("ix_works_end", "end"),
)

# How far a mailbox was read: its UIDVALIDITY, and the last UID of that.
mailboxes = Table(
    "mailboxes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("validity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
)

mails = Table(
    "mails",
    metadata,
    Column("key", Text, primary_key=True),
    Column("read_at", Moment, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("data", Text, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("consumed_at", Moment),
    Column("refusal", Text),  # why the engine refused it; empty, or NULL by an earlier version
    Index("ix_inbox_waiting", "consumed_at", "number"),
    sqlite_autoincrement=True,  # a number is never used twice
)

jobs = Table(
    "jobs",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("service_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Moment, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("lease_until", Moment),
    Column("holder", Text),  # the daemon's session
    Column("data", Text),  # what to fetch, or a change of bandwidth and its progress
    Index("ix_jobs_due", "kind", "due"),
)

# Diagnostics runs that were started: what single flight, cooldown and budgets are counted from.
runs = Table(
    "runs",
    metadata,
    Column("run", Text, primary_key=True),
    Column("service_id", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),  # the last start
    Column("finished_at", Moment),
    Column("lease_until", Moment),
    Index("ix_runs_service", "service_id", "started_at"),
    Index("ix_runs_incident", "incident"),
    Index("ix_runs_started", "started_at"),
)

papers = Table(
    "papers",
    metadata,
    Column("run", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("pdf", LargeBinary, nullable=False),
    Column("preview", LargeBinary, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("ix_papers_at", "at"),
)

# `due` is when to try next: EPOCH is at once whatever the clock says, NULL is never.
receipts = Table(
    "receipts",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("receiver", Text, primary_key=True),
    Column("parent_version", BigInteger, nullable=False),
    Column("told_through", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("owed", Boolean, nullable=False),
    Column("owed_since", Moment),
    Column("due", Moment),
    Column("token", BigInteger, nullable=False),
    Column("lease_until", Moment),
    Column("data", Text, nullable=False),
    Column("holder", Text),
    Index("ix_receipts_due", "receiver", "due", "owed_since", "incident"),
)

# What was delivered: for people who ask how long it took. A receipt holds what is under way.
notifications = Table(
    "notifications",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("incident", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_notifications_incident", "incident", "number"),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_journal_at", "at"),
    sqlite_autoincrement=True,
)

unserved = Table(
    "unserved",
    metadata,
    Column("address", Text, primary_key=True),
    Column("told_at", Moment, nullable=False),
)

# `month` is a day where `account` is changes/CUSTOMER: the vendor counts changes by day.
calls = Table(
    "calls",
    metadata,
    Column("account", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# What Watcher knows of its own safety: the last `drill` and the last `backup`.
self_checks = Table(
    "self_checks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("data", Text, nullable=False),
)
