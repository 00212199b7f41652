"""EVPL lines as subjects, and their samples."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from tests.fakes.virtual_time import START, VirtualClock
from watcher import model
from watcher.vendors import poller
from watcher.vendors.evpl import settings
from watcher.vendors.evpl.client import Line, Utilization
from watcher.vendors.evpl.source import FARTHEST, EvplSource, direction


class Client:
    """Hands out what a test gives it, and keeps what it was asked for."""

    def __init__(self, *answers: Utilization) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[datetime, datetime]] = []

    async def utilization(self, start: datetime, end: datetime) -> Utilization:
        self.asked.append((start, end))
        return self.answers.pop(0)


def keys(**given: object) -> settings.EvplSource:
    return settings.EvplSource(kind="evpl", operator_code="O", application_id="A", **given)


def ago(minutes: float) -> datetime:
    return START - timedelta(minutes=minutes)


def line(values: dict[float, float], *, name: str = "LD1", metric: str = "U") -> Line:
    """Make a line with values by minutes before the start."""
    return Line(
        instance=name,
        metric=metric,
        pop_country="FR",
        pop_name="PAR",
        values={ago(minutes): value for minutes, value in values.items()},
    )


def answer(*lines: Line, **given: object) -> Utilization:
    return Utilization(lines=lines, **given)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def feed(clock):
    def build(*answers: Utilization, **given: object) -> EvplSource:
        return EvplSource("evpl", keys(**given), Client(*answers), clock)

    return build


@pytest.mark.covers("evpl/direction")
async def test_a_line_becomes_a_subject_with_its_worse_newest_value(feed):
    source = feed(
        answer(
            line({10: 95, 5: 30}, metric="UtilizationIn"),
            line({10: 20, 5: 40}, metric="UtilizationOut"),
        )
    )
    snapshot = await source.poll()
    assert poller.Differ("evpl").compare(snapshot).seen == (
        model.Observed(
            key="evpl/LD1",
            fields={"utilization": 40},
            labels={"pop_country": "FR", "pop_name": "PAR"},
            vendor_time=ago(5),
        ),
    )
    assert snapshot.vendor_time == ago(5)
    assert [(s.direction, s.at, s.value) for s in snapshot.samples] == [
        ("in", ago(10), 95),
        ("out", ago(10), 20),
        ("in", ago(5), 30),
        ("out", ago(5), 40),
    ]
    assert {(s.subject, s.metric) for s in snapshot.samples} == {("evpl/LD1", "utilization")}


@pytest.mark.covers("evpl/late", "evpl/duplicates")
async def test_only_new_late_or_corrected_samples_are_passed_on(feed):
    source = feed(
        answer(line({10: 1, 5: 2})),
        answer(line({10: 1, 5: 2})),
        answer(line({15: 7, 10: 1.5, 5: 2, 0: 3})),
    )
    counts = [[(s.at, s.value) for s in (await source.poll()).samples] for _ in range(3)]
    assert counts == [
        [(ago(10), 1), (ago(5), 2)],
        [],
        [(ago(15), 7), (ago(10), 1.5), (ago(0), 3)],
    ]


@pytest.mark.covers("evpl/late")
async def test_it_asks_for_a_window_and_after_a_gap_from_its_newest_sample(feed, clock):
    source = feed(answer(line({5: 1})), answer(), answer(line({5: 1})))
    await source.poll()
    clock.seconds = 5 * 3_600
    await source.poll()
    clock.seconds = 30 * 86_400
    await source.poll()
    assert source._client.asked == [
        (START - timedelta(hours=1), START),
        (ago(5) - timedelta(minutes=15), START + timedelta(hours=5)),
        (START + timedelta(days=30) - FARTHEST, START + timedelta(days=30)),
    ]


@pytest.mark.covers("evpl/watermark")
async def test_it_asks_from_the_newest_sample_of_the_line_that_is_furthest_behind(feed, clock):
    three_hours = 180
    both = answer(line({0: 1}), line({three_hours: 1}, name="LD2"))
    long_silent = answer(line({0: 1}), line({2 * 24 * 60: 1}, name="LD3"))
    source = feed(both, answer(line({0: 1})), long_silent, answer())
    for _ in range(4):
        await source.poll()
    starts = [START - start for start, _ in source._client.asked]
    hour = timedelta(hours=1)
    assert starts == [
        hour,
        3 * hour + timedelta(minutes=15),
        hour,  # LD2 is gone
        hour,  # LD3 has been silent for longer than a day
    ]


@pytest.mark.covers("evpl/watermark")
async def test_after_a_restart_it_goes_on_where_the_last_one_was(feed):
    source = feed(answer())
    times = {"evpl/LD1": ago(300), "evpl/LD2": None}
    source.resume(
        model.Subject(key=key, source="evpl", fields={}, since=START, vendor_time=at)
        for key, at in times.items()
    )
    await source.poll()
    assert source._client.asked == [(ago(300) - timedelta(minutes=15), START)]


@pytest.mark.covers("evpl/gap")
async def test_a_gap_keeps_the_last_value_with_its_old_time(feed):
    source = feed(answer(line({5: 40})), answer(line({})))
    differ = poller.Differ("evpl")
    differ.compare(await source.poll())
    assert differ.compare(await source.poll()).seen == ()


@pytest.mark.covers("evpl/gap")
async def test_a_line_without_any_value_has_none_and_not_zero(feed):
    snapshot = await feed(answer(line({}))).poll()
    (seen,) = poller.Differ("evpl").compare(snapshot).seen
    assert (seen.fields, seen.vendor_time, snapshot.samples) == ({"utilization": None}, None, ())


@pytest.mark.covers("evpl/ratio")
async def test_a_ratio_becomes_percent(feed):
    snapshot = await feed(answer(line({5: 0.5})), unit="ratio").poll()
    assert [s.value for s in snapshot.samples] == [50]


@pytest.mark.covers("evpl/unit-off")
@pytest.mark.parametrize(("unit", "good", "wrong"), [("percent", 40, 4_700), ("ratio", 0.4, 47)])
async def test_values_that_cannot_be_are_left_out_and_logged_once(feed, unit, good, wrong):
    mixed = answer(line({10: good, 5: wrong}))
    source = feed(mixed, mixed, unit=unit)
    with capture_logs() as logs:
        first, second = await source.poll(), await source.poll()
    assert ([sample.value for sample in first.samples], second.samples) == ([40], ())
    assert (first.unread_values, second.unread_values) == (1, 1)
    assert [entry["event"] for entry in logs] == ["evpl unit wrong"]


@pytest.mark.covers("evpl/unit-off", "evpl/nothing-read")
@pytest.mark.parametrize(("unit", "wrong"), [("percent", 4_700), ("ratio", 47), ("percent", -3)])
async def test_an_answer_of_values_that_cannot_be_is_a_failed_poll(feed, unit, wrong):
    source = feed(answer(line({10: wrong, 5: wrong})), unit=unit)
    with pytest.raises(model.TemporaryError, match=f"none of the 2 values.*{unit}: check `unit`"):
        await source.poll()


@pytest.mark.covers("evpl/nothing-read")
async def test_an_answer_in_which_nothing_can_be_read_is_a_failed_poll(feed):
    source = feed(answer(line({}), line({}, name="LD2"), dropped=9, odd=7, example="'97 %'"))
    with pytest.raises(model.TemporaryError, match=r"none of the 7 values .* as in '97 %'"):
        await source.poll()


@pytest.mark.covers("evpl/nothing-read")
async def test_an_answer_whose_entries_name_no_line_is_a_failed_poll(feed):
    with pytest.raises(model.TemporaryError, match="none of the 3 entries"):
        await feed(answer(unreadable=3)).poll()


@pytest.mark.covers("evpl/nothing-read")
async def test_some_values_that_cannot_be_read_are_a_remark_and_counted(feed):
    snapshot = await feed(answer(line({5: 40}), dropped=4, odd=3, example="'97 %'")).poll()
    assert snapshot.remarks == ("3 values cannot be read and are left out, as in '97 %'",)
    assert snapshot.unread_values == 3
    polled = poller.Differ("evpl").compare(snapshot)
    assert (polled.remarks, polled.unread_values) == (snapshot.remarks, 3)


@pytest.mark.covers("evpl/gap")
async def test_an_answer_that_says_that_nothing_was_measured_is_an_answer(feed):
    snapshot = await feed(answer(line({}), dropped=12)).poll()
    assert (list(snapshot.readings), snapshot.remarks) == (["LD1"], ())


@pytest.mark.covers("evpl/unit-off")
async def test_percent_that_never_passes_one_is_logged_as_looking_like_a_ratio(feed):
    source = feed(answer(line(dict.fromkeys(range(0, 100, 5), 0.4))))
    with capture_logs() as logs:
        assert len((await source.poll()).samples) == 20
    assert "ratio" in logs[0]["answer"]


@pytest.mark.covers("evpl/granularity-m")
@pytest.mark.parametrize(
    ("spacing", "events"),
    [
        (5, []),
        (4, []),
        (6, []),
        (7, ["evpl granularity differs"]),
        (60, ["evpl granularity differs"]),
        (1, ["evpl granularity differs"]),
    ],
)
async def test_a_granularity_other_than_asked_for_is_logged(feed, spacing, events):
    with capture_logs() as logs:
        await feed(answer(line({n * spacing: 50.0 for n in range(10)}))).poll()
    assert [entry["event"] for entry in logs] == events


async def test_idle_lines_are_not_logged_as_looking_like_a_ratio(feed):
    with capture_logs() as logs:
        await feed(answer(line(dict.fromkeys(range(0, 100, 5), 0.0)))).poll()
    assert logs == []


@pytest.mark.covers("evpl/repeated-page")
async def test_an_incomplete_answer_keeps_its_samples_and_vanishes_nothing(feed):
    source = feed(
        answer(line({5: 1}), line({5: 1}, name="LD2")),
        answer(line({0: 2}), complete=False),
    )
    differ = poller.Differ("evpl")
    with capture_logs() as logs:
        differ.compare(await source.poll())
        polled = differ.compare(await source.poll())
    assert (polled.complete, polled.absent) == (False, ())
    assert [s.value for s in polled.samples] == [2]
    assert [entry["event"] for entry in logs] == ["evpl pages incomplete"]


@pytest.mark.covers("evpl/lines-change")
async def test_a_removed_line_is_absent_and_a_new_one_is_seen(feed):
    source = feed(answer(line({5: 1})), answer(line({5: 1}, name="LD2")))
    differ = poller.Differ("evpl")
    differ.compare(await source.poll())
    polled = differ.compare(await source.poll())
    assert (polled.absent, [subject.key for subject in polled.seen]) == (
        ("evpl/LD1",),
        ["evpl/LD2"],
    )


@pytest.mark.covers("evpl/direction")
async def test_two_metrics_without_a_direction_give_the_worse_value(feed):
    source = feed(answer(line({5: 80}, metric="A"), line({5: 20}, metric="B")))
    assert [s.value for s in (await source.poll()).samples] == [80]


@pytest.mark.parametrize(
    ("metric", "way"),
    [
        ("UtilizationIn", "in"),
        ("utilization_out", "out"),
        ("INGRESS_UTILIZATION", "in"),
        ("TxUtilization", "out"),
        ("rxUtil", "in"),
        ("Utilization", ""),
        ("maintenance", ""),
        ("", ""),
    ],
)
def test_the_direction_is_read_off_whole_words_alone(metric, way):
    assert direction(metric) == way


async def test_an_evpl_line_has_no_details(feed):
    with pytest.raises(model.PermanentError, match="no details"):
        await feed().details("evpl/LD1")


YEARS_AHEAD = -60 * 24 * 365 * 73  # minutes ago: in 2099


@pytest.mark.covers("http/future")
async def test_a_sample_from_the_future_is_left_out_counted_and_named(feed):
    source = feed(answer(line({10: 30, YEARS_AHEAD: 12})), answer(line({5: 97})), answer())
    first = await source.poll()
    assert [sample.value for sample in first.samples] == [30]
    assert (first.future, first.vendor_time) == (1, ago(10))
    assert first.remarks == ("1 values are from the future and left out: check both clocks",)
    second = await source.poll()
    (seen,) = poller.Differ("evpl").compare(second).seen
    assert (seen.fields, seen.vendor_time) == ({"utilization": 97}, ago(5))
    assert (second.future, second.remarks) == (0, ())
    await source.poll()
    assert source._client.asked[-1][1] == START  # and the window still follows the clock


@pytest.mark.parametrize(("tolerance", "ahead", "taken"), [("10m", 10, 1), ("10m", 10.1, 0)])
async def test_a_clock_that_is_a_little_ahead_is_accepted(feed, tolerance, ahead, taken):
    source = feed(answer(line({-ahead: 50})), clock_tolerance=tolerance)
    assert len((await source.poll()).samples) == taken


async def test_a_mark_in_the_future_that_was_kept_over_a_restart_is_not_gone_on_from(feed):
    source = feed(answer())
    source.resume(
        model.Subject(
            key=f"evpl/{name}",
            source="evpl",
            fields={},
            since=START,
            vendor_time=ago(minutes),
        )
        for name, minutes in [("a", YEARS_AHEAD), ("b", 300)]
    )
    await source.poll()
    ((start, _),) = source._client.asked
    assert start == ago(315)


FILLING = [answer(line({5 * n + 5: 97, 5 * n: 30})) for n in range(5, -1, -1)]


@pytest.mark.covers("evpl/filling")
async def test_a_bucket_that_has_not_settled_is_left_out(feed, clock):
    source = feed(*FILLING[:2], settle="10m")
    clock.seconds = -20 * 60
    first = await source.poll()
    assert ([s.at for s in first.samples], first.vendor_time) == ([ago(30)], ago(30))
    clock.seconds = -11 * 60
    second = await source.poll()
    (seen,) = poller.Differ("evpl").compare(second).seen
    assert [(s.at, s.value) for s in second.samples] == [(ago(25), 97)]
    assert (seen.fields, seen.vendor_time) == ({"utilization": 97}, ago(25))
    assert second.remarks == ()


@pytest.mark.covers("evpl/filling")
async def test_newest_samples_that_change_again_and_again_are_remarked(feed):
    source = feed(*FILLING)
    with capture_logs() as logs:
        remarks = [(await source.poll()).remarks for _ in FILLING]
    text = "the newest samples change later: set `settle` to 10 min or more"
    assert remarks == [(), (), (), (text,), (text,), (text,)]
    assert [entry["event"] for entry in logs] == ["evpl newest samples change"]


@pytest.mark.parametrize("steps", [(97, 97.5, 98, 98.9, 98), (30, 97, 30, 30, 30)])
async def test_a_correction_now_and_then_is_not_remarked(feed, steps):
    source = feed(*(answer(line({5: value})) for value in steps))
    assert {(await source.poll()).remarks for _ in steps} == {()}


def test_settle_is_shorter_than_the_window():
    with pytest.raises(ValueError, match="no sample would ever settle"):
        keys(settle="1h")
