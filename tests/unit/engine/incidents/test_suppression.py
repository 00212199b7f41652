"""Silences, maintenance and inhibition: people are notified later, and nothing is lost."""

from datetime import timedelta

import pytest
from hypothesis import given, settings

from tests.fakes.engine_world import START, FakeInventory, World, minutes, rule, ruleset
from tests.unit.engine import strategies
from watcher import engine, model
from watcher.engine.rules import matching

NOC = ("noc", "mqtt")


def silence(begin=0, end=60, identity="s-1", **matchers):
    return model.Silenced(
        silence=model.Silence(
            id=identity,
            matchers=tuple(
                model.Matcher(name=name.replace("_", "."), value=value)
                for name, value in (matchers or {"subject": "vyvx/a"}).items()
            ),
            begin=START + minutes(begin),
            end=START + minutes(end),
            by="ana",
            comment="planned",
        )
    )


def quiet(*rules, **keys):
    given_rules = ruleset(*rules, inventory=keys.pop("inventory", None))
    return World(
        engine.Ruleset(
            rules=given_rules.rules,
            sources=given_rules.sources,
            inventory=given_rules.inventory,
            context=given_rules.context,
            quiet=frozenset({"mqtt"}),
            **keys,
        )
    )


def test_a_silenced_incident_notifies_when_the_silence_ends():
    w = quiet(rule(notify=NOC))
    w.step(silence())
    w.poll(minutes(1), a="offline")
    assert w.incident.notify == ("mqtt",)
    assert w.incident.flags == ("silenced",)
    assert w.incident.suppressed_by == ("silence s-1 by ana: planned",)
    w.wait_until(START + minutes(60))
    assert w.incident.notify == NOC
    assert w.incident.flags == ()
    assert w.timeline == ["opened", "suppressed", "released"]


def test_what_opens_and_ends_in_a_silence_notifies_nobody():
    w = quiet(rule(notify=NOC))
    w.step(silence())
    w.poll(minutes(1), a="offline")
    w.poll(minutes(2), a="online")
    w.wait_until(START + minutes(70))
    assert w.incident.notify == ("mqtt",)


def test_a_silence_holds_back_reminders_and_escalations():
    steps = (engine.Escalation(after=minutes(5), notify=("boss",)),)
    w = quiet(rule(notify=NOC, repeat=(minutes(10),), escalate=steps))
    w.poll(a="offline")
    w.step(silence(), minutes(1))
    w.wait_until(START + minutes(59))
    assert w.timeline == ["opened", "suppressed"]
    w.wait_until(START + minutes(60))
    assert w.timeline[2:] == ["released"]
    w.wait_until(START + minutes(64))  # as one minute had gone by before it
    assert w.timeline[2:] == ["released", "escalated"]
    assert w.last_text == "not acknowledged for 5 min in all: also notified boss"
    w.wait_until(START + minutes(70))
    assert w.timeline[2:] == ["released", "escalated", "reminded"]
    assert w.incident.notify == (*NOC, "boss")


def test_a_silence_can_be_ended():
    w = quiet(rule(notify=NOC))
    w.step(silence())
    w.poll(minutes(1), a="offline")
    w.step(model.Unsilenced(silence="s-1", by="bob"), minutes(2))
    assert w.incident.notify == NOC


def test_a_silence_that_begins_later():
    w = quiet(rule(notify=NOC))
    w.step(silence(10, 20))
    w.poll(minutes(1), a="offline")
    assert w.incident.notify == NOC
    w.wait_until(START + minutes(10))
    assert w.incident.notify == ("mqtt",)


