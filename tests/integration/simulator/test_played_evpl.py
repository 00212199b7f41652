"""Every scenario of EVPL that a rule has to live with, as the real source sees it."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.simulator.conftest import NOON, make_account, playing
from watcher import model
from watcher.vendors import catalog, poller
from watcher.vendors.evpl.settings import EvplSource


@pytest.fixture
def play(clock, session):
    """Play a scenario before the source of EVPL."""

    @asynccontextmanager
    async def play(text, **keys):
        async with playing(text, clock) as sim:
            config = EvplSource(
                kind="evpl",
                base_url=sim.orange_url,
                operator_code=sim.credentials.orange_operator_code,
                application_id=sim.credentials.orange_application_id,
                **keys,
            )
            yield sim, catalog.build("evpl", config, make_account(sim, "orange", session, clock))

    return play


LINES = "world: {evpl: {page_size: 2, lines: {A: {utilization: 30}, B: {}, C: {}, D: {}, E: {}}"


def newest(snapshot: model.Snapshot) -> dict[str, float]:
    fields = {i: snapshot.translate(i, r).fields for i, r in snapshot.readings.items()}
    return {i: fields_of_line["utilization"] for i, fields_of_line in fields.items()}


def near(value: float):
    return pytest.approx(value, abs=2)


LOADS = {
    "steady 30 %": ([], [30, 30, 30, 30]),
    "a ramp to 85 % that stays": (
        ["- {at: 5m, evpl: {id: A, to: 85, over: 5m}}"],
        [30, 30, 85, 85],
    ),
    "a single burst of 99 %": (
        ["- {at: 7m, evpl: {id: A, to: 99}}", "- {at: 12m, evpl: {id: A, to: 30}}"],
        [30, 30, 99, 30],
    ),
    "a plateau at 95 %": (["- {at: 4m, evpl: {id: A, to: 95}}"], [30, 95, 95, 95]),
}


@pytest.mark.covers("evpl/loads")
@pytest.mark.parametrize("load", LOADS)
async def test_a_load_is_seen_poll_by_poll(play, clock, load):
    events, expected = LOADS[load]
    async with play("\n".join([LINES + "}}", *(["events:"] if events else []), *events])) as (
        _,
        source,
    ):
        polls = []
        for _ in expected:
            polls.append(newest(await source.poll())["A"])
            clock.advance(300)
    assert polls == [near(value) for value in expected]


@pytest.mark.covers("evpl/loads")
async def test_a_load_may_rise_and_fall_over_the_day(play):
    text = "world: {evpl: {lines: {A: {utilization: 50, swing: 30, wobble: 0}}}}"
    async with play(text, window=timedelta(days=1)) as (_, source):
        samples = (await source.poll()).samples
    assert max(sample.value for sample in samples) == pytest.approx(80, abs=0.1)
    assert min(sample.value for sample in samples) == pytest.approx(20, abs=0.1)
    at = {sample.at: sample.value for sample in samples}
    assert at[NOON - timedelta(hours=6)] == pytest.approx(50 + 30 * math.sin(math.tau / 4), abs=0.1)


@pytest.mark.covers("evpl/gap", "evpl/late")
async def test_gaps_and_samples_that_come_late(play, clock):
    text = "world: {evpl: {lines: {A: {gaps: [{start: -30m, end: -10m}]}, B: {lag: 20m}}}}"
    async with play(text) as (_, source):
        first = Counter(sample.subject for sample in (await source.poll()).samples)
        assert first == {"evpl/A": 9, "evpl/B": 9}
        clock.advance(600)
        late = [sample for sample in (await source.poll()).samples if sample.subject == "evpl/B"]
        assert [sample.at for sample in late] == [
            NOON - timedelta(minutes=15),
            NOON - timedelta(minutes=10),
        ]


@pytest.mark.covers("evpl/duplicates", "evpl/unordered")
@pytest.mark.parametrize("samples", ["doubled", "unordered"])
async def test_samples_that_are_doubled_or_unordered_are_passed_on_once_and_in_order(play, samples):
    async with play(f"{LINES}, samples: {samples}}}}}") as (_, source):
        snapshot = await source.poll()
        again = await source.poll()
    times = [sample.at for sample in snapshot.samples if sample.subject == "evpl/A"]
    assert (len(times), times, again.samples) == (13, sorted(set(times)), ())


@pytest.mark.covers("evpl/paging", "evpl/repeated-page", "evpl/shifting-pages", "evpl/per-operator")
@pytest.mark.parametrize(
    ("paging", "complete", "asked", "lines"),
    [
        ("obeyed", True, 3, "ABCDE"),
        ("endless", True, 4, "ABCDE"),
        ("repeating", False, 2, "AB"),
        ("shifting", True, 3, "ABCDE"),
    ],
)
async def test_pages_are_read_however_they_are_turned(play, paging, complete, asked, lines):
    async with play(f"{LINES}, paging: {paging}}}}}") as (sim, source):
        snapshot = await source.poll()
        assert (snapshot.complete, set(snapshot.readings)) == (complete, set(lines))
        assert sim.world.calls["orange.report"] == asked
        assert len(snapshot.samples) == 13 * len(lines)


@pytest.mark.covers("evpl/expired-mid-pages")
async def test_a_token_that_expires_between_two_pages_is_replaced(play):
    async with play(f"{LINES}}}}}") as (sim, source):
        sim.change(
            fault={
                "vendor": "orange",
                "kind": "http_401",
                "endpoint": "report",
                "skip": 1,
                "times": 1,
            }
        )
        assert len((await source.poll()).readings) == 5
        assert sim.world.calls["orange.token"] == 2


@pytest.mark.covers("evpl/granularity-m")
async def test_samples_with_another_spacing_are_remarked(play):
    text = "world: {evpl: {lines: {A: {}}, spacing: 1h}}"
    async with play(text, window=timedelta(days=1)) as (_, source):
        (remark,) = (await source.poll()).remarks
    assert remark == "samples come every 1 h, not every 5 min: check `granularity`"


@pytest.mark.covers("evpl/value-junk")
@pytest.mark.parametrize("junk", ["", "NaN", "N/A", None])
async def test_values_that_are_none_are_not_zero(play, junk):
    async with play(f"{LINES}}}}}") as (sim, source):
        sim.change(evpl={"id": "A", "raw": junk if junk is not None else {}})
        snapshot = await source.poll()
    assert newest(snapshot)["A"] is None
    assert not [sample for sample in snapshot.samples if sample.subject == "evpl/A"]


@pytest.mark.covers("evpl/ratio", "evpl/unit-off")
@pytest.mark.parametrize(("unit", "value", "remarks"), [("ratio", 60, 0), ("percent", 0.6, 1)])
async def test_a_ratio_is_read_where_it_is_configured_and_remarked_where_not(
    play, unit, value, remarks
):
    text = "world: {evpl: {unit: ratio, lines: {A: {utilization: 60}, B: {}}}}"
    async with play(text, unit=unit) as (_, source):
        snapshot = await source.poll()
    assert newest(snapshot)["A"] == pytest.approx(value, rel=0.05)
    assert len(snapshot.remarks) == remarks


@pytest.mark.covers("evpl/lines-change")
async def test_a_new_line_is_seen_and_a_removed_one_absent(play, clock):
    text = """
