"""More people are notified when nobody has acknowledged although somebody could."""

from datetime import date

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, minutes, rule, ruleset, seconds, world
from watcher import engine, model
from watcher.oncall.rota import Handover, Person, Rota

NOC = ("noc", "mqtt")
DUTY = engine.Escalation(after=minutes(15), notify=("duty",))
BOSS = engine.Escalation(after=minutes(45), notify=("boss",))


def down(*steps, **keys):
    w = world(rule(escalate=steps or (DUTY, BOSS), notify=NOC, **keys))
    w.poll(a="offline")
    return w


def acknowledge(w, at, by="ana"):
    w.step(model.Acknowledged(incident=w.incident.id, by=by), minutes(at))


def withdraw(w, at):
    w.step(model.Unacknowledged(incident=w.incident.id, by="ana"), minutes(at))


def silence(w, begin, end):
    silence = model.Silence(
        id=f"s-{begin}",
        matchers=(model.Matcher(name="rule", value="down"),),
        begin=START + minutes(begin),
        end=START + minutes(end),
        by="ada",
    )
    w.step(model.Silenced(silence=silence), minutes(begin))


def escalations(w):
    return [
        ((entry.at - START) / minutes(1), entry.text)
        for entry in w.tables.entries
        if entry.kind is model.EntryKind.ESCALATED
    ]


def test_the_time_of_an_acknowledgement_that_was_withdrawn_does_not_count():
    w = down()
    acknowledge(w, 3)
    withdraw(w, 63)
    assert escalations(w) == []
    w.wait_until(START + minutes(200))
    assert escalations(w) == [
        (75, "not acknowledged for 15 min in all: also notified duty"),
        (105, "not acknowledged for 45 min in all: also notified boss"),
    ]


def test_the_time_of_a_silence_does_not_count():
    w = down()
    silence(w, 10, 70)
    w.wait_until(START + minutes(200))
    assert [at for at, _ in escalations(w)] == [75, 105]


def test_the_time_of_a_maintenance_window_does_not_count():
    opens, closes = START + minutes(10), START + minutes(70)
    window = engine.Maintenance(
        name="night",
        matchers=(model.Matcher(name="rule", value="down"),),
        is_open=lambda at: opens <= at < closes,
        next_edge=lambda at: next((edge for edge in (opens, closes) if edge > at), None),
    )
    rules = ruleset(rule(escalate=(DUTY, BOSS), notify=NOC))
    w = world(*rules.rules)
    w.ruleset = replace(rules, maintenance=(window,))
    w.step(engine.Reloaded(ruleset=w.ruleset))
    w.poll(a="offline")
    w.wait_until(START + minutes(200))
    assert [at for at, _ in escalations(w)] == [75, 105]


def test_what_was_never_silenced_nor_acknowledged_counts_from_the_first_notification():
    w = down(group_wait=seconds(60))
    w.wait_until(START + minutes(60))
    assert escalations(w) == [
        (16, "not acknowledged for 15 min: also notified duty"),
        (46, "not acknowledged for 45 min: also notified boss"),
    ]


def test_what_opens_during_a_silence_is_counted_from_its_end():
    w = world(rule(escalate=(DUTY,), notify=NOC))
    silence(w, 0, 60)
    w.poll(minutes(1), a="offline")
    w.wait_until(START + minutes(80))
    assert escalations(w) == [(75, "not acknowledged for 15 min: also notified duty")]


def test_the_time_after_a_start_in_which_the_source_was_not_seen_does_not_count():
    w = down()
    w.wait_until(START + minutes(10))
    w.restart()
    w.poll(minutes(30))
    assert escalations(w) == []
    w.wait_until(START + minutes(100))
    assert [at for at, _ in escalations(w)] == [35, 65]


def test_a_reload_that_inserts_a_step_neither_repeats_nor_skips_one():
    w = down()
    w.wait_until(START + minutes(16))
    early = engine.Escalation(after=minutes(5), notify=("lead",))
    w.ruleset = ruleset(rule(escalate=(early, DUTY, BOSS), notify=NOC))
    w.step(engine.Reloaded(ruleset=w.ruleset))
    w.wait_until(START + minutes(50))
    assert [(at, text.rpartition(" ")[2]) for at, text in escalations(w)] == [
        (15, "duty"),
        (16, "lead"),
        (45, "boss"),
    ]


