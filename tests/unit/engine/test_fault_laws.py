"""No false all-clear, and no fault that nobody hears of: what holds of every scenario.

Whether a subject is well is worked out here from what its vendor said, never from the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.engine_world import START, minutes, seconds
from tests.unit.engine.scenarios import (
    ABSENT,
    AWAY,
    FAILS,
    Booking,
    Reading,
    Scenario,
    ScenarioRun,
    Spell,
    Values,
    Works,
)
from watcher import model
from watcher.model import Resolution, WorkImpact, WorkStatus

REOPENS = minutes(10)
DETAILS = seconds(5)  # are waited for
GRACE, EARLY = minutes(10), minutes(2)  # after a window of works, and before it
Says = Callable[[Values], bool]


@dataclass(frozen=True)
class Promise:
    """An incident is open two polls after a reading has held for so long."""

    holds: Says
    hold: timedelta
    severities: tuple[str, ...] = ("info", "warning", "critical")


@dataclass(frozen=True)
class Source:
    """What the shipped rules promise of one vendor's subjects."""

    step: timedelta
    longest_gap: timedelta  # without an answer; a longer one starts `for` again
    is_well: Callable[[Sequence[tuple[datetime, Values]]], bool]  # by its readings up to now
    is_fine: Says  # well, and nothing that any rule watches for
    promises: tuple[Promise, ...]
    keeps: timedelta  # the longest keep_firing_for
    flaps: timedelta  # the longest time in which flapping is looked for
    is_down: Says = lambda _: False  # it carries nothing


GOOD, BAD = ("online", "impaired"), ("degraded", "offline")
VYVX = Source(
    step=seconds(10),
    longest_gap=minutes(2),
    is_well=lambda readings: readings[-1][1][0] in GOOD,
    is_fine=lambda values: values[0] == "online" and values[1] not in BAD,
    promises=(
        Promise(lambda values: values[0] in BAD, seconds(20), ("warning", "critical")),
        Promise(lambda values: values[0] == "offline", seconds(20), ("critical",)),
    ),
    keeps=minutes(5),
    flaps=minutes(30),
    is_down=lambda values: values[0] == "offline",
)
BOUGHT = ("active", 500.0)
INTERNET_ON_DEMAND = Source(
    step=minutes(1),
    longest_gap=minutes(2),
    is_well=lambda readings: readings[-1][1] == BOUGHT,
    is_fine=lambda values: values == BOUGHT,
    promises=(
        Promise(lambda values: values[0] in {"suspended", "terminated"}, minutes(0), ("critical",)),
        Promise(lambda values: values[0] in {"provisioning", "change_pending"}, minutes(15)),
        Promise(lambda values: values[0] == "active" and values != BOUGHT, minutes(5)),
    ),
    keeps=minutes(0),
    flaps=minutes(0),
    is_down=lambda values: values[0] == "suspended",
)


def is_line_well(readings: Sequence[Values]) -> bool:
    """Return whether no direction passes a limit now.

    One that may have made an alert fire has done so by the two samples that `keep_firing_for` needs
    at least. What lies between 75 and 90 holds an alert only in such a direction.
    """
    times = [at for at, _ in readings]
    return all(
        max(direction[-1 - may_have_fired(times, direction) :]) < 90
        for direction in zip(*(reading for _, reading in readings), strict=True)
    )


def may_have_fired(times: Sequence[datetime], direction: Sequence[model.Scalar]) -> bool:
    """Return whether samples of a direction were what `consecutive` or `for` asks for.

    One that was fine for the whole of `keep_firing_for` since then is released.
    """
    peaks, high_since, fine_since, fired = 0, None, None, False
    for at, value in zip(times, direction, strict=True):
        peaks = peaks + 1 if value >= 95 else 0
        high_since = (high_since or at) if value >= 90 else None
        fine_since = (fine_since or at) if value < 75 else None
        if fine_since is not None and at - fine_since >= minutes(30):
            fired = False
        if peaks >= 3 or (high_since is not None and at - high_since >= minutes(30)):
            fired = True
    return fired


