"""The journal replayed: the same rules give the same incidents, others what they would have."""

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.engine_world import START, hours, minutes, rule, ruleset, seconds
from tests.unit.engine import strategies, test_runner
from watcher import engine, model, ports
from watcher.replay.replay import Replay

LAW = settings(max_examples=80, deadline=None)
JUST_AFTER = timedelta(microseconds=1)


class PollsAtOnce(test_runner.Live):
    """A plain loop that polls at once when the engine wants it."""

    def _step(self, event):
        effects = super()._step(event)
        for need in effects:
            if isinstance(need, model.PollNeeded):
                self.poll(self.now - START, source=need.source)
        return effects


def recorded(w):
    """Yield the journal of a plain loop, as the store would."""
    for at, what in w.journal():
        if what is test_runner.RESTART:
            yield ports.Recorded(at=at, what=ports.RulesRead(version="1", started=True))
        else:
            yield ports.Recorded(at=at, what=what)


def replay(rules, records, until, since=START):
    replayed = Replay(rules, since=since)
    for record in records:
        replayed.feed(record)
    return replayed.finish(until)


def held_back(w):
    """Return the incidents that were not announced, for a while or, so far, at all."""
    suppressed = {
        entry.incident for entry in w.tables.entries if entry.kind is model.EntryKind.SUPPRESSED
    }
    return suppressed | {incident.id for incident in w.incidents if incident.told_at is None}


def not_held_back(w, entries):
    """Return the pages about all other incidents, by id."""
    silent = held_back(w)
    return {
        entry.event_id: (entry.at, entry.text)
        for entry in entries
        if entry.notify and entry.incident not in silent
    }


@LAW
@given(strategies.HISTORIES, st.sets(st.integers(0, 19), max_size=3))
def test_a_replay_under_the_same_rules_equals_the_live_run(history, restarts):
    w = test_runner.live(history, restarts, kind=PollsAtOnce)
    replayed = replay(w.ruleset, recorded(w), w.now - JUST_AFTER)
    live = {incident.id: incident for incident in w.incidents}
    assert {outcome.incident.id for outcome in replayed} >= live.keys() - held_back(w)
    assert all(live[outcome.incident.id] == outcome.incident for outcome in replayed)
    entries = [page.entry for outcome in replayed for page in outcome.notifications]
    assert not_held_back(w, entries) == not_held_back(w, w.tables.entries)
    assert {entry.event_id for entry in entries} <= {entry.event_id for entry in w.tables.entries}


@LAW
@given(strategies.HISTORIES, st.integers(0, 19))
@example(
    [
        strategies.Happening(kind="poll", after=0, states=("online",) * 3, value=10.0),
        strategies.Happening(
            kind="poll", after=0, states=("online", "impaired", "online"), value=10.0
        ),
        strategies.Happening(kind="fail", after=5),
    ],
    1,  # details are awaited at the checkpoint, and the alert that waits for them begins later
)
@example(
    [
        strategies.Happening(kind="poll", after=0, states=("online",) * 3, value=10.0),
        strategies.Happening(kind="fail", after=0),
        strategies.Happening(kind="wait", after=601),
    ],
    2,  # the source fails at the checkpoint, and is blind later
)
def test_a_replay_from_a_checkpoint_opens_and_resolves_what_the_live_run_did(history, number):
    w = PollsAtOnce(strategies.rules())
    for happening in history[:number]:
        strategies.happen(w, happening)
    w.wait_until(w.now + JUST_AFTER)
    if w.state.source_index.awaited & w.state.health.keys():
        return  # a checkpoint does not say that no poll has been complete since the start
    if not all(health.sight is model.Visibility.SEEN for health in w.state.health.values()) and any(
        incident.resolved_at is None and incident.group != incident.source
        for incident in w.state.incidents.values()
    ):
        return  # its reminders wait until the source is seen again, as after a change of rules
    if any(w.state.subject_index.rechecks.values()):
        return  # subjects to evaluate with the next poll, which is the checkpoint's own
    if any(engine.pending_sources(w.state)) or any(w.state.subject_index.missing.values()):
        return  # a pending alert may be confirmed by the checkpoint's own poll
    before = len(w.tables.entries)
    checkpoint = ports.Recorded(at=w.now, what=engine.saved(w.state))
    w.steps.clear()
    for happening in history[number:]:
        strategies.happen(w, happening)
    w.wait_until(w.now + JUST_AFTER)
    replayed = replay(w.ruleset, [checkpoint, *recorded(w)], w.now - JUST_AFTER)
    entries = [page.entry for outcome in replayed for page in outcome.notifications]
    assert not_held_back(w, entries) == not_held_back(w, w.tables.entries[before:])


def poll(at, *states, source="vyvx", total=1):
    seen = tuple(model.Observed(key=key, fields={"state": state}) for key, state in states)
    return ports.Recorded(at=START + at, what=model.Polled(source=source, seen=seen, total=total))


def rules(**keys):
    return ruleset(rule(**keys))


def test_other_rules_are_polled_where_the_journal_has_no_poll():
    journal = [poll(seconds(0), ("vyvx/a", "offline")), poll(minutes(30), ("vyvx/a", "online"))]
    (only,) = replay(rules(hold=minutes(5)), journal, START + minutes(60))
    assert only.incident.opened_at == START + minutes(5)
    assert replay(rules(hold=minutes(31)), journal, START + minutes(60)) == []


