"""The settings of `[store]`: where Watcher keeps its records."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from watcher.config_types import Duration, Section


class Store(Section):
    """One database: a SQLite file beside the config, or PostgreSQL for several daemons."""

    url: str = Field(
        "sqlite:///watcher.db",
        repr=False,  # it may hold a password
        pattern=r"^(sqlite:///.+|postgresql://.+)$",
        description="sqlite:///FILE, relative to the config file; or postgresql://...",
    )
    retention: Duration = Field(
        timedelta(days=90),
        ge=timedelta(days=2),
        description="How long resolved incidents, reports and the journal stay; at least 2d",
    )