EVPL = Source(
    step=minutes(5),
    longest_gap=minutes(15),
    is_well=is_line_well,
    is_fine=lambda values: max(values) < 75,
    promises=(
        *(Promise(lambda values, n=n: values[n] >= 90, minutes(30), ("critical",)) for n in (0, 1)),
        *(Promise(lambda values, n=n: values[n] >= 95, minutes(10), ("critical",)) for n in (0, 1)),
    ),
    keeps=minutes(30),
    flaps=minutes(0),
)


class Witness:
    """What was really so, poll by poll, and whether what people were told of it is true."""

    def __init__(self, source: Source, scenario: Scenario) -> None:
        self.source, self.scenario = source, scenario
        self.notices: list[model.Notice] = []
        self.answered: list[tuple[datetime, Reading]] = []  # of every poll that was answered
        self.incidents: dict[str, model.Incident] = {}
        self.flapped: set[str] = set()
        self.closed_at: datetime | None = None  # by hand
        self.unexcused_since: datetime | None = None  # what works did not announce

    def follow(self, step):
        if isinstance(step.event, model.NoticeRead):
            self.notices.append(step.event.notice)
        if isinstance(step.event, model.Polled):
            self.answered.append((step.at, self.scenario.reading(step.at)))
        before = dict(self.incidents)
        for effect in step.effects:
            if isinstance(effect, model.Incident) and effect.group == self.scenario.key:
                self.incidents[effect.id] = effect
                if "flapping" in effect.flags:
                    self.flapped.add(effect.id)
        for effect in step.effects:
            if isinstance(effect, model.Entry) and effect.incident in self.incidents:
                self.check_text(effect)
        self.check_threads(before, step.at)

    def check_text(self, entry):
        """Only what is well has recovered, and only what is over has ended."""
        text = entry.text.replace("not recovered", "")
        if "recovered" in text:
            # What a person has closed needs no `keep_firing_for`: one fine answer ends it.
            is_well = self.is_well() or (self.is_closed(until=-1) and self.is_fine())
            assert is_well, f"{text!r} of {self.answered[-1]}"
        if entry.kind is not model.EntryKind.RESOLVED:
            return
        match self.incidents[entry.incident].resolution:
            case Resolution.RECOVERED:
                assert "recovered" in text
                word = text.partition(" after ")[2].partition(": ")[2]
                assert word in {"", self.answered[-1][1][0]}, text
                assert self.scenario.concerns(entry.at), text
            case Resolution.ENDED:
                assert "ended with its booked window" in text
                assert not self.scenario.concerns(entry.at), text
            case Resolution.LAPSED:
                held = "still holds, closed by hand" in text and not self.is_fine()
                assert held or not self.is_well() or not self.scenario.concerns(entry.at), text
            case Resolution.MANUAL:
                assert text == "resolved by ana"
                self.closed_at = entry.at
            case other:
                pytest.fail(f"{other}: {text}")

    def check_threads(self, before, now):
        """One thread for each fault, however often it comes back within ten minutes."""
        faults = [incident.fault for incident in self.open_incidents()]
        assert len(faults) == len(set(faults)), faults
        for identity in self.incidents.keys() - before.keys():
            fault = self.incidents[identity].fault
            for other in before.values():
                assert other.fault != fault or other.resolved_at < now - REOPENS, fault

    def check_silence(self, now):
        """What is bad for longer than `for` and two polls has an incident that is as severe."""
        if self.is_unseen(now) or self.is_closed() or not self.scenario.concerns(now):
            return
        for promise in self.source.promises:
            since = self.held_since(promise.holds)
            while since is not None and not self.is_evaluated(since):
                since += self.source.step
            if since is None or now - since <= promise.hold + 2 * self.source.step + DETAILS:
                continue
            is_excused = self.is_announced(now) or self.may_await_its_rule(now)
            severities = {
                incident.severity
                for incident in self.open_incidents()
                if incident.planned is None or is_excused
            }
            what = f"{self.answered[-1][1]} since {since - START} at {now - START}: {severities}"
            assert severities & set(promise.severities), what

    def check_end(self, now):
        """What is well, or over, for long enough has no open incident."""
        if self.is_unseen(now):
            return
        since = self.held_since(self.source.is_fine, steadily=True)
        # Three polls to hear of the end: none of them while the daemon was away or saw nothing.
        over = not any(self.scenario.concerns(at) for at, _ in self.answered[-4:])
        for incident in self.open_incidents():
            keeps = max(self.source.keeps, self.source.flaps * (incident.id in self.flapped))
            what = f"{incident.title}, well since {since and since - START}, at {now - START}"
            assert not over, what
            assert since is None or now - since <= keeps + 2 * self.source.step, what

    def check_planned(self, now):
        """Nobody is kept from hearing of a fault that works did not announce.

        A fault that takes the place of an announced one has the `for` of its own rule first.
        """
        bad_since = self.held_since(
            lambda values: any(promise.holds(values) for promise in self.source.promises)
        )
        for incident in self.open_incidents():
            if incident.planned is None:
                continue
            what = f"{incident.title} at {now - START}: {incident.planned}"
            assert self.is_announced(now) or self.may_await_its_rule(now), what
            began = max(incident.begin, bad_since or now)  # a threshold may need several samples
            assert incident.planned.begin - EARLY <= began, what

    def note_excuse(self, now):
        """Note since when something is planned that no works announce."""
        planned = any(incident.planned is not None for incident in self.open_incidents())
        if not planned or self.is_announced(now) or self.is_well():
            self.unexcused_since = None
        elif self.unexcused_since is None:
            self.unexcused_since = now

    def may_await_its_rule(self, now):
        """Return whether the rule about what is worse than announced may have to wait yet."""
        hold = max(promise.hold for promise in self.source.promises)
        return now - (self.unexcused_since or now) <= hold + 2 * self.source.step

    def is_announced(self, now):
        """Return whether a window is open, or was until a grace ago, and is as bad as the fault."""
        newest = {notice.id: notice for notice in self.notices}
        readings = [reading for _, reading in self.answered if not isinstance(reading, str)]
        is_down = bool(readings) and self.source.is_down(readings[-1])
        for notice in newest.values():
            (window,), (circuit,) = notice.windows, notice.circuits
            completed = notice.status is WorkStatus.COMPLETED
            end = min(window.end, notice.received_at) if completed else window.end
            covers = circuit.impact is WorkImpact.OUTAGE or (
                circuit.impact is WorkImpact.DEGRADED and not is_down
            )
            if (
                covers
                and notice.status is not WorkStatus.CANCELLED
                and window.begin < end
                and window.begin <= now <= end + GRACE  # its timer comes after a poll of that time
            ):
                return True
        return False

    def open_incidents(self):
        return [incident for incident in self.incidents.values() if incident.resolved_at is None]

    def is_well(self):
        readings = [(at, reading) for at, reading in self.answered if not isinstance(reading, str)]
        return self.answered[-1][1] is not ABSENT and self.source.is_well(readings)

    def is_fine(self):
        readings = [reading for _, reading in self.answered if not isinstance(reading, str)]
        return self.source.is_fine(readings[-1])

    def is_unseen(self, now):
        return not self.answered or now - self.answered[-1][0] > self.source.step

    def is_closed(self, until=None):
        """Return whether somebody closed it, and no answer (up to `until`) was fine since."""
        return self.closed_at is not None and not any(
            at > self.closed_at and not isinstance(reading, str) and self.source.is_fine(reading)
            for at, reading in self.answered[:until]
        )

    def is_evaluated(self, at):
        """Return whether a fault concerns people then, and a daemon ran that knew it."""
        return self.scenario.concerns(at) and self.scenario.reading(at) is not AWAY

    def held_since(self, holds, *, steadily=False):
        """Return since when a reading holds, and None unless the last poll says so.

        Between may lie failed polls, one poll without the subject, and answers that do not say how
        it is, for a shorter time than the longest gap; `steadily`: nothing of it.
        """
        since, absent = None, 0
        for number, (at, reading) in enumerate(reversed(self.answered)):
            if since is not None and since - at >= (
                self.source.step * 2 if steadily else self.source.longest_gap
            ):
                break
            absent = absent + 1 if reading is ABSENT else 0
            if not isinstance(reading, str) and holds(reading):
                since = at
            elif number == 0:
                return None
            elif steadily or absent > 1 or (reading is not ABSENT and reading[0] != model.UNKNOWN):
                break
        return since


