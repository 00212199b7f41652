"""Reminders grow rarer, and an acknowledgement may expire, which is said before."""

from tests.fakes.engine_world import START, minutes, rule, seconds, world
from watcher import model


def times(w, kind):
    return [(entry.at - START) / minutes(1) for entry in w.tables.entries if entry.kind is kind]


def acknowledged(w, at, by="Ann"):
    w.step(model.Acknowledged(incident=w.incident.id, by=by), minutes(at))


def test_reminders_grow_and_the_last_span_goes_on():
    w = world(rule(repeat=(minutes(30), minutes(60), minutes(240))))
    w.poll(a="offline")
    w.wait_until(START + minutes(900))
    assert times(w, model.EntryKind.REMINDED) == [30, 90, 330, 570, 810]


def test_a_single_span_is_repeated():
    w = world(rule(repeat=(minutes(30),)))
    w.poll(a="offline")
    w.wait_until(START + minutes(100))
    assert times(w, model.EntryKind.REMINDED) == [30, 60, 90]


def test_of_two_rules_the_sooner_reminds():
    w = world(
        rule(repeat=(minutes(60),), group_by=("site",)),
        rule(name="too", repeat=(minutes(10), minutes(500)), group_by=("site",)),
    )
    w.poll(a="offline")
    w.wait_until(START + minutes(75))
    assert 10 in times(w, model.EntryKind.REMINDED)


def test_reminders_start_over_when_an_acknowledgement_is_withdrawn():
    w = world(rule(repeat=(minutes(30), minutes(240))))
    w.poll(a="offline")
    w.wait_until(START + minutes(31))
    acknowledged(w, 32)
    w.step(model.Unacknowledged(incident=w.incident.id, by="Ann"), minutes(100))
    w.wait_until(START + minutes(140))
    assert times(w, model.EntryKind.REMINDED) == [30, 130]


def test_reminders_go_on_after_a_restart_where_they_were():
    w = world(rule(repeat=(minutes(30), minutes(60))))
    w.poll(a="offline")
    w.wait_until(START + minutes(31))
    w.restart()
    w.poll(minutes(32), a="offline")
    w.wait_until(START + minutes(95))
    assert times(w, model.EntryKind.REMINDED) == [30, 90]


def test_an_acknowledgement_expires_and_that_is_said_before():
    w = world(rule(ack_expires=minutes(120), repeat=(minutes(30),)))
    w.poll(a="offline")
    acknowledged(w, 1)
    w.wait_until(START + minutes(120))
    assert times(w, model.EntryKind.ACK_EXPIRING) == [106]
    assert w.last_text == (
        "the acknowledgement by Ann expires at 05:01 UTC: acknowledge it again to keep it"
    )
    assert w.incident.status is model.IncidentStatus.ACKNOWLEDGED
    w.wait_until(START + minutes(121))
    assert w.last_text == "the acknowledgement by Ann has expired after 2 h"
    assert w.incident.status is model.IncidentStatus.OPEN
    assert w.incident.acknowledged_by is None
    assert w.tables.entries[-1].notify
    w.wait_until(START + minutes(152))
    assert times(w, model.EntryKind.REMINDED) == [151]


def test_who_acknowledges_again_in_time_keeps_it():
    w = world(rule(ack_expires=minutes(60)))
    w.poll(a="offline")
    acknowledged(w, 0)
    acknowledged(w, 10)  # too early to say anything
    w.wait_until(START + minutes(46))
    acknowledged(w, 47)
    assert w.last_text == "acknowledged again by Ann"
    w.wait_until(START + minutes(91))
    assert w.timeline == ["opened", "acknowledged", "ack_expiring", "acknowledged"]
    w.wait_until(START + minutes(107))
    assert times(w, model.EntryKind.ACK_EXPIRED) == [107]


def test_who_takes_over_has_it_for_the_whole_time():
    w = world(rule(ack_expires=minutes(60)))
    w.poll(a="offline")
    acknowledged(w, 0)
    acknowledged(w, 50, by="Bo")
    w.wait_until(START + minutes(94))
    assert times(w, model.EntryKind.ACK_EXPIRED) == []


def test_without_the_key_an_acknowledgement_stays():
    w = world(rule())
    w.poll(a="offline")
    acknowledged(w, 1)
    w.wait_until(START + minutes(60 * 24))
    assert w.incident.status is model.IncidentStatus.ACKNOWLEDGED


def test_an_acknowledgement_expires_in_a_silence_as_well():
    w = world(rule(ack_expires=minutes(60), notify=("noc",)))
    w.poll(a="offline")
    acknowledged(w, 0)
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="subject", value="vyvx/a"),),
        begin=START,
        end=START + minutes(180),
        by="Ann",
    )
    w.step(model.Silenced(silence=silence), seconds(30))
    w.wait_until(START + minutes(61))
    assert w.incident.acknowledged_by is None
    assert w.incident.notify == ()
