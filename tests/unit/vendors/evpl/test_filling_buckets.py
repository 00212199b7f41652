"""A vendor that publishes each bucket while it fills, read by the source and judged by rules."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, rule, ruleset
from tests.fakes.virtual_time import VirtualClock
from watcher import engine
from watcher.ruleset.sources import source_traits
from watcher.vendors import poller
from watcher.vendors.evpl import settings
from watcher.vendors.evpl.client import Line, Utilization
from watcher.vendors.evpl.source import EvplSource

BUCKET = timedelta(minutes=5)


class Filling:
    """A line that is full all the time; a bucket grows for its 5 minutes, by its begin."""

    async def utilization(self, start, end):
        values = {}
        at = START
        while at <= end:
            if at >= start:
                values[at] = 97 * min((end - at) / BUCKET, 1.0)
            at += BUCKET
        return Utilization(lines=[Line(instance="LD1", metric="U", values=values)])


async def timeline(condition, *, settle, every=timedelta(minutes=1), **keys):
    """Return what people were notified of in two hours."""
    given = {"kind": "evpl", "operator_code": "O", "application_id": "A", "settle": settle}
    config = settings.EvplSource(**given)
    clock = VirtualClock()
    assert clock.now() == START
    source, differ = EvplSource("evpl", config, Filling(), clock), poller.Differ("evpl")
    rules = ruleset(rule(name="load", condition=condition, sources=("evpl",), **keys))
    sources = {**rules.sources, "evpl": source_traits("evpl", config)}
    w = World(replace(rules, sources=sources))
    while clock.now() < START + timedelta(hours=2):
        clock.seconds += every.total_seconds()
        w.step(differ.compare(await source.poll()), clock.now() - START)
    return w.timeline


FULL = engine.Threshold(metric="utilization", limit=95.0, consecutive=3)
IDLE = engine.Threshold(metric="utilization", above=False, limit=20.0)


@pytest.mark.covers("evpl/filling")
@pytest.mark.parametrize("every", [timedelta(minutes=1), BUCKET, timedelta(minutes=7)])
async def test_a_line_that_is_full_all_the_time_fires_once_and_never_as_idle(every):
    assert await timeline(FULL, settle="5m", every=every) == ["opened"]
    assert await timeline(IDLE, settle="5m", every=every) == []
    half_an_hour = timedelta(minutes=30)
    busy = replace(FULL, consecutive=1)
    assert await timeline(busy, settle="10m", every=every, hold=half_an_hour) == ["opened"]


@pytest.mark.covers("evpl/filling")
async def test_without_settle_it_fires_once_buckets_are_corrected():
    assert "opened" in await timeline(FULL, settle="0")
    assert await timeline(FULL, settle="0", keep_firing_for=timedelta(minutes=30)) == ["opened"]