def check(source: Source, scenario: Scenario) -> None:
    witness = Witness(source, scenario)
    now = START
    for step in ScenarioRun(scenario).steps():
        if step is not None:
            now = step.at
            witness.follow(step)
        else:
            witness.note_excuse(now)
            witness.check_silence(now)
            witness.check_planned(now)
            witness.check_end(now)
    assert not witness.open_incidents()


WORKS = st.builds(
    Works,
    begins_in=st.sampled_from([minutes(n) for n in (-3, 0, 1, 5, 20)]),
    lasts=st.sampled_from([minutes(n) for n in (1, 5, 15, 60)]),
    identity=st.sampled_from(["W1", "W1", "W2"]),
    impact=st.sampled_from([WorkImpact.OUTAGE, WorkImpact.OUTAGE, *WorkImpact]),
    status=st.sampled_from(
        [WorkStatus.CONFIRMED] * 4
        + [WorkStatus.TENTATIVE, WorkStatus.CANCELLED, WorkStatus.COMPLETED]
    ),
)


def scenarios(key, source, names, readings, *, polls, well, works=False, **more):
    """Draw scenarios that end well, and for so long that nothing may be open any more."""
    answers = st.one_of(*[readings] * 6, st.sampled_from([FAILS, ABSENT, AWAY]))
    spells = st.builds(
        Spell,
        readings=st.one_of(st.tuples(answers), st.tuples(answers), st.tuples(answers, answers)),
        polls=st.sampled_from(polls),
        before=st.sampled_from(["", "", "", "", "", "resolve", "restart"]),
        works=st.one_of(st.none(), st.none(), WORKS) if works else st.none(),
    )
    after = max(source.keeps, source.flaps) // source.step + 5
    end = Spell(readings=(well,), polls=after)
    return st.builds(
        Scenario,
        key=st.just(key),
        step=st.just(source.step),
        names=st.just(names),
        spells=st.lists(spells, min_size=1, max_size=12).map(lambda spells: (*spells, end)),
        **more,
    )