def test_a_silence_outlives_a_restart():
    w = quiet(rule(notify=NOC))
    w.step(silence())
    w.restart()
    w.poll(minutes(1), a="offline")
    assert w.incident.flags == ("silenced",)
    w.restart()
    w.wait_until(START + minutes(60))
    assert w.incident.flags == ()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (silence(-10, 0), "end in the past"),
        (silence(20, 10), "end before it begins"),
        (silence(colour="red"), "matchers name rule, subject"),
        (silence(subjct="vyvx/a"), "did you mean subject"),
        (silence(label_site="x"), "did you mean labels.NAME"),
        (model.Unsilenced(silence="s-9", by="ana"), "no active silence 's-9'"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(command, words):
    w = quiet(rule())
    with pytest.raises(engine.IllegalCommand, match=words):
        w.step(command)
    assert w.tables.of(model.Silence) == ()


def test_an_incident_is_free_while_one_of_its_alerts_is():
    book = FakeInventory(
        **{f"vyvx_{name}": engine.InventoryEntry(labels={"site": "NYC"}) for name in "ab"}
    )
    w = quiet(rule(notify=NOC, group_by=("site",)), inventory=book)
    w.step(silence())
    w.poll(minutes(1), a="offline", b="online")
    assert w.incident.flags == ("silenced",)
    w.poll(minutes(2), b="offline")
    assert w.incident.flags == ()
    assert w.incident.notify == NOC
    w.poll(minutes(3), b="online")
    assert w.incident.flags == ("silenced",)


def window(begin, end, **matchers):
    begin, end = START + minutes(begin), START + minutes(end)
    return engine.Maintenance(
        name="works",
        matchers=tuple(model.Matcher(name=name, value=value) for name, value in matchers.items()),
        is_open=lambda now: begin <= now < end,
        next_edge=lambda now: begin if now < begin else end if now < end else None,
    )


def test_maintenance_begins_and_ends_by_itself():
    w = quiet(rule(notify=NOC), maintenance=[window(10, 20, source="vyvx")])
    w.restart()
    w.poll(a="offline")
    w.wait_until(START + minutes(10))
    assert w.incident.suppressed_by == ("maintenance works",)
    w.wait_until(START + minutes(20))
    assert w.incident.notify == NOC


def inhibited(**keys):
    book = FakeInventory(
        vyvx_a=engine.InventoryEntry(labels={"site": "NYC"}),
        vyvx_b=engine.InventoryEntry(labels={"site": "NYC"}),
        vyvx_c=engine.InventoryEntry(labels={"site": "LON"}),
    )
    weak = engine.Transition(field="state", to=frozenset({"impaired"}))
    return quiet(
        rule(notify=NOC),
        rule(name="weak", condition=weak, notify=NOC, inhibited_by=("down",), **keys),
        inventory=book,
    )


def of_rule(w, name="weak"):
    return {incident.group: incident for incident in w.incidents if incident.rule == name}


def test_a_rule_is_held_back_by_another_at_the_same_site():
    w = inhibited(equal=("labels.site",))
    w.poll(a="offline", b="impaired", c="impaired", d="impaired")
    assert of_rule(w)["vyvx/b"].flags == ("inhibited",)
    assert of_rule(w)["vyvx/b"].notify == ("mqtt",)
    assert of_rule(w)["vyvx/c"].notify == NOC
    assert of_rule(w)["vyvx/d"].notify == NOC  # its site is not known, so it equals nothing
    w.poll(minutes(5), a="online")
    assert of_rule(w)["vyvx/b"].notify == NOC


def test_without_equal_any_alert_of_the_rule_holds_back():
    w = inhibited()
    w.poll(a="offline", c="impaired")
    assert of_rule(w)["vyvx/c"].flags == ("inhibited",)


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("abc", "abc", True),
        ("abc", "ab", False),
        ("abc", "a*", True),
        ("abc", "*c", True),
        ("abc", "a*b*c", True),
        ("aba", "ab*ba", False),
        ("abcabc", "a*ca*c", True),
        ("", "*", True),
        ("a", "", False),
        ("aXbYc", "a*b*b*c", False),
    ],
)
def test_a_star_is_any_text(text, pattern, fits):
    w = quiet(rule())
    w.poll(a="online")
    view = w.state.subject_view("vyvx/a", w.now)
    named = model.Matcher(name="labels.x", value=pattern)
    object.__setattr__(view, "labels", {"x": text})
    assert matching.match([named], rule(), view) is fits


@settings(max_examples=60, deadline=None)
@given(strategies.HISTORIES)
def test_a_silence_delays_and_never_loses(history):
    def play(*, silenced):
        w = World(strategies.rules())
        w.poll(a="online", b="online", c="online")
        if silenced:
            everything = model.Matcher(name="source", value="*")
            w.step(
                model.Silenced(
                    silence=model.Silence(
                        id="s-1",
                        matchers=(everything,),
                        begin=START,
                        end=START + timedelta(hours=2),
                        by="ana",
                    )
                )
            )
        for happening in history:
            strategies.happen(w, happening)
        w.wait_until(max(w.now, START + timedelta(hours=2)))
        return w

    def truth(w):
        return {
            (incident.id, incident.status, incident.resolution, incident.opened_at)
            for incident in w.incidents
        }

    silent, loud = play(silenced=True), play(silenced=False)
    assert truth(silent) == truth(loud)
    for incident in silent.incidents:
        if incident.resolved_at is None:
            assert not any(why.startswith("silence") for why in incident.suppressed_by)
            waits = incident.tell_at is not None and incident.tell_at > silent.now
            assert incident.told_at or incident.suppressed_by or waits
