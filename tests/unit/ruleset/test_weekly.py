"""Windows of the week: laws over zones, days and the nights on which the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watcher.ruleset.windows.weekly import Weekly, Window

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEEK = frozenset(range(7))
# By an hour at night and at midnight, by half an hour, by two hours, twice a year by the moon, with
# a winter time that counts as the saving, and once by a whole day.
CHANGES = {
    "Europe/Paris": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "America/Havana": ["2026-03-08", "2026-11-01"],
    "Africa/Cairo": ["2024-04-26", "2024-10-31"],
    "Australia/Lord_Howe": ["2026-10-04", "2026-04-05"],
    "Antarctica/Troll": ["2026-03-29", "2026-10-25"],
    "Africa/Casablanca": ["2024-03-10", "2024-04-14"],
    "Europe/Dublin": ["2026-03-29", "2026-10-25"],
    "Pacific/Apia": ["2011-12-30", "2011-09-24"],
    "Asia/Kolkata": ["2026-03-29"],
    "UTC": ["2026-03-29"],
}
NIGHTS = [(zone, date.fromisoformat(day)) for zone, days in CHANGES.items() for day in days]


def clock(text):
    hours, minutes = map(int, text.split(":"))
    return hours * 60 + minutes


@st.composite
def windows_and_days(draw):
    """A window, and a day near a change of clocks on which it starts."""
    zone, night = draw(st.sampled_from(NIGHTS))
    near = st.integers(-12, 24).map(lambda quarters: quarters * 15)
    start = draw(st.one_of(near.map(lambda minutes: minutes % 1440), st.integers(0, 1440)))
    end = draw(st.one_of(near.map(lambda minutes: minutes % 1440), st.integers(0, 1440)))
    day = night + draw(st.integers(-2, 2)) * DAY
    return Window(zone=ZoneInfo(zone), days=WEEK, start=start, end=end), day


def minutes_inside(window, day):
    """Return each minute at which the wall clock shows a time of the window, by looking at it."""
    length = (window.end - window.start) % 1440 or 1440
    first = datetime.combine(day, time()) + window.start * MINUTE
    at = first.replace(tzinfo=UTC) - DAY
    moments = [at + number * MINUTE for number in range(4 * 1440)]
    walls = [moment.astimezone(window.zone).replace(tzinfo=None) for moment in moments]
    return [
        moment
        for moment, wall in zip(moments, walls, strict=True)
        if first <= wall < first + length * MINUTE
    ]


def paris(start, end):
    zone = ZoneInfo("Europe/Paris")
    return Window(zone=zone, days=WEEK, start=clock(start), end=clock(end))


@settings(max_examples=150)
@given(windows_and_days())
@example((paris("1:00", "2:00"), date(2026, 3, 29)))
@example((paris("2:15", "2:45"), date(2026, 3, 29)))
@example((paris("1:00", "2:00"), date(2026, 10, 25)))
@example((paris("2:15", "2:45"), date(2026, 10, 25)))
def test_a_window_is_open_from_the_first_minute_that_the_clock_shows_to_the_last(drawn):
    window, day = drawn
    inside = minutes_inside(window, day)
    expected = (inside[0], inside[-1] + MINUTE) if inside else None
    assert window.on(day) == expected


@given(windows_and_days())
def test_on_a_day_without_a_change_a_window_is_as_long_as_it_is_written(drawn):
    window, day = drawn
    noons = [datetime.combine(day + n * DAY, time(12), window.zone) for n in (-1, 0, 1, 2)]
    if len({noon.utcoffset() for noon in noons}) == 1:
        opens, closes = window.on(day)
        assert closes - opens == ((window.end - window.start) % 1440 or 1440) * MINUTE


@st.composite
def weeklies(draw):
    """Windows on some days, of one zone or of several, and a moment near a change of clocks."""
    zone, night = draw(st.sampled_from(NIGHTS))
    window = st.builds(
        Window,
        zone=st.sampled_from([zone, zone, "UTC"]).map(ZoneInfo),
        days=st.frozensets(st.integers(0, 6), min_size=1),
        start=st.one_of(st.integers(0, 24).map(lambda n: n * 15), st.integers(0, 1440)),
        end=st.one_of(st.integers(0, 24).map(lambda n: n * 15), st.integers(0, 1440)),
    )
    weekly = Weekly(tuple(draw(st.lists(window, min_size=1, max_size=3))))
    hours = draw(st.integers(-24 * 9, 24 * 9))
    minutes = draw(st.integers(0, 59))
    noon = datetime.combine(night, time(12), UTC)
    return weekly, noon + timedelta(hours=hours, minutes=minutes)


@settings(max_examples=200)
@given(weeklies())
@example(
    (
        Weekly((Window(zone=ZoneInfo("UTC"), days=WEEK, start=0, end=1440),)),
        datetime(2026, 3, 1, tzinfo=UTC),
    )
)
def test_it_opens_or_closes_exactly_at_the_next_edge(drawn):
    weekly, now = drawn
    was = weekly.is_open(now)
    edge = weekly.next_edge(now)
    until = now + 30 * DAY if edge is None else edge
    between = [now + (until - now) * n / 50 for n in range(50)]
    assert {weekly.is_open(at) for at in between} == {was}
    if edge is not None:
        assert edge > now
        assert weekly.is_open(edge - timedelta(microseconds=1)) is was
        assert weekly.is_open(edge) is not was


@pytest.mark.parametrize(
    ("zone", "day", "written", "expected"),
    [
        ("Europe/Paris", "2026-03-29", "01:00-02:00", "03-29 00:00 to 03-29 01:00"),
        ("Europe/Paris", "2026-03-28", "23:00-02:30", "03-28 22:00 to 03-29 01:00"),
        ("Europe/Paris", "2026-03-29", "02:30-04:00", "03-29 01:00 to 03-29 02:00"),
        ("America/New_York", "2026-03-07", "22:00-02:30", "03-08 03:00 to 03-08 07:00"),
        ("America/New_York", "2026-03-08", "02:30-04:00", "03-08 07:00 to 03-08 08:00"),
        ("Europe/Paris", "2026-10-25", "01:00-02:00", "10-24 23:00 to 10-25 00:00"),
        ("Europe/Paris", "2026-10-25", "01:00-03:00", "10-24 23:00 to 10-25 02:00"),
    ],
)
def test_a_window_ends_when_the_clocks_jump_and_never_before(zone, day, written, expected):
    start, end = map(clock, written.split("-"))
    span = Window(zone=ZoneInfo(zone), days=WEEK, start=start, end=end).on(date.fromisoformat(day))
    assert " to ".join(f"{at:%m-%d %H:%M}" for at in span) == expected


def test_a_window_inside_the_hour_that_is_skipped_opens_a_week_later():
    window = paris("02:15", "02:45")
    assert window.on(date(2026, 3, 29)) is None
    sundays = Weekly((Window(zone=window.zone, days=frozenset({6}), start=135, end=165),))
    closed = datetime(2026, 3, 22, 1, 45, tzinfo=UTC)
    assert sundays.next_edge(closed) == datetime(2026, 4, 5, 0, 15, tzinfo=UTC)


def test_days_that_follow_each_other_without_a_break_have_no_edge_between_them():
    whole = Weekly(
        (Window(zone=ZoneInfo("UTC"), days=frozenset({0, 1, 2, 3, 4}), start=0, end=1440),)
    )
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert whole.next_edge(monday) == monday + 5 * DAY


def test_a_time_is_written_as_people_there_write_it():
    weekly = Weekly((paris("08:00", "18:00"),))
    assert weekly.describe(datetime(2026, 11, 23, 7, tzinfo=UTC)) == "Mon 08:00 Europe/Paris"