def test_a_recorded_poll_decides_where_there_is_one():
    journal = [
        poll(seconds(0), ("vyvx/a", "offline")),
        poll(seconds(21)),
        poll(minutes(30), ("vyvx/a", "online")),
    ]
    (only,) = replay(rules(hold=seconds(20)), journal, START + minutes(60))
    assert only.incident.opened_at == START + seconds(21)


def test_an_alert_that_is_due_after_the_journal_ends_fires_up_to_the_end_of_the_replay():
    journal = [poll(seconds(0), ("vyvx/a", "offline"))]
    assert replay(rules(hold=minutes(5)), journal, START + minutes(4)) == []
    assert len(replay(rules(hold=minutes(5)), journal, START + minutes(6))) == 1


def test_notifications_from_before_the_time_asked_for_are_left_out():
    journal = [
        poll(seconds(0), ("vyvx/a", "offline")),
        poll(minutes(30), ("vyvx/a", "online")),
        poll(minutes(60), ("vyvx/b", "offline")),
    ]
    replayed = replay(rules(), journal, START + minutes(90), since=START + minutes(20))
    kinds = [[page.entry.kind for page in outcome.notifications] for outcome in replayed]
    assert kinds == [[model.EntryKind.RESOLVED], [model.EntryKind.OPENED]]


@pytest.mark.parametrize(("last", "opened"), [(None, 40), (20, 10)])
def test_nothing_is_polled_while_the_daemon_was_down(last, opened):
    down_at = None if last is None else START + minutes(last)
    journal = [
        poll(seconds(0), ("vyvx/a", "offline")),
        ports.Recorded(
            at=START + minutes(40),
            what=ports.RulesRead(version="2", started=True, last_success=down_at),
        ),
        poll(minutes(40), ("vyvx/a", "offline")),
    ]
    (only,) = replay(rules(hold=minutes(10)), journal, START + minutes(50))
    assert only.incident.opened_at == START + minutes(opened)


def test_an_acknowledgement_of_an_incident_that_does_not_exist_is_skipped():
    journal = [
        poll(seconds(0), ("vyvx/a", "offline")),
        ports.Recorded(
            at=START + minutes(1), what=model.Acknowledged(incident="w-other", by="ana")
        ),
    ]
    (only,) = replay(rules(), journal, START + minutes(5))
    assert only.incident.status is model.IncidentStatus.OPEN


def test_rules_after_the_one_that_drops_a_vanished_subject_are_not_evaluated():
    """Found by the law above: the rules that come after it had nothing left to look at."""
    w = PollsAtOnce(strategies.rules())
    online, gone = ("online", "online"), (None, "online", "online")
    for happening in (
        strategies.Happening(kind="poll", after=0, states=("online", *online)),
        strategies.Happening(kind="poll", after=0, states=("degraded", *online)),
        strategies.Happening(kind="details", after=0, subject="a"),
        strategies.Happening(kind="poll", after=0, states=gone),
        strategies.Happening(kind="poll", after=3600, states=gone),
    ):
        strategies.happen(w, happening)
    assert "vyvx/a" not in w.state.subjects


def test_a_drill_is_not_replayed():
    wanted = model.DrillWanted(incident="w-drill", receivers=("noc",), by="ada", page=True)
    records = [
        ports.Recorded(at=START, what=ports.RulesRead(version="1", started=True)),
        ports.Recorded(at=START + seconds(10), what=wanted),
    ]
    assert replay(ruleset(rule()), records, START + minutes(5)) == []


def test_the_hours_of_a_rule_begin_in_a_replay_without_a_start_of_a_daemon():
    down = rule(hours=hours(opens=30, closes=50), hold=seconds(20))
    records = [
        ports.Recorded(
            at=START + minutes(minute),
            what=model.Polled(
                source="vyvx",
                seen=(model.Observed(key="vyvx/a", fields={"state": state}),),
                total=1,
            ),
        )
        for minute, state in ((1, "online"), (2, "offline"))
    ]
    (incident,) = replay(ruleset(down), records, START + minutes(40))
    assert incident.incident.opened_at == START + minutes(30) + seconds(20)


def test_a_circuit_that_comes_on_air_silent_fires_live_as_after_a_restart():
    """Its details say at 04:00 that it is on air; nothing was measured since 03:00."""
    w = PollsAtOnce(strategies.rules())
    poll_now = strategies.Happening("poll", 0, ("online", "online", "online"), 10.0)
    strategies.happen(w, poll_now)
    strategies.happen(w, strategies.Happening("details", 0))  # on air until 03:20
    strategies.happen(w, poll_now)
    w.wait_until(START + timedelta(hours=1))
    assert rules_about_a(w) == []
    strategies.happen(w, strategies.Happening("details", 0))  # on air until 04:20
    w.poll(timedelta(hours=1))  # with nothing measured
    assert rules_about_a(w) == ["office-silent", "silent"]


def rules_about_a(w):
    """The others were never measured, and are silent from when they were listed."""
    return [incident.rule for incident in w.incidents if incident.group == "vyvx/a"]
