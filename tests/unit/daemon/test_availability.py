"""This month's availability in the metrics."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.fakes.virtual_time import VirtualClock
from tests.unit.ledger.test_ledger import DAY, HOUR, announced, built, polled
from watcher import model
from watcher.daemon import availability
from watcher.ledger import document, period
from watcher.metrics import Metrics

RECORDS = (
    polled(timedelta(0), a="online", b="online"),
    polled(DAY, a="offline"),
    polled(DAY + HOUR, a="online"),
)
WINDOW = timedelta(minutes=30)


def month(**more):
    return document.document(built(*RECORDS, **more), period.parse_month("2026-11"))


def value(metrics, name):
    (line,) = [
        line for line in metrics.exposition().decode().splitlines() if line.startswith(f"{name} ")
    ]
    return float(line.rpartition(" ")[2])


def new_metrics():
    return Metrics(version="1", sources=["vyvx"], receivers=[])


def test_a_source_has_the_seconds_of_all_its_circuits():
    metrics, since = new_metrics(), polled(DAY).at
    availability.publish(metrics, month(planned=announced((since, since + WINDOW))))
    spent = 'watcher_availability_seconds{condition="%s",source="vyvx"}'
    assert value(metrics, spent % "down") == 1_800
    assert value(metrics, spent % "planned") == 1_800
    assert value(metrics, spent % "up") == 2 * 30 * 86_400 - 3_600
    ratio = value(metrics, 'watcher_availability_ratio{source="vyvx"}')
    assert abs(ratio - (1 - 1 / (2 * 30 * 24))) < 1e-9


def measured(*, subjects, reads, lasting=timedelta(hours=3, minutes=1)):
    """Measure for a while in virtual time; return the months that were read, and the metrics."""
    clock, metrics, months = VirtualClock(), new_metrics(), []

    async def read(wanted):
        months.append(wanted.name)
        return reads(len(months))

    async def sources():
        return [model.SourceHealth(source="vyvx", subjects=subjects)]

    async def main():
        measuring = availability.keep_measured(
            read, sources, metrics=metrics, clock=clock, every=timedelta(hours=1)
        )
        try:
            async with asyncio.timeout(lasting.total_seconds()):
                await measuring
        except TimeoutError:
            return

    clock.run(main())
    return months, metrics


def test_it_is_measured_every_hour_and_a_failure_is_tried_again():
    def reads(count):
        if count == 1:
            raise model.TemporaryError("database is locked")
        return month()

    months, metrics = measured(subjects=2, reads=reads)
    assert months == ["2026-11"] * 3
    assert value(metrics, 'watcher_availability_ratio{source="vyvx"}') > 0.99


def test_with_very_many_subjects_the_month_is_not_folded():
    months, _ = measured(subjects=availability.MOST_SUBJECTS + 1, reads=lambda _: month())
    assert months == []
