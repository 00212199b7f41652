"""Windows that open once or by cron: laws over zones and the nights on which the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ruleset.test_weekly import NIGHTS
from watcher.ruleset.windows.cron import parse_cron
from watcher.ruleset.windows.once_and_cron import Cron, once

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@st.composite
def walls(draw):
    """A zone, and a time that its clocks may show or not, near a change of theirs."""
    zone, night = draw(st.sampled_from(NIGHTS))
    day = night + draw(st.integers(-2, 2)) * DAY
    near = st.integers(0, 24).map(lambda quarters: quarters * 15)
    minutes = draw(st.one_of(near, st.integers(0, 1439)))
    return ZoneInfo(zone), datetime.combine(day, time()) + minutes * MINUTE


def shown(zone, first, last):
    """Return each minute at which the wall clock shows a time from `first` up to `last`."""
    at = first.replace(tzinfo=UTC) - 2 * DAY
    moments = [at + number * MINUTE for number in range((last - first + 4 * DAY) // MINUTE)]
    return [
        moment for moment in moments if first <= moment.astimezone(zone).replace(tzinfo=None) < last
    ]


@settings(max_examples=80, deadline=None)
@given(walls(), st.integers(1, 1500))
def test_a_window_that_opens_once_is_open_while_the_clock_shows_a_time_inside(drawn, length):
    zone, start = drawn
    end = start + length * MINUTE
    window = once(zone, start, end)
    inside = shown(zone, start, end)
    if not inside:
        assert window.span is None
        return
    assert window.span == (inside[0], inside[-1] + MINUTE)
    assert window.is_open(inside[0])
    assert not window.is_open(inside[-1] + MINUTE)


@settings(max_examples=80, deadline=None)
@given(walls(), st.integers(1, 20 * 60))
def test_a_window_by_cron_always_opens_and_ends_when_its_time_has_passed(drawn, length):
    zone, wall = drawn
    span = length * MINUTE
    text = f"{wall.minute} {wall.hour} * * {WEEK[wall.weekday()]}"
    window = Cron(parse_cron(text), zone, span)
    inside = shown(zone, wall, wall + DAY)
    if not inside:
        return  # the clocks skip the whole day
    begin = inside[0]
    assert window.next_edge(begin - MINUTE) == begin
    assert not window.is_open(begin - timedelta(microseconds=1))
    assert window.is_open(begin)
    assert window.is_open(begin + span - timedelta(microseconds=1))
    assert window.next_edge(begin) == begin + span
    assert not window.is_open(begin + span)


def test_cron_goes_on_after_the_hour_that_comes_twice():
    window = Cron(parse_cron("30 2 * * *"), ZoneInfo("Europe/Paris"), timedelta(hours=1))
    beginnings = window.beginnings(datetime(2026, 10, 23, tzinfo=UTC))
    days = [next(beginnings).astimezone(window.zone).date() for _ in range(4)]
    assert days == [date(2026, 10, day) for day in (23, 24, 25, 26)]
