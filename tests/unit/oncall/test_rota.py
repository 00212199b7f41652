"""Who is on call: handovers on the clocks of a place, overrides, calendars, gaps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from watcher import model
from watcher.oncall.rota import Handover, OnCall, Person, Rota

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shift(begin, end, person):
    return model.Shift(begin=utc(begin), end=utc(end), person=person)


WEEKLY = Rota(
    name="video",
    zone=PARIS,
    turns=("ann", "bob", "cyd"),
    handovers=(Handover(0, 9 * 60),),
    start=date(2026, 3, 16),
    people={"ann": Person(name="ann", slack="U0ANN"), "bob": Person(name="bob", slack="S0BOB")},
)


def test_people_take_turns_week_by_week():
    assert WEEKLY.who(utc("2026-03-16T08:00")) == OnCall(
        rota="video", person="ann", mention="<@U0ANN>", until=utc("2026-03-23T08:00"), next="bob"
    )
    assert WEEKLY.who(utc("2026-03-23T07:59")).person == "ann"
    assert WEEKLY.who(utc("2026-03-23T08:00")).person == "bob"


def test_the_handover_is_at_the_same_time_on_the_clocks_there_all_year():
    assert WEEKLY.who(utc("2026-03-24T00:00")).until == utc("2026-03-30T07:00")  # summer time
    assert WEEKLY.who(utc("2026-03-30T07:00")).person == "cyd"
    assert WEEKLY.who(utc("2026-10-20T00:00")).until == utc("2026-10-26T08:00")


def test_nobody_has_it_before_it_starts_and_that_is_said():
    assert WEEKLY.who(utc("2026-03-01T00:00")) == OnCall(
        rota="video", until=utc("2026-03-16T08:00"), next="ann"
    )
    assert list(WEEKLY.gaps(utc("2026-03-10T00:00"), utc("2026-06-01T00:00"))) == [
        (utc("2026-03-10T00:00"), utc("2026-03-16T08:00"))
    ]


def test_an_override_wins_and_then_the_turn_goes_on():
    rota = Rota(
        name="video",
        zone=PARIS,
        turns=("ann", "bob"),
        handovers=(Handover(0, 540),),
        start=date(2026, 3, 16),
        overrides=(shift("2026-03-18T12:00", "2026-03-19T12:00", "bob"),),
    )
    assert str(rota.who(utc("2026-03-17T00:00"))) == "ann until Wed 18 Mar 12:00 UTC, then bob"
    assert rota.who(utc("2026-03-19T11:59")).person == "bob"
    assert rota.who(utc("2026-03-19T12:00")).person == "ann"


def test_one_person_alone_has_it_for_good():
    rota = Rota(name="x", turns=("ann",), handovers=(Handover(0, 0),), start=date(2026, 1, 1))
    assert rota.who(utc("2026-06-01T00:00")) == OnCall(rota="x", person="ann")


def test_a_daily_handover_passes_it_on_every_day():
    daily = tuple(Handover(day, 540) for day in range(7))
    rota = Rota(
        name="x", zone=PARIS, turns=("ann", "bob"), handovers=daily, start=date(2026, 3, 28)
    )
    people = [rota.who(utc(f"2026-03-{day}T12:00")).person for day in (28, 29, 30)]
    assert people == ["ann", "bob", "ann"]
    assert rota.who(utc("2026-03-28T12:00")).until == utc("2026-03-29T07:00")


CALENDAR = Rota(
    name="net",
    calendar="net.ics",
    people={"ann": Person(name="ann", email="Ann@example.net"), "bob": Person(name="bob")},
)
SHIFTS = (
    shift("2026-03-16T00:00", "2026-03-20T00:00", "ann@example.net"),
    shift("2026-03-18T00:00", "2026-03-19T00:00", " BOB "),
    shift("2026-03-21T00:00", "2026-03-22T00:00", "zed"),
)


def test_of_a_calendar_the_shift_that_began_last_counts_and_gaps_are_named():
    assert CALENDAR.who(utc("2026-03-17T00:00"), SHIFTS).person == "ann"
    assert CALENDAR.who(utc("2026-03-18T12:00"), SHIFTS) == OnCall(
        rota="net", person="bob", until=utc("2026-03-19T00:00"), next="ann"
    )
    assert list(CALENDAR.gaps(utc("2026-03-16T00:00"), utc("2026-03-25T00:00"), SHIFTS)) == [
        (utc("2026-03-20T00:00"), utc("2026-03-21T00:00")),
        (utc("2026-03-22T00:00"), None),
    ]
    assert CALENDAR.who(utc("2026-03-21T12:00"), SHIFTS).person == "zed"
    assert CALENDAR.who(utc("2026-03-17T00:00")).person == ""


MOMENTS = st.integers(0, 60 * 24 * 500).map(
    lambda minutes: utc("2026-01-01T00:00") + minutes * MINUTE
)
SHIFT_LISTS = st.lists(
    st.builds(
        lambda begin, lasts, who: model.Shift(begin=begin, end=begin + lasts * MINUTE, person=who),
        MOMENTS,
        st.integers(1, 20_000),
        st.sampled_from(["ann", "bob", "zed"]),
    ),
    max_size=6,
).map(lambda shifts: tuple(sorted(shifts, key=lambda shift: shift.begin)))
ROTAS = st.builds(
    Rota,
    name=st.just("video"),
    zone=st.sampled_from(["Europe/Paris", "America/New_York", "UTC", "Asia/Kolkata"]).map(ZoneInfo),
    turns=st.lists(st.sampled_from(["ann", "bob", "cyd"]), min_size=1, max_size=4).map(tuple),
    handovers=st.lists(
        st.builds(Handover, st.integers(0, 6), st.sampled_from([0, 120, 150, 180, 540, 1439])),
        min_size=1,
        max_size=5,
        unique=True,
    ).map(lambda handovers: tuple(sorted(handovers))),
    start=st.dates(date(2026, 1, 1), date(2027, 3, 1)),
    overrides=SHIFT_LISTS,
    calendar=st.sampled_from(["", "net.ics"]),
)


@settings(max_examples=200, deadline=None)
@given(ROTAS, MOMENTS, SHIFT_LISTS, st.floats(0, 1))
def test_at_each_instant_one_person_has_it_or_a_gap_is_said(rota, now, shifts, part):
    current = rota.who(now, shifts)
    overriding = [shift for shift in rota.overrides if shift.begin <= now < shift.end]
    if overriding:
        assert current.person in {shift.person for shift in overriding}
    elif not rota.calendar:
        local = now.astimezone(rota.zone).date()
        if local < rota.start:
            assert current.person == ""
        elif local > rota.start + timedelta(days=8):
            assert current.person in rota.turns
    if current.until is None:
        return
    assert current.until > now
    between = now + (current.until - now) * part
    if between < current.until:
        assert rota.who(between, shifts) == current
    assert rota.who(current.until, shifts).person == current.next != current.person
