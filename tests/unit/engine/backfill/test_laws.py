"""Whatever the vendor recorded and whenever it was polled, each outage is reported once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_world import START, InMemoryTables, minutes, rule, ruleset, seconds
from watcher import engine, model

LAW = settings(max_examples=40, deadline=None)
HISTORY = 15  # minutes
BAD = frozenset({"offline", "degraded"})
RULES = (
    rule(name="down"),
    rule(name="held", hold=seconds(20)),
    rule(name="lingers", hold=seconds(20), keep_firing_for=seconds(60)),
    rule(
        name="booked",
        hold=seconds(5),
        during=frozenset({model.Phase.ON_AIR, model.Phase.OVERRUN}),
    ),
)
BOOKED = (START + minutes(4), START + minutes(20))


@dataclass(frozen=True)
class Outage:
    start: datetime
    end: datetime
    state: str


@dataclass
class Vendor:
    """What is true, as polls and records show it."""

    outages: list[Outage]
    delay: timedelta
    booked: bool
    polled: list[datetime] = field(default_factory=list)

    def state(self, at: datetime) -> str:
        return next((o.state for o in self.outages if o.start <= at < o.end), "online")

    def poll(self, at: datetime) -> model.Polled:
        seen = model.Observed(key="vyvx/a", fields={"state": self.state(at)})
        return model.Polled(source="vyvx", seen=(seen,), total=1)

    def answer(self, effect, at):
        match effect:
            case model.PollNeeded():
                yield at, self.poll(at)
            case model.DetailsNeeded():
                window = model.Window(start=BOOKED[0], end=BOOKED[1])
                booking = model.Booking(id="1", scheduled=window)
                details = model.Details(bookings=(booking,) if self.booked else ())
                yield at, model.DetailsRead(subject=effect.subject, details=details)
            case model.HistoryNeeded():
                yield at + self.delay, self.record(effect, at + self.delay)
            case _:
                pass

    def record(self, need: model.HistoryNeeded, now: datetime) -> model.HistoryRead:
        alarms = [
            model.AlarmRecord(state=o.state, start=o.start, end=o.end if o.end <= now else None)
            for o in self.outages
            if o.start <= min(need.end, now) and o.end >= need.start
        ]
        return model.HistoryRead(
            subject=need.subject, start=need.start, end=need.end, alarms=tuple(alarms[::-1])
        )


@st.composite
def histories(draw):
    at, outages = START + seconds(1), []
    for _ in range(draw(st.integers(1, 6))):
        at += seconds(draw(st.integers(0, 400)))
        length = seconds(draw(st.sampled_from([1, 5, 19, 20, 21, 40, 61, 90, 300])))
        outages.append(Outage(at, at + length, draw(st.sampled_from(["offline", "degraded"]))))
        at += length
    polls = draw(
        st.lists(
            st.tuples(
                st.sampled_from([1, 7, 20, 60, 60, 60, 90, 300, 1_000]),
                st.sampled_from(["poll"] * 6 + ["fail", "restart"]),
            ),
            min_size=1,
            max_size=25,
        )
    )
    delay = seconds(draw(st.sampled_from([0, 1, 30, 200])))
    return Vendor(outages, delay, booked=draw(st.booleans())), polls, at


def run_through(vendor, polls, end):
    """Return the steps, and the times in which nobody saw the source."""
    rules = ruleset(*RULES, detailed=True, history=minutes(HISTORY))
    runner = engine.Runner(engine.restore(rules), now=START, responder=vendor.answer)
    steps = [*runner.take(engine.Reloaded(ruleset=rules), START)]
    steps += runner.take(vendor.poll(START), START)
    at, unseen, lost, seen = START, [], None, START
    regular = [(60, "poll")] * int((end - START) / minutes(1) + 2 * HISTORY)
    for after, kind in [*polls, *regular]:
        if after > 60 and kind != "restart":  # a daemon that is up has asked meanwhile
            failed = at + seconds(60)
            steps += runner.take(model.PollFailed(source="vyvx", error="timed out"), failed)
            lost = lost or failed
        at += seconds(after)
        if kind == "fail":
            steps += runner.take(model.PollFailed(source="vyvx", error="timed out"), at)
            lost = lost or at
        elif kind == "restart":
            lost = min(lost or seen, seen)
            steps += runner.restart(rules, at, unwatched_since=seen)
        else:
            polled = vendor.poll(at)
            steps += runner.take(polled, at)
            if lost is not None and at - lost >= minutes(3):
                unseen.append((lost, at))
            seen, lost = at, None
        steps += runner.wait(at)  # what was answered at once has arrived
    steps += runner.wait(at + minutes(1))
    _see_that_all_is_durable(rules, runner, steps)
    return steps, unseen


def _see_that_all_is_durable(rules, runner, steps):
    tables = InMemoryTables()
    for step in steps:
        tables.commit(step.effects)
    again = engine.restore(rules, tables.loaded())
    for state in (again, runner.state):
        state.forget_resolved(runner.now)
    assert again.subjects == runner.state.subjects
    assert again.incidents == runner.state.incidents
    assert again.incident_index.latest == runner.state.incident_index.latest


def fired(steps, name):
    """Return when an alert fired, each time from the start of its condition."""
    spans, since = [], {}
    for step in steps:
        for effect in step.effects:
            match effect:
                case model.IncidentAlert(rule=of, state=model.AlertState.FIRING) if of == name:
                    since.setdefault(effect.incident, effect.since)
                case model.Alert(rule=of, state=state) if of == name and state != "firing":
                    spans += [(start, step.at) for start in since.values()]
                    since.clear()
    return spans + [(start, None) for start in since.values()]


def runs(outages, wanted, hold, window):
    """Return the unbroken runs of what a rule looks for, cut to its window."""
    joined = []
    for outage in outages:
        if joined and joined[-1][1] == outage.start:
            joined[-1] = (joined[-1][0], outage.end)
        else:
            joined.append((outage.start, outage.end))
    cut = [(max(s, window[0]), min(e, window[1])) if window else (s, e) for s, e in joined]
    return [(s, e) for s, e in cut if e - s >= hold and e > s]


@LAW
@given(histories())
def test_each_outage_on_record_is_reported_once_live_or_late(history):
    vendor, polls, end = history
    steps, unseen = run_through(vendor, polls, end)
    incidents: dict[str, model.Incident] = {}
    for effect in (effect for step in steps for effect in step.effects):
        if isinstance(effect, model.Incident):
            incidents.setdefault(effect.id, effect)  # as it was first: it may be reopened
    for tested_rule in RULES:
        late = [
            (i.opened_at, i.resolved_at)
            for i in incidents.values()
            if i.rule == tested_rule.name
            and "reported late" in i.title
            and " times, " not in i.title
        ]
        many = [
            (i.opened_at, i.resolved_at, int(i.title.split(" times, ")[0].rpartition(" ")[2]))
            for i in incidents.values()
            if i.rule == tested_rule.name and " times, " in i.title
        ]
        window = BOOKED if vendor.booked and tested_rule.name == "booked" else None
        if vendor.booked and tested_rule.name != "booked":
            window = (BOOKED[0] - engine.PRE_ROLL, BOOKED[1])
        if not vendor.booked and tested_rule.name == "booked":
            window = (START, START)
        expected = []
        for start, stop in runs(vendor.outages, BAD, tested_rule.hold, window):
            seen_live = any(
                since < stop and (until is None or start < until or start <= since)
                for since, until in seen(fired(steps, tested_rule.name), unseen)
            )
            if not seen_live:
                expected.append((start, stop))
        covered = [[e for e in expected if a <= e[0] and e[1] <= b] for a, b, _ in many]
        assert [len(c) for c in covered] == [count for _, _, count in many], tested_rule.name
        rest = [e for e in expected if not any(e in c for c in covered)]
        assert sorted(late) == rest, (tested_rule.name, late, rest)


def seen(spans, unseen):
    """Return the spans without what nobody saw."""
    for lost, again in unseen:
        cut = []
        for since, until in spans:
            if since < again and (until is None or until >= again):
                cut += [(since, lost)] if since <= lost else []
                cut += [(again, until)] if until is None or until > again else []
            else:
                cut.append((since, until))
        spans = cut
    return spans
