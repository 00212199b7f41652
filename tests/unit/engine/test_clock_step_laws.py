"""Whatever happens, a clock that is set in between changes no span, and a replay repeats it."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, of_kind, rule, ruleset
from tests.unit.engine import strategies, test_runner
from tests.unit.engine.strategies import HISTORIES, happen
from tests.unit.replay import test_replay
from watcher import engine, model, ports

LAW = settings(max_examples=60, deadline=None)
# Never a whole second, so that no incident's id, which has its time in it, comes twice.
BY = st.sampled_from([-7200, -3600, -60, -7, 7, 60, 240, 3600, 90_000]).flatmap(
    lambda whole: st.integers(1, 999).map(
        lambda odd: timedelta(seconds=whole, milliseconds=odd, microseconds=odd)
    )
)
STEPS = st.dictionaries(st.integers(0, 19), BY, max_size=4)
# Bookings and planned works go by the time of day.
HISTORIES_WITHOUT_WINDOWS = HISTORIES.filter(
    lambda history: all(happening.kind not in {"details", "notice"} for happening in history)
)


def of_spans():
    """Build the rules that go by elapsed time alone: not by a vendor's time, nor by hours."""
    rules = strategies.rules()
    by_spans = tuple(
        rule
        for rule in rules.rules
        if rule.hours is None and not isinstance(rule.condition, engine.Threshold | engine.NoData)
    )
    return replace(rules, rules=by_spans)


class Stepping(World):
    """A world that writes down when what happened, on a clock that nobody sets."""

    def __init__(self, rules):
        self.offset = timedelta(0)
        self.log = []
        self.shown = {}
        super().__init__(rules)

    def set_clock(self, by):
        self.offset += by
        return super().set_clock(by)

    def _step(self, event):
        effects = super()._step(event)
        elapsed = self.now - self.offset - START
        for incident in sorted(of_kind(effects, model.Incident), key=lambda incident: incident.id):
            about = incident.rule, incident.group
            shown = incident.status, incident.notify, incident.severity, incident.flags
            lasted = incident.lasted(self.now)
            if self.shown.get(incident.id) != shown:
                self.shown[incident.id] = shown
                self.log.append((elapsed, about, shown, lasted))
        names = {incident.id: (incident.rule, incident.group) for incident in self.incidents}
        for entry in of_kind(effects, model.Entry):
            self.log.append((elapsed, names[entry.incident], entry.kind, entry.notify))
        return effects


def play(history, steps):
    w = Stepping(of_spans())
    for number, happening in enumerate(history):
        happen(w, happening)
        if number in steps:
            w.set_clock(steps[number])
    w.wait_until(w.now + timedelta(hours=3))
    return w


@LAW
@given(HISTORIES_WITHOUT_WINDOWS, STEPS)
def test_whatever_the_clock_is_set_to_people_are_notified_after_the_same_elapsed_time(
    history, steps
):
    assert sorted(play(history, steps).log, key=repr) == sorted(play(history, {}).log, key=repr)


@LAW
@given(HISTORIES, STEPS)
def test_the_effects_of_a_step_rebuild_the_state(history, steps):
    w = World(strategies.rules())
    for number, happening in enumerate(history):
        happen(w, happening)
        if number in steps:
            w.set_clock(steps[number])
        again = engine.restore(w.ruleset, w.tables.loaded())
        assert again.subjects == w.state.subjects
        assert again.health == w.state.health
        assert again.alerts == w.state.alerts
        assert again.silences == w.state.silences
        for state in (again, w.state):
            state.forget_resolved(w.now)
        # One that was forgotten before a small step back may be remembered for as much longer.
        more = {name for name in again.incidents if name not in w.state.incidents}
        assert all(again.incidents[name].resolved_at for name in more)
        assert {name: again.incidents[name] for name in w.state.incidents} == w.state.incidents
        assert firing(again) == firing(w.state)


def firing(state):
    index = state.alert_index
    return {name: index.firing_in(name) for name in index.firing if index.firing_in(name)}


def stepping(history, steps, kind=test_runner.Live, rules=None):
    w = kind(rules or strategies.rules())
    for number, happening in enumerate(history):
        happen(w, happening)
        if number in steps:
            w.wait_until(w.now)
            w.set_clock(steps[number])
    w.wait_until(w.now + timedelta(microseconds=1))
    return w


@LAW
@given(HISTORIES, STEPS)
def test_a_replay_of_a_journal_with_steps_equals_the_live_run(history, steps):
    w = stepping(history, steps, test_replay.PollsAtOnce)
    until = w.now - timedelta(microseconds=1)
    long_ago = START - timedelta(days=400)
    replayed = test_replay.replay(w.ruleset, test_replay.recorded(w), until, since=long_ago)
    live = {incident.id: incident for incident in w.incidents}
    assert {outcome.incident.id for outcome in replayed} >= live.keys() - test_replay.held_back(w)
    assert all(live[outcome.incident.id] == outcome.incident for outcome in replayed)
    entries = [page.entry for outcome in replayed for page in outcome.notifications]
    assert test_replay.not_held_back(w, entries) == test_replay.not_held_back(w, w.tables.entries)


def test_the_rules_of_the_law_are_most_of_them():
    names = {rule.name for rule in of_spans().rules}
    assert names == {"down", "held", "words", "blind", "grouped", "weak"}
    assert ruleset().rules == ()


def test_a_replay_goes_back_where_the_clock_was_set_back_while_no_daemon_ran():
    rules = ruleset(rule(hold=timedelta(seconds=5)))
    hour = timedelta(hours=1)

    def poll(state, at):
        seen = model.Observed(key="vyvx/a", fields={"state": state})
        polled = model.Polled(source="vyvx", seen=(seen,), total=1)
        return ports.Recorded(at=at, what=polled)

    last = START + timedelta(seconds=10)
    back = START - hour
    records = [
        ports.Recorded(at=START, what=ports.RulesRead(version="1", started=True)),
        poll("online", START),
        poll("offline", last),
        ports.Recorded(at=back, what=ports.RulesRead(version="1", started=True, last_success=last)),
        poll("offline", back + timedelta(seconds=3)),
        poll("offline", back + timedelta(seconds=6)),
    ]
    (replayed,) = test_replay.replay(rules, records, back + hour, since=back - hour)
    assert replayed.incident.opened_at == back + timedelta(seconds=6)
    assert replayed.incident.began_at == back