world: {evpl: {lines: {A: {}, B: {active: false}}}}
events:
  - {at: 5m, evpl: {id: B, active: true}}
  - {at: 5m, evpl: {id: A, active: false}}
"""
    async with play(text) as (_, source):
        differ = poller.Differ("evpl")
        assert [subject.key for subject in differ.compare(await source.poll()).seen] == ["evpl/A"]
        clock.advance(300)
        polled = differ.compare(await source.poll())
    assert ([subject.key for subject in polled.seen], polled.absent) == (["evpl/B"], ("evpl/A",))


@pytest.mark.covers("evpl/403-53", "evpl/quota-gone")
async def test_bursts_of_403_53_and_then_no_quota_until_the_month_is_over(play, clock):
    text = f"{LINES}}}, quotas: {{orange: {{per_minute: 6, per_month: 10}}}}}}"
    async with play(text) as (sim, source):
        assert len((await source.poll()).readings) == 5
        assert len((await source.poll()).readings) == 5
        with pytest.raises(model.TemporaryError, match=r"code 53.*rate limit exceeded"):
            await source.poll()
        clock.advance(60)
        with pytest.raises(
            model.TemporaryError, match="rate limit"
        ):  # page by page: 9, 10, refused
            for _ in range(2):
                await source.poll()
        for _ in range(3):
            clock.advance(86_400)
            with pytest.raises(model.TemporaryError, match="code 53"):
                await source.poll()
        clock.advance((datetime(2026, 6, 1, tzinfo=UTC) - sim.world.now()).total_seconds())
        assert len((await source.poll()).readings) == 5


@pytest.mark.covers("evpl/codes")
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 25, model.PermanentError),
        (400, 27, model.PermanentError),
        (400, 28, model.PermanentError),
        (406, 62, model.PermanentError),
        (422, 422, model.PermanentError),
        (503, 5, model.TemporaryError),
        (503, 6, model.TemporaryError),
    ],
)
async def test_a_code_of_the_catalogue_ends_a_poll(play, status, code, kind):
    async with play(f"{LINES}}}}}") as (sim, source):
        body = {"code": code, "message": "m", "description": "d"}
        sim.change(
            fault={
                "vendor": "orange",
                "kind": "answer",
                "endpoint": "report",
                "status": status,
                "body": body,
            }
        )
        with pytest.raises(kind, match=f"answered {status}: code {code}, m, d"):
            await source.poll()


@pytest.mark.covers("evpl/watermark")
async def test_a_week_of_a_page_full_of_lines_is_read(play, clock):
    lines = ", ".join(f"L{number}: {{}}" for number in range(50))
    async with play(f"world: {{evpl: {{lines: {{{lines}}}}}}}") as (_, source):
        await source.poll()
        clock.advance(7 * 86_400)
        assert len((await source.poll()).samples) >= 7 * 288 * 50
