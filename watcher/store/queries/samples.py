"""Reads measured samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from watcher import model
from watcher.store import tables
from watcher.store.database import AsyncConnection


async def read_samples(
    connection: AsyncConnection, *conditions: ColumnElement[bool]
) -> tuple[model.Sample, ...]:
    """Return the samples that match, each series in the order of time."""
    return to_samples(await connection.execute(samples_where(*conditions)))


def samples_where(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return a query for the samples that match, each series in the order of time."""
    samples = tables.samples
    series = samples.c.subject, samples.c.metric, samples.c.direction
    return select(samples).where(*conditions).order_by(*series, samples.c.at)


def to_samples(rows: Iterable[Any]) -> tuple[model.Sample, ...]:
    """Return rows of samples as nouns."""
    return tuple(
        model.Sample(
            subject=row.subject,
            metric=row.metric,
            direction=row.direction,
            at=row.at,
            value=row.value,
        )
        for row in rows
    )