BOOKINGS = st.builds(
    Booking,
    start=st.sampled_from([minutes(n) for n in (-30, -5, -2, 5, 17, 19)]),
    lasts=st.sampled_from([minutes(n) for n in (4, 10, 25, 70)]),
    extended_by=st.sampled_from([minutes(0), minutes(0), minutes(20)]),
    overruns=st.sampled_from([False, False, False, True]),
)
VYVX_READINGS = st.tuples(
    st.sampled_from(["online", "offline", "offline", "degraded", "impaired", "unknown"]),
    st.sampled_from(["online", "online", "offline", "degraded", "unknown"]),
)
VYVX_SCENARIOS, VYVX_WORKS = (
    scenarios(
        "vyvx/a",
        VYVX,
        ("state", "ingress_state"),
        VYVX_READINGS,
        polls=[1, 1, 2, 3, 4, 7, 13, 20, 40, 80],
        well=("online", "online"),
        works=works,
        booking=st.one_of(st.none(), BOOKINGS),
        details_after=st.sampled_from([seconds(0), seconds(0), seconds(3), None]),
    )
    for works in (False, True)
)
INTERNET_ON_DEMAND_SCENARIOS = scenarios(
    "internet_on_demand/C1",
    INTERNET_ON_DEMAND,
    ("status", "bandwidth_mbps"),
    st.tuples(
        st.sampled_from(
            ["active", "active", "suspended", "provisioning", "change_pending", "unknown"]
        ),
        st.sampled_from([500.0, 500.0, 100.0]),
    ),
    polls=[1, 1, 2, 3, 6, 8, 14, 18],
    well=BOUGHT,
    works=True,
)
EVPL_SCENARIOS = scenarios(
    "evpl/LD1",
    EVPL,
    ("in", "out"),
    st.tuples(*[st.sampled_from([30.0, 30.0, 76.0, 91.0, 96.0])] * 2),
    polls=[1, 1, 2, 3, 4, 6, 8, 12],
    well=(30.0, 30.0),
    works=True,
)


