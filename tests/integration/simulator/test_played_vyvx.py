"""Every scenario of Vyvx that a rule has to live with, as the real source sees it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.unit.simulator.conftest import NOON, make_account, playing
from watcher import model
from watcher.vendors import catalog, poller
from watcher.vendors.http.api import VendorApi
from watcher.vendors.vyvx.client import VyvxClient
from watcher.vendors.vyvx.settings import VyvxSource

FIVE = timedelta(seconds=5)


@pytest.fixture
def play(clock, session):
    """Play a scenario before the source of Vyvx."""

    @asynccontextmanager
    async def play(text):
        async with playing(text, clock) as sim:
            config = VyvxSource(kind="vyvx", base_url=sim.vyvx_url)
            yield sim, catalog.build("vyvx", config, make_account(sim, "vyvx", session, clock))

    return play


ONE_SERVICE = "world: {vyvx: {services: {'1': {name: Cup final}}}}\nevents:\n"


def seen(snapshot: model.Snapshot) -> dict[str, str]:
    fields = {i: snapshot.translate(i, r).fields for i, r in snapshot.readings.items()}
    return {i: f"{service['state']}/{service['ingress_state']}" for i, service in fields.items()}


SCENARIOS = {
    "an outage on Lumen's side and its end": (
        """
- {at: 10s, vyvx: {id: "1", state: offline}}
- {at: 20s, vyvx: {id: "1", state: online}}
""",
        ["online/online", "offline/online", "online/online"],
    ),
    "an outage on the source's side": (
        '- {at: 10s, vyvx: {id: "1", state: offline, ingress_state: offline}}',
        ["online/online", "offline/offline"],
    ),
    "a degraded service": (
        '- {at: 10s, vyvx: {id: "1", state: degraded}}',
        ["online/online", "degraded/online"],
    ),
    "flapping in one poll": (
        """
- {at: 10s, vyvx: {id: "1", state: offline}}
- {at: 20s, vyvx: {id: "1", state: online}}
- {at: 30s, vyvx: {id: "1", state: offline}}
- {at: 40s, vyvx: {id: "1", state: online}}
""",
        ["online/online", "offline/online", "online/online", "offline/online", "online/online"],
    ),
    "unknown without an impairment": (
        '- {at: 10s, vyvx: {id: "1", state: unknown}}',
        ["online/online", "unknown/online"],
    ),
    "unknown ingress with an impairment": (
        '- {at: 10s, vyvx: {id: "1", state: impaired, ingress_state: unknown}}',
        ["online/online", "impaired/unknown"],
    ),
    "a fault of the ingress alone": (
        '- {at: 10s, vyvx: {id: "1", ingress_state: offline}}',
        ["online/online", "online/offline"],
    ),
}


@pytest.mark.covers("vyvx/stories")
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_scenario_of_vyvx_is_seen_poll_by_poll(play, clock, scenario):
    events, expected = SCENARIOS[scenario]
    async with play(ONE_SERVICE + events) as (_, source):
        polls = []
        for _ in expected:
            polls.append(seen(await source.poll())["1"])
            clock.advance(10)
    assert polls == expected


@pytest.mark.covers("vyvx/vanishes", "vyvx/empty")
async def test_a_reservation_that_leaves_the_list_is_absent_and_an_empty_list_is_one(play, clock):
    async with play(ONE_SERVICE + '- {at: 10s, vyvx: {id: "1", active: false}}') as (_, source):
        differ = poller.Differ("vyvx")
        differ.compare(await source.poll())
        clock.advance(10)
        gone = differ.compare(await source.poll())
        assert (gone.absent, gone.complete, gone.total) == (("vyvx/1",), True, 0)
        assert (await source.details("vyvx/1")).labels["name"] == "Cup final"


@pytest.mark.covers("vyvx/many")
async def test_two_thousand_reservations_are_one_poll(play):
    async with play("world: {vyvx: {crowd: {count: 2000}}}") as (sim, source):
        assert len((await source.poll()).readings) == 2000
        assert sim.world.calls == {"vyvx.active": 1}


BOOKINGS = """
world:
  vyvx:
    services:
      "1":
        reservations:
          - id: "11"
            scheduled: {start: -1h, end: 1h}
            actual: {start: -58m}
            activated: [{start: -58m}]
          - {id: "12", scheduled: {start: 3h, end: 4h}, terminal: true}