@pytest.mark.parametrize(
    ("steps", "called"),
    [
        ([(5, "duty", 1), (30, "boss", 1)], [15, 45]),  # earlier than they were called
        ([(20, "duty", 1), (60, "boss", 1)], [15, 45, 50, 60]),  # and later: once more
        ([(5, "duty", 2)], [15, 45, 50]),  # it asks for more people
        ([(5, "lead", 1)], [15, 45, 50]),
    ],
)
def test_a_reload_that_moves_steps_calls_nobody_who_was_called_since(steps, called):
    w = down()
    w.wait_until(START + minutes(50))
    moved = [
        engine.Escalation(after=minutes(after), notify=(whom,), acks=acks)
        for after, whom, acks in steps
    ]
    w.ruleset = ruleset(rule(escalate=tuple(moved), notify=NOC))
    w.step(engine.Reloaded(ruleset=w.ruleset))
    w.wait_until(START + minutes(90))
    assert [at for at, _ in escalations(w)] == called


def test_a_worse_rule_that_joins_neither_repeats_nor_skips_a_step():
    sooner = engine.Escalation(after=minutes(5), notify=("lead",))
    w = world(
        rule(escalate=(DUTY,), notify=NOC, group_by=("site",), fault="line"),
        rule(
            "worse",
            condition=engine.Transition(field="state", to=frozenset({"offline"})),
            escalate=(sooner, DUTY, BOSS),
            severity=model.Severity.CRITICAL,
            notify=NOC,
            fault="line",
        ),
    )
    w.poll(a="online")
    w.poll(seconds(1), a="degraded")
    w.wait_until(START + minutes(20))
    w.poll(minutes(21), a="offline")
    w.wait_until(START + minutes(60))
    assert [text.rpartition(" ")[2] for _, text in escalations(w)] == ["duty", "lead", "boss"]


def test_a_new_outage_escalates_from_the_start():
    w = down()
    w.wait_until(START + minutes(16))
    w.poll(minutes(17), a="online")
    w.poll(minutes(20), a="offline")
    w.wait_until(START + minutes(40))
    assert [at for at, _ in escalations(w)] == [15, 35]


def stored(w, **changes):
    """Return the world as an earlier version has stored it, which counted steps alone."""
    before = {"unattended_since": None, "unattended": None, "steps": (), "acks": ()}
    for key, incident in list(w.tables.nouns[model.Incident].items()):
        w.tables.nouns[model.Incident][key] = replace(incident, **before, **changes)
    w.restart()
    w.poll()


def test_an_incident_of_an_earlier_version_goes_on_where_it_was():
    w = down()
    w.wait_until(START + minutes(20))
    stored(w, escalated=1)
    w.wait_until(START + minutes(60))
    assert [at for at, _ in escalations(w)] == [15, 45]


def test_an_earlier_version_that_was_acknowledged_has_waited_until_then():
    w = down()
    acknowledge(w, 3)
    w.wait_until(START + minutes(30))
    stored(w)
    withdraw(w, 63)
    w.wait_until(START + minutes(80))
    assert [at for at, _ in escalations(w)] == [75]


def test_the_step_of_an_earlier_version_is_the_one_whose_people_are_notified():
    w = down()
    w.wait_until(START + minutes(20))
    early = engine.Escalation(after=minutes(5), notify=("lead",))
    w.ruleset = ruleset(rule(escalate=(early, DUTY, BOSS), notify=NOC))
    stored(w, escalated=1)
    w.wait_until(START + minutes(21))
    assert [text.rpartition(" ")[2] for _, text in escalations(w)] == ["duty", "lead"]


def test_no_version_grows_because_a_clock_stops_or_starts():
    w = down()
    w.wait_until(START + minutes(1))
    version = w.incident.version
    w.restart()
    w.poll()
    assert w.incident.version == version
    assert w.incident.unattended_since == START


@pytest.mark.parametrize("by", [minutes(600), minutes(-600)])
def test_a_clock_that_is_set_calls_nobody_sooner_or_later(by):
    w = down()
    w.wait_until(START + minutes(10))
    w.set_clock(by)
    w.wait_until(w.now + minutes(5) - seconds(1))
    assert escalations(w) == []
    w.wait_until(w.now + seconds(1))
    assert w.last_text == "not acknowledged for 15 min: also notified duty"