ENDED_WHILE_AWAY = Scenario(
    key="vyvx/a",
    step=VYVX.step,
    names=("state", "ingress_state"),
    spells=(
        Spell(readings=(("online", "online"),), polls=1),
        Spell(readings=(ABSENT,), polls=3),
        Spell(readings=(AWAY,), polls=40),
        Spell(readings=(("online", "online"),), polls=185),
    ),
    booking=Booking(start=minutes(-2), lasts=minutes(4)),
)


PRE_ROLL_BEGAN_WHILE_AWAY = Scenario(
    key="vyvx/a",
    step=VYVX.step,
    names=("state", "ingress_state"),
    spells=(
        Spell(readings=(("offline", "online"),), polls=13),
        Spell(readings=(AWAY,), polls=3),
        Spell(readings=(("offline", "online"),), polls=1),
        Spell(readings=(FAILS,), polls=1),
        Spell(readings=(("online", "online"),), polls=185),
    ),
    booking=Booking(start=minutes(17), lasts=minutes(4)),
)


# At the beginning of the pre-roll, 4 minutes in, the engine asks for a poll of its own.
PRE_ROLL_BEGAN_BETWEEN_GAPS = Scenario(
    key="vyvx/a",
    step=VYVX.step,
    names=("state", "ingress_state"),
    spells=(
        Spell(readings=(("offline", "online"), ABSENT), polls=26),
        Spell(readings=(FAILS,), polls=2),
        Spell(readings=(("offline", "online"),), polls=2),
        Spell(readings=(FAILS,), polls=14),
        Spell(readings=(("online", "online"),), polls=185),
    ),
    booking=Booking(start=minutes(19), lasts=minutes(10)),
)


@settings(max_examples=50, deadline=None)
@example(ENDED_WHILE_AWAY)
@example(PRE_ROLL_BEGAN_WHILE_AWAY)
@example(PRE_ROLL_BEGAN_BETWEEN_GAPS)
@given(VYVX_SCENARIOS)
def test_a_vyvx_service_is_called_well_only_when_it_is_and_no_outage_goes_unheard(scenario):
    check(VYVX, scenario)


def works_until_lately(impact: WorkImpact) -> Works:
    """Return works that are read a minute or two after their window, within its grace."""
    return Works(
        begins_in=minutes(-3),
        lasts=minutes(1),
        identity="W1",
        impact=impact,
        status=WorkStatus.CONFIRMED,
    )


def vyvx(*spells: Spell) -> Scenario:
    """Return a scenario that ends with half an hour online."""
    well = Spell(readings=(("online", "online"),), polls=185)
    return Scenario(
        key="vyvx/a", step=VYVX.step, names=("state", "ingress_state"), spells=(*spells, well)
    )


A_FAULT_TAKES_THE_PLACE_OF_AN_ANNOUNCED_ONE = vyvx(
    Spell(
        readings=(("online", "offline"),),
        polls=8,
        works=works_until_lately(WorkImpact.DEGRADED),
    ),
    Spell(readings=(("offline", "online"),), polls=1),
)


# It was planned, well for one poll, and is not listed any more since: nobody knows that it is well.
VANISHED_AFTER_IT_WAS_PLANNED = vyvx(
    Spell(readings=(("offline", "online"),), polls=3),
    Spell(readings=(FAILS,), polls=1),
    Spell(
        readings=(("online", "online"),),
        polls=1,
        works=works_until_lately(WorkImpact.OUTAGE),
    ),
    Spell(readings=(FAILS,), polls=1),
    Spell(readings=(ABSENT,), polls=80),
)


# It was never well in between, so it broke before the window that is announced at the end.
OFFLINE_AGAIN_WITHOUT_BEING_WELL = vyvx(
    Spell(readings=(FAILS,), polls=1),
    Spell(readings=(("offline", "online"),), polls=20),
    Spell(readings=(("degraded", "online"),), polls=13),
    Spell(
        readings=(("offline", "online"),),
        polls=3,
        works=works_until_lately(WorkImpact.OUTAGE),
    ),
)