events:
  - at: 10s
    vyvx:
      id: "1"
      reservations:
        - {id: "11", scheduled: {start: -1h, end: 2h}, activated: [{start: -58m}]}
  - at: 20s
    vyvx:
      id: "1"
      reservations:
        - id: "11"
          scheduled: {start: -1h, end: 2h}
          actual: {start: -58m, end: 20s}
          activated: [{start: -58m, end: 20s}]
"""


@pytest.mark.covers("vyvx/several-reservations", "vyvx/terminal", "vyvx/extension", "vyvx/open-end")
async def test_bookings_are_extended_and_end_while_it_runs(play, clock):
    hour = timedelta(hours=1)
    async with play(BOOKINGS) as (_, source):
        first, second = (await source.details("vyvx/1")).bookings
        assert (first.id, first.scheduled.end, first.activated[0].end) == ("11", NOON + hour, None)
        assert (second.id, first.terminal, second.terminal) == ("12", False, True)
        clock.advance(10)
        (extended,) = (await source.details("vyvx/1")).bookings
        assert extended.scheduled.end == NOON + 2 * hour
        clock.advance(10)
        (ended,) = (await source.details("vyvx/1")).bookings
        assert ended.actual.end == ended.activated[0].end == NOON + timedelta(seconds=20)


@pytest.mark.covers("vyvx/ended-404")
@pytest.mark.parametrize("status", [400, 404])
async def test_details_of_what_is_over_are_gone_and_the_list_is_not(play, status):
    text = f"world: {{vyvx: {{services: {{'1': {{gone: {status}}}, '2': {{}}}}}}}}"
    async with play(text) as (_, source):
        with pytest.raises(model.PermanentError, match=f"answered {status}"):
            await source.details("vyvx/1")
        assert set((await source.poll()).readings) == {"1", "2"}
        await source.details("vyvx/2")


@pytest.mark.covers("vyvx/race")
async def test_details_that_contradict_the_status_do_not_change_it(play):
    text = "world: {vyvx: {services: {'1': {state: offline, details_state: online}}}}"
    async with play(text) as (_, source):
        before = seen(await source.poll())
        assert "state" not in (await source.details("vyvx/1")).labels
        assert seen(await source.poll()) == before == {"1": "offline/online"}


@pytest.mark.covers("vyvx/stale-time")
async def test_a_time_that_stands_still_is_reported_as_it_is(play, clock):
    async with play(ONE_SERVICE + "- {at: 10s, stale: 10m}") as (_, source):
        assert (await source.poll()).vendor_time == NOON
        clock.advance(10)
        assert (await source.poll()).vendor_time == NOON + timedelta(seconds=10, minutes=-10)


@pytest.mark.covers("vyvx/history-order")
async def test_history_that_is_unordered_overlaps_and_is_open_is_read_oldest_first(clock, session):
    spells = "[{start: -20m}, {start: -1h, end: -10m, state: degraded}, {start: -2h, end: -90m}]"
    text = f"world: {{vyvx: {{services: {{'1': {{history: {spells}}}}}}}}}"
    async with playing(text, clock) as sim:
        api = VendorApi(make_account(sim, "vyvx", session, clock), sim.vyvx_url, timeout=FIVE)
        client = VyvxClient(api)
        alarms = await client.history("1", NOON - timedelta(hours=3), NOON)
    minutes = [
        (alarm.state, (NOON - alarm.start) / timedelta(minutes=1), alarm.end) for alarm in alarms
    ]
    assert [alarm[:2] for alarm in minutes] == [("offline", 120), ("degraded", 60), ("offline", 20)]
    assert minutes[-1][2] is None
