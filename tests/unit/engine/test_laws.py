"""What holds for every history: restarts, determinism, one open incident, harmless acks."""

from datetime import timedelta
from itertools import count

from hypothesis import given, settings
from msgspec.structs import replace

from tests.fakes.engine_world import InMemoryTables, World
from tests.unit.engine import strategies
from tests.unit.engine.strategies import HISTORIES, happen
from watcher import engine, model
from watcher.engine.context import StepContext
from watcher.engine.incidents import failing_receivers, titles

LAW = settings(max_examples=60, deadline=None)


def replay(history, before=lambda _: None, after=lambda _: None):
    w = World(strategies.rules())
    effects = []
    for happening in history:
        effects.append(tuple(happen(w, happening, before=lambda w, h=happening: before((w, h)))))
        after(w)
    return w, effects


@LAW
@given(HISTORIES)
def test_the_same_history_gives_the_same_effects(history):
    assert replay(history)[1] == replay(history)[1]


@LAW
@given(HISTORIES)
def test_the_effects_rebuild_the_state(history):
    def compare(w):
        again = engine.restore(w.ruleset, w.tables.loaded())
        assert again.subjects == w.state.subjects
        assert again.health == w.state.health
        assert again.alerts == w.state.alerts
        assert {key for source in again.alert_index.pending.values() for key in source} == {
            key for source in w.state.alert_index.pending.values() for key in source
        }
        for state in (again, w.state):
            state.forget_resolved(w.now)
        assert again.works == w.state.works
        assert again.incidents == w.state.incidents
        assert again.incident_index.latest == w.state.incident_index.latest
        assert again.incident_index.fallbacks == w.state.incident_index.fallbacks

    replay(history, after=compare)


def timelines(w):
    return {entry.event_id: entry for entry in w.tables.entries}


def _restart(step, *, backwards=False):
    w, happening = step
    if happening.kind == "poll":
        w.restart(backwards=backwards)


@LAW
@given(HISTORIES)
def test_a_restart_before_any_poll_equals_no_restart(history):
    straight, _ = replay(history)
    restarted, _ = replay(history, before=_restart)
    assert timelines(restarted) == timelines(straight)
    assert restarted.tables.nouns == straight.tables.nouns
    for w in (straight, restarted):
        w.wait_until(w.now + timedelta(days=2))
    assert restarted.tables.nouns == straight.tables.nouns


@LAW
@given(HISTORIES)
def test_the_order_of_the_rows_does_not_matter(history):
    _, forwards = replay(history, before=_restart)
    _, backwards = replay(history, before=lambda step: _restart(step, backwards=True))
    assert forwards == backwards


@LAW
@given(HISTORIES)
def test_at_most_one_incident_is_open_for_each_rule_and_group(history):
    def check(w):
        opened = [
            (incident.rule, incident.group)
            for incident in w.incidents
            if incident.resolved_at is None
        ]
        assert len(opened) == len(set(opened))
        firing = {
            alert.incident
            for alert in w.tables.of(model.Alert)
            if alert.state is model.AlertState.FIRING
        }
        watched = [
            incident
            for incident in w.incidents
            if incident.rule != failing_receivers.RULE and incident.source != "works"
        ]
        assert {incident.id for incident in watched if incident.resolved_at is None} == firing

    replay(history, after=check)


@LAW
@given(HISTORIES)
def test_what_is_kept_of_the_alerts_that_fire_is_what_they_come_to(history):
    def check(w):
        for identity in (index := w.state.alert_index).firing:
            kept = titles.extent(StepContext(w.state, w.now), identity)
            index.extents.clear()
            assert kept == titles.extent(StepContext(w.state, w.now), identity)

    replay(history, before=lambda step: check(step[0]), after=check)


@LAW
@given(HISTORIES)
def test_acknowledging_never_opens_or_closes_anything(history):
    def acknowledge(w):
        for incident in sorted(w.state.incidents.values(), key=lambda incident: incident.id):
            if incident.resolved_at is None:
                w.step(model.Acknowledged(incident=incident.id, by="ana"))
                w.step(model.Noted(incident=incident.id, by="ana", text="on it"))

    def facts(w):
        w.wait_until(w.now)  # a command has run what is due by now, and a poll has not
        plain = {
            "version": 0,
            "entries": 0,
            "acknowledged_by": None,
            "acknowledged_at": None,
            "status": model.IncidentStatus.OPEN,
            # An acknowledgement stops reminders and escalations, and nothing else.
            "notify": (),
            "receivers": (),
            "fallbacks": (),
            "escalated": 0,
            "reminded_at": None,
            "unattended_since": None,
            "unattended": None,
            "steps": (),
            "acks": (),
            "reminders": 0,
            "expiry_said": False,
        }
        return [replace(incident, **plain) for incident in w.incidents]

    acknowledged, _ = replay(history, after=acknowledge)
    assert facts(acknowledged) == facts(replay(history)[0])


@LAW
@given(HISTORIES)
def test_a_drill_changes_nothing_else(history):
    numbers = count()

    def drill(w):
        wanted = model.DrillWanted(incident=f"drill-{next(numbers)}", receivers=("noc",), by="ana")
        w.step(wanted)

    def others(w):
        w.wait_until(w.now + timedelta(days=2))
        drills = {incident.id for incident in w.incidents if incident.is_drill}
        assert all(incident.resolved_at for incident in w.incidents if incident.is_drill)
        nouns = {kind: by_key.copy() for kind, by_key in w.tables.nouns.items()}
        nouns[model.Incident] = {
            key: noun for key, noun in nouns.get(model.Incident, {}).items() if key not in drills
        }
        return nouns, [entry for entry in w.tables.entries if entry.incident not in drills]

    drilled, _ = replay(history, after=drill)
    assert others(drilled) == others(replay(history)[0])


COMMANDS = [
    lambda incident: model.Acknowledged(incident=incident, by="ana"),
    lambda incident: model.Noted(incident=incident, by="bob", text="on it"),
    lambda _: model.DetailsRead(subject="vyvx/c", details=model.Details(labels={"name": "Final"})),
]


@LAW
@given(HISTORIES, strategies.st.permutations(COMMANDS))
def test_what_people_and_jobs_put_in_at_one_instant_commutes(history, order):
    def play(commands):
        w, _ = replay(history)
        open_ones = sorted(incident.id for incident in w.incidents if incident.resolved_at is None)
        for command in commands:
            for identity in open_ones[:1]:
                w.step(command(identity))
        nouns = {
            kind: {key: replace(noun, version=0) for key, noun in by_key.items()}
            if kind is model.Incident
            else by_key
            for kind, by_key in w.tables.nouns.items()
        }
        return nouns, sorted((e.incident, e.kind, e.text) for e in w.tables.entries)

    assert play(order) == play(COMMANDS)


@LAW
@given(HISTORIES)
def test_timelines_are_numbered_without_gaps(history):
    w, _ = replay(history)
    for incident in w.incidents:
        numbers = [e.number for e in w.tables.entries if e.incident == incident.id]
        assert numbers == list(range(1, incident.entries + 1))


@LAW
@given(HISTORIES)
def test_every_deadline_lies_ahead_once_time_has_come_to_it(history):
    def check(w):
        deadline = engine.next_deadline(w.state)
        assert deadline is None or deadline > w.now

    def tick(w):
        w.wait_until(w.now)
        check(w)

    w, _ = replay(history, after=tick)
    assert isinstance(w.tables, InMemoryTables)