# For the 20 s of the outage's own rule the incident is the announced one.
WORSE_THAN_WORKS_THAT_ARE_READ_MEANWHILE = vyvx(
    Spell(readings=(FAILS,), polls=1),
    Spell(readings=(FAILS,), polls=1),
    Spell(readings=(("degraded", "online"),), polls=7),
    Spell(
        readings=(("offline", "online"),),
        polls=1,
        works=works_until_lately(WorkImpact.DEGRADED),
    ),
)


@settings(max_examples=50, deadline=None)
@example(OFFLINE_AGAIN_WITHOUT_BEING_WELL)
@example(WORSE_THAN_WORKS_THAT_ARE_READ_MEANWHILE)
@example(VANISHED_AFTER_IT_WAS_PLANNED)
@example(A_FAULT_TAKES_THE_PLACE_OF_AN_ANNOUNCED_ONE)
@given(VYVX_WORKS)
def test_planned_works_keep_an_outage_silent_for_no_longer_than_they_announced(scenario):
    check(VYVX, scenario)


@settings(max_examples=50, deadline=None)
@given(INTERNET_ON_DEMAND_SCENARIOS)
def test_a_connection_is_called_well_only_when_it_is_and_no_fault_goes_unheard(scenario):
    check(INTERNET_ON_DEMAND, scenario)


ANOTHER_DIRECTION_PEAKS = Scenario(
    key="evpl/LD1",
    step=EVPL.step,
    names=("in", "out"),
    spells=(
        Spell(readings=((76.0, 96.0),), polls=3),
        Spell(readings=((76.0, 30.0), (91.0, 30.0)), polls=8),
        Spell(readings=((30.0, 30.0),), polls=11),
    ),
)


# The load moves to the other direction, whose alert somebody has closed.
ANOTHER_DIRECTION_IS_CLOSED = Scenario(
    key="evpl/LD1",
    step=EVPL.step,
    names=("in", "out"),
    spells=(
        Spell(readings=((30.0, 91.0),), polls=2),
        Spell(readings=((30.0, 91.0), (30.0, 96.0)), polls=4),
        Spell(readings=((30.0, 96.0),), polls=1),
        Spell(readings=((30.0, 96.0),), polls=1, before="resolve"),
        Spell(readings=((91.0, 30.0),), polls=8),
        Spell(readings=((30.0, 30.0),), polls=11),
    ),
)


# One direction was closed, and is full until the other one's limit may be called over.
CLOSED_UNTIL_ANOTHER_RECOVERS = Scenario(
    key="evpl/LD1",
    step=EVPL.step,
    names=("in", "out"),
    spells=(
        Spell(readings=((30.0, 91.0),), polls=7),
        Spell(readings=(FAILS,), polls=1, before="resolve"),
        Spell(readings=((96.0, 30.0),), polls=3),
        Spell(readings=((30.0, 91.0),), polls=6),
        Spell(readings=((30.0, 30.0),), polls=11),
    ),
)


# Polls without the line delay the end of what was fine for half an hour before it is busy again.
BUSY_BEFORE_THE_END_OF_A_BURST = Scenario(
    key="evpl/LD1",
    step=EVPL.step,
    names=("in", "out"),
    spells=(
        Spell(readings=(FAILS,), polls=1),
        Spell(readings=((30.0, 96.0),), polls=3),
        Spell(readings=((30.0, 30.0), FAILS), polls=2),
        Spell(readings=((30.0, 30.0), ABSENT), polls=6),
        Spell(readings=((30.0, 91.0),), polls=6),
        Spell(readings=((30.0, 30.0),), polls=11),
    ),
)


@settings(max_examples=50, deadline=None)
@example(BUSY_BEFORE_THE_END_OF_A_BURST)
@example(ANOTHER_DIRECTION_PEAKS)
@example(ANOTHER_DIRECTION_IS_CLOSED)
@example(CLOSED_UNTIL_ANOTHER_RECOVERS)
@given(EVPL_SCENARIOS)
def test_a_line_is_called_well_only_when_it_is_and_no_load_goes_unheard(scenario):
    check(EVPL, scenario)