TWO = engine.Escalation(after=minutes(15), notify=("duty",), acks=2)


def test_a_step_may_ask_for_acknowledgements_of_several_people():
    w = down(TWO, BOSS)
    w.wait_until(START + minutes(15))
    assert w.last_text == (
        "not acknowledged for 15 min: also notified duty; 2 people have to acknowledge it"
    )
    acknowledge(w, 16)
    assert w.incident.status == "open"
    assert w.last_text == "acknowledged by ana, 1 of 2 people"
    acknowledge(w, 17)  # the same person counts once
    w.wait_until(START + minutes(45))
    assert w.timeline[-1] == "escalated"
    acknowledge(w, 46, by="bob")
    assert (w.incident.status, w.incident.acknowledged_by) == ("acknowledged", "bob")
    assert w.last_text == "acknowledged by bob"


def test_one_is_enough_before_a_step_asks_for_several():
    w = down(TWO)
    acknowledge(w, 5)
    assert w.incident.status == "acknowledged"
    w.wait_until(START + minutes(60))
    assert escalations(w) == []


def test_one_of_several_acknowledgements_can_be_withdrawn():
    w = down(TWO)
    acknowledge(w, 16)
    withdraw(w, 17)
    acknowledge(w, 18, by="bob")
    assert w.last_text == "acknowledged by bob, 1 of 2 people"
    withdraw(w, 19)
    with pytest.raises(engine.IllegalCommand, match="is not acknowledged"):
        withdraw(w, 20)


ROTA = Rota(
    name="video",
    turns=("ann", "bob"),
    handovers=(Handover(5, 3 * 60 + 10),),  # ten minutes after the start of this world
    start=date(2026, 11, 14),
    people={"ann": Person(name="ann", slack="U0ANN"), "bob": Person(name="bob")},
)


def with_rota(*steps, rota=ROTA):
    rules = replace(ruleset(rule(escalate=steps, notify=NOC)), rotas={"video": rota})
    w = world(*rules.rules)
    w.ruleset = rules
    w.step(engine.Reloaded(ruleset=rules))
    w.poll(a="offline")
    return w


def test_a_step_calls_who_is_on_call_then():
    w = with_rota(
        engine.Escalation(after=minutes(5), notify=("duty",), oncall="video"),
        engine.Escalation(after=minutes(15), notify=(), oncall="video"),
    )
    w.wait_until(START + minutes(20))
    assert [text for _, text in escalations(w)] == [
        "not acknowledged for 5 min: called ann, on call for video; also notified duty",
        "not acknowledged for 15 min: called bob, on call for video",
    ]
    assert w.incident.receivers == (*NOC, "duty")
    first, second = [entry.data for entry in w.tables.entries if entry.kind == "escalated"]
    assert first == {"oncall": "ann", "mention": "<@U0ANN>"}
    assert second == {"oncall": "bob", "mention": ""}


def test_a_step_says_that_nobody_is_on_call():
    step = engine.Escalation(after=minutes(5), notify=("duty",), oncall="video")
    w = with_rota(step, rota=replace(ROTA, start=date(2026, 12, 1)))
    w.wait_until(START + minutes(5))
    assert w.last_text == (
        "not acknowledged for 5 min: nobody is on call for video; also notified duty"
    )


def test_a_calendar_that_was_read_decides_after_a_restart_as_well():
    step = engine.Escalation(after=minutes(5), notify=(), oncall="video")
    w = with_rota(step, rota=Rota(name="video", calendar="x.ics", people=ROTA.people))
    shift = model.Shift(begin=START, end=START + minutes(60), person="Ann")
    calendar = model.Calendar(rota="video", shifts=(shift,), read_at=START, until=shift.end)
    w.step(model.CalendarRead(calendar=calendar))
    w.restart()
    w.poll()
    w.wait_until(START + minutes(5))
    assert w.last_text == "not acknowledged for 5 min: called ann, on call for video"


def test_a_calendar_of_a_rota_that_is_gone_is_left_out():
    w = down()
    calendar = model.Calendar(rota="gone", read_at=START, until=START)
    assert w.step(model.CalendarRead(calendar=calendar)) == ()
