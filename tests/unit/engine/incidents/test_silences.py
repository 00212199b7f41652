"""Silences that begin later, end by themselves, and match what their readers see."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, FakeInventory, World, minutes, rule, ruleset
from watcher import engine, model
from watcher.model import SilenceUntil

NOC = ("noc", "mqtt")
LOUD, QUIET = NOC, ("mqtt",)


def world(*rules, inventory=None):
    made = ruleset(*(rules or (rule(notify=NOC),)), inventory=inventory)
    return World(
        engine.Ruleset(
            rules=made.rules,
            sources=made.sources,
            inventory=made.inventory,
            context=made.context,
            quiet=frozenset({"mqtt"}),
        )
    )


def silence(*sets, begin=0, end=60, **more):
    first, *others = (tuple(map(model.parse_matcher, written.split())) for written in sets)
    return model.Silence(
        id="s-1",
        matchers=first,
        or_matchers=tuple(others),
        begin=START + minutes(begin),
        end=None if end is None else START + minutes(end),
        by="ann",
        **more,
    )


def add(w, added, at=None):
    w.step(model.Silenced(silence=added), at)


def books(w, at=None, *, subject="vyvx/a", end=30):
    """Say that a subject is booked until `end` minutes after the start."""
    window = model.Window(start=START - minutes(60), end=START + minutes(end))
    details = model.Details(bookings=(model.Booking(id="1", scheduled=window, actual=window),))
    w.step(model.DetailsRead(subject=subject, details=details), at)


def test_a_label_that_a_rule_adds_is_matched_as_its_readers_see_it():
    w = world(rule(notify=NOC, labels={"team": "video"}))
    add(w, silence("labels.team=video"))
    w.poll(minutes(1), a="offline")
    assert w.incident.notify == QUIET


def test_a_rule_s_label_replaces_the_subject_s_for_a_matcher_too():
    book = FakeInventory(vyvx_a=engine.InventoryEntry(labels={"team": "lines"}))
    w = world(rule(notify=NOC, labels={"team": "video"}), inventory=book)
    add(w, silence("labels.team=lines"))
    w.poll(minutes(1), a="offline")
    assert w.incident.notify == LOUD


def test_rules_inhibit_each_other_by_the_labels_that_they_add():
    strong = rule("strong", notify=NOC, labels={"team": "video"})
    weak = rule(
        "weak",
        engine.Transition(field="state", from_=None, to=frozenset({"impaired"})),
        notify=NOC,
        labels={"team": "video"},
        inhibited_by=("strong",),
        equal=("labels.team",),
    )
    w = world(strong, weak)
    w.poll(a="offline", b="impaired")
    assert {incident.rule: incident.notify for incident in w.incidents} == {
        "strong": LOUD,
        "weak": QUIET,
    }


def test_one_of_several_matcher_sets_is_enough():
    w = world()
    add(w, silence("subject=vyvx/a rule=other", "subject=vyvx/b"))
    w.poll(minutes(1), a="offline", b="offline")
    assert {incident.group: incident.notify for incident in w.incidents} == {
        "vyvx/a": LOUD,
        "vyvx/b": QUIET,
    }


def test_a_silence_until_resolved_ends_with_its_incident():
    w = world()
    w.poll(a="offline")
    add(w, silence("subject=vyvx/a", end=None, until=SilenceUntil.RESOLVED, incident=w.incident.id))
    assert w.incident.notify == QUIET
    w.wait_until(START + timedelta(days=3))
    assert w.incident.notify == QUIET
    w.poll(timedelta(days=3, minutes=1), a="online")
    (over,) = w.tables.of(model.Silence)
    assert over.end == w.now
    assert not w.state.silences
    w.poll(timedelta(days=3, minutes=30), a="offline")
    assert w.incidents[-1].notify == LOUD


def test_a_silence_until_ended_ends_with_the_booking_and_what_is_still_true_is_news():
    w = world(rule(notify=NOC, during=frozenset(model.Phase)))
    w.poll(a="online")
    books(w, minutes(1), end=30)
    add(w, silence("subject=vyvx/a", end=600, until=SilenceUntil.ENDED))
    w.poll(minutes(10), a="offline")
    assert w.incident.notify == QUIET
    w.wait_until(START + minutes(29))
    assert w.state.silences
    w.poll(minutes(300), a="offline")
    assert not w.state.silences
    assert w.incident.notify == LOUD


def test_what_until_says_outlives_a_restart():
    w = world()
    w.poll(a="offline")
    add(w, silence("subject=vyvx/a", end=None, until=SilenceUntil.RESOLVED, incident=w.incident.id))
    w.restart()
    w.poll(minutes(1), a="offline")
    assert w.incident.notify == QUIET
    w.restart()
    w.poll(minutes(2), a="online")
    assert not w.state.silences


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (silence("subject=vyvx/a", end=None), "never end"),
        (silence("subject=vyvx/a", "", end=60), "at least one matcher"),
        (silence("subject=vyvx/a", until=SilenceUntil.RESOLVED), "no unresolved incident ''"),
        (
            silence("subject=vyvx/a", until=SilenceUntil.RESOLVED, incident="w-x"),
            "no unresolved incident 'w-x'",
        ),
        (silence("rule=down", until=SilenceUntil.ENDED), "has to name a subject"),
        (silence("subject=vyvx/z", until=SilenceUntil.ENDED), "there is no subject vyvx/z"),
        (silence("subject=vyvx/a", until=SilenceUntil.ENDED), "no booking of vyvx/a is known"),
        (silence("subject=vyvx/b", until=SilenceUntil.ENDED), "the booking of vyvx/b is over"),
    ],
)
def test_a_silence_that_could_not_end_as_it_says_is_refused(refused, words):
    w = world()
    w.poll(a="online", b="online")
    books(w, minutes(1), subject="vyvx/b", end=-10)
    with pytest.raises(engine.IllegalCommand, match=words):
        add(w, refused)
    assert not w.tables.of(model.Silence)


def test_who_has_ended_a_silence_is_kept():
    w = world()
    add(w, silence("subject=vyvx/a"))
    w.step(model.Unsilenced(silence="s-1", by="bob"), minutes(5))
    (over,) = w.tables.of(model.Silence)
    assert (over.ended_by, over.end) == ("bob", w.now)


def preview(w, *sets, **more):
    return engine.preview(w.state, silence(*sets, **more), w.now)


def test_a_preview_counts_what_is_matched_now():
    w = world()
    w.poll(a="offline", b="online", c="online")
    assert str(preview(w, "subject=vyvx/a")) == "matches 1 subject, 1 open incident"
    assert str(preview(w, "subject=vyvx/b", "subject=vyvx/c")) == (
        "matches 2 subjects, 0 open incidents"
    )
    assert str(preview(w, "subject=vyvx/z")) == "matches nothing now"
    assert preview(w, "subject=x").unknown == ("subject=x: there is no such subject",)


@pytest.mark.parametrize(
    "sets",
    [
        ["subject=*"],
        ["source=vyvx"],
        ["rule=*"],
        ["severity!=nonsense"],
        ["labels.site!=nowhere"],
        ["subject=vyvx/a*", "subject!=vyvx/a*"],
        ["rule=down", "rule=weak"],
        ["labels.team=video", "rule=weak"],
    ],
)
def test_a_silence_of_everything_is_seen_however_it_is_written(sets):
    w = world(rule(labels={"team": "video"}), rule("weak"))
    w.poll(a="online", b="online")
    assert preview(w, *sets).everything
    assert "(everything)" in str(preview(w, *sets))


@pytest.mark.parametrize("sets", [["subject=vyvx/a"], ["rule=down"], ["labels.team=video"]])
def test_a_silence_of_something_is_not_of_everything(sets):
    w = world(rule(labels={"team": "video"}), rule("weak"))
    w.poll(a="online")
    w.poll(b="online") if sets == ["subject=vyvx/a"] else None
    assert not preview(w, *sets).everything


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("rule=dwon", "rule=dwon: there is no such rule; did you mean down?"),
        ("labels.taem=video", "labels.taem=video: nothing has a label taem"),
        ("labels.team!=vidoe", "labels.team!=vidoe: there is no such team; did you mean video?"),
        ("source=vvyx", "source=vvyx: there is no such source; did you mean vyvx?"),
        ("severity=critcal", "severity=critcal: there is no such severity; did you mean critical?"),
    ],
)
def test_a_matcher_with_a_typo_is_said(written, words):
    w = world(rule(labels={"team": "video"}, severity=model.Severity.CRITICAL))
    w.poll(a="online")
    assert preview(w, written).unknown == (words,)


def test_a_preview_changes_nothing():
    w = world()
    w.poll(a="offline")
    before = engine.saved(w.state)
    preview(w, "subject=*", "labels.x=y")
    assert engine.saved(w.state) == before


def test_an_incident_says_who_silenced_it_until_when_by_the_silence_that_lasts_longest():
    w = world()
    w.poll(a="offline")
    for identity, end in (("s-1", 10), ("s-2", 60), ("s-3", 20)):
        add(w, replace(silence("subject=vyvx/a", end=end, comment="works"), id=identity))
    (why,) = w.incident.suppressions
    assert (why.name, why.by, why.until) == ("s-2", "ann", START + minutes(60))
    assert w.incident.suppressed_by == ("silence s-2 by ann: works",)


def test_what_a_window_or_an_inhibition_names_and_nothing_has_is_said():
    window = engine.Maintenance(
        name="works",
        matchers=(
            model.parse_matcher("labels.taem=video"),
            model.parse_matcher("labels.team=video"),
            model.parse_matcher("rule=dwon"),
        ),
        is_open=lambda _: False,
        next_edge=lambda _: None,
    )
    down = rule(labels={"team": "video"})
    weak = rule("weak", inhibited_by=("down",), equal=("labels.site", "labels.team", "source"))
    w = World(replace(ruleset(down, weak), maintenance=(window,)))
    assert engine.unmatched(w.state) == ()  # no subject is known yet
    w.poll(a="online")
    assert engine.unmatched(w.state) == (
        "maintenance works: labels.taem=video: nothing has a label taem",
        "maintenance works: rule=dwon: there is no such rule; did you mean down?",
        "weak.equal: nothing has a label site",
    )
