"""The laws of escalation and of the clocks find what is wrong: in traces by hand, and in hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.year import oracle
from tests.year.laws import calendar
from tests.year.laws.test_people import CLOSED, DOWN, OPENED, answer, plan, seen
from tests.year.plan import BOSS, DUTY, NOC, Plan, Reload, Rota, Silence, Unsilence, Window
from tests.year.run import run
from tests.year.test_run import MORNING, at

pytestmark = pytest.mark.timeout(300)

CALLED = (1.3, DUTY, DOWN)
NO_DUTY = Reload(at=at(1.1), boss=timedelta(minutes=10))
SOME_DUTY = Reload(at=at(1.1), escalate=timedelta(minutes=10))
SILENCE = Silence(at=at(0.5), begin=at(0.5), until=at(1.9), circuit="103")
ENDED = Unsilence(at=at(1.2), circuit="103", asked=at(0.5))
WINDOW = Window(circuit="103", start=90, end=105)  # 00:30 to 00:45 UTC
NIGHT = datetime(2027, 10, 31, tzinfo=UTC)  # the clocks of Paris are put back at 01:00 UTC
ROTA = Rota(turns=("ana", "bo", "cy"), handovers=(150,), start=NIGHT - timedelta(days=3))


def wrong(trace, day) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(day, trace)]


def test_whom_a_reload_names_is_called_and_nobody_else():
    boss = (1.24, BOSS, DOWN)
    assert wrong(seen(OPENED, boss, CLOSED), plan(NO_DUTY)) == []
    assert wrong(seen(OPENED, CLOSED), plan(NO_DUTY)) == ["not called"]
    assert wrong(seen(OPENED, boss, (1.4, DUTY, DOWN), CLOSED), plan(NO_DUTY)) == ["called"]


def test_who_ends_a_silence_wants_to_know():
    silenced = (0.5, "silenced", {"id": "silence-0", "circuit": "103"})
    day = plan(SILENCE, ENDED)
    shown = (1.21, NOC, DOWN)
    assert wrong(seen(silenced, answer("silence-0"), shown, CLOSED), day) == []
    assert wrong(seen(silenced, answer("silence-0")), day) == ["lost"]
    assert wrong(seen(silenced, answer("silence-0"), OPENED, CLOSED), day) == ["disturbed"]


def test_a_window_is_open_from_the_first_minute_inside_to_the_last():
    night = Plan(seed=1, begin=NIGHT, end=NIGHT + timedelta(hours=6))

    def hours(start: str, end: str) -> tuple[float, float]:
        minutes = [60 * int(text[:2]) + int(text[3:]) for text in (start, end)]
        window = Window(circuit="1", start=minutes[0], end=minutes[1])
        spans = calendar.openings(night, window)
        span = next(span for span in spans if span[1] >= NIGHT)
        return tuple((edge - NIGHT) / timedelta(hours=1) for edge in span)

    assert hours("02:30", "03:30") == (0.5, 2.5)
    assert hours("01:00", "02:30") == (-1, 1.5)
    assert hours("01:00", "02:00") == (-1, 0)
    assert hours("01:00", "03:00") == (-1, 2)


def test_a_rota_hands_over_at_the_first_of_two_equal_times():
    before, after = (NIGHT + timedelta(minutes=minute) for minute in (29, 30))
    assert [calendar.on_call(ROTA, when) for when in (before, after)] == ["cy", "ana"]
    spring = datetime(2028, 3, 26, tzinfo=UTC)  # 02:30 is skipped at 01:00 UTC
    skipped = replace(ROTA, start=spring)
    times = (spring + timedelta(minutes=minute) for minute in (89, 90))
    assert [calendar.on_call(skipped, when) for when in times] == ["", "ana"]


def test_who_is_not_on_call_is_not_mentioned():
    day = replace(plan(), rota=replace(ROTA, start=MORNING.begin - timedelta(days=4)))
    who = calendar.on_call(day.rota, at(1))
    other = next(person for person in day.rota.turns if person != who)
    for person, complaints in ((who, []), (other, ["wrong person"])):
        opened = (1.03, NOC, f"{DOWN} <@U{person.upper():0>9}>")
        assert wrong(seen(opened, CALLED, CLOSED), day) == complaints


DAYS = {
    "reload": (plan(NO_DUTY), BOSS),
    "reload that calls the same": (plan(SOME_DUTY), DUTY),
    "silence that is ended": (plan(SILENCE, ENDED), NOC),
    "window": (replace(plan(), windows=(WINDOW,)), NOC),
    "rota": (replace(plan(), rota=replace(ROTA, start=MORNING.begin)), NOC),
}


@pytest.mark.parametrize("name", DAYS)
def test_it_is_as_people_wanted(name):
    day, channel = DAYS[name]
    trace = run(day)
    assert wrong(trace, day) == []
    assert any(record.fields["channel"] == channel for record in trace.of("slack"))
