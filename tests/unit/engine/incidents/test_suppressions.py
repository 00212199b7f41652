"""What suppresses an incident is named for its readers: who did it, and until when."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.fakes.engine_world import START, FakeInventory, World, minutes, rule, ruleset, seconds
from tests.fakes.notices import notice
from watcher import engine, model
from watcher.engine.context import StepContext
from watcher.engine.incidents import suppression
from watcher.model import SuppressionKind


def silence(end=60, **more):
    return model.Silenced(
        silence=model.Silence(
            id="s-1",
            matchers=(model.Matcher(name="subject", value="vyvx/a"),),
            begin=START,
            end=START + minutes(end),
            by="Ann",
            **more,
        )
    )


@pytest.fixture
def w():
    return World(ruleset(rule(notify=("noc",))))


def test_a_silence_is_named_with_its_author_and_its_end(w):
    w.poll(minutes(1), a="offline")
    w.step(silence(comment="works"))
    [suppression] = w.incident.suppressions
    assert suppression == model.Suppression(
        kind=SuppressionKind.SILENCE,
        name="s-1",
        by="Ann",
        comment="works",
        until=START + minutes(60),
    )
    w.wait_until(START + minutes(60))
    assert w.incident.suppressions == ()


def test_a_silence_that_is_made_longer_is_shown_with_its_new_end(w):
    w.poll(minutes(1), a="offline")
    w.step(silence())
    version = w.incident.version
    w.step(silence(end=90))
    assert w.incident.suppressions[0].until == START + timedelta(minutes=90)
    assert w.incident.version > version


# Whether a whole incident is suppressed is kept, alert by alert, until it may be otherwise.

NAMES = [f"s{number:03}" for number in range(30)]
STATES = ("offline", "offline", "degraded", "impaired", "online")
CIRCUITS = FakeInventory(
    **{f"vyvx_{name}": engine.InventoryEntry(circuit_ids=(name,)) for name in NAMES}
)
IMPAIRED = engine.Transition(field="state", to=frozenset({"impaired"}))
WINDOW = engine.Maintenance(
    name="night",
    matchers=(model.Matcher(name="labels.room", value="2"),),
    is_open=lambda now: START + minutes(9) <= now < START + minutes(14),
    next_edge=lambda now: next(
        (START + minutes(n) for n in (9, 14) if START + minutes(n) > now), None
    ),
)
MATCHERS = ("labels.room!=2", "rule=down", "subject!=vyvx/s007", "labels.room=1", "rule!=weak")
KINDS = ("poll",) * 8 + ("details",) * 4 + ("notice", "notice", "wait", "restart")
happenings = st.lists(
    st.tuples(
        st.sampled_from((*KINDS, "silence", "unsilence")),
        st.integers(0, 9) | st.integers(0, len(NAMES) - 1),
        st.integers(0, 4),
    ),
    min_size=5,
    max_size=40,
)


def storm(*rules, of=NAMES, inventory=CIRCUITS, maintenance=()):
    made = ruleset(*rules, detailed=True, inventory=inventory)
    w = World(structs.replace(made, maintenance=maintenance))
    w.poll(**dict.fromkeys(of, "online"))
    w.poll(seconds(10), **dict.fromkeys(of, "offline"))
    return w


def read_details(w, name, room=0):
    details = model.Details(labels={"name": f"Cup {name}", "room": f"{room}"})
    w.step(model.DetailsRead(subject=f"vyvx/{name}", details=details))


def silence_of(*matchers, end=60):
    sets = tuple((model.parse_matcher(matcher),) for matcher in matchers)
    return model.Silenced(
        silence=model.Silence(
            id="s-1",
            matchers=sets[0],
            or_matchers=sets[1:],
            begin=START,
            end=START + minutes(end),
            by="Ann",
        )
    )


def happen(w, kind, who, what):
    name, minute = NAMES[who], (w.now - START) // minutes(1)
    match kind:
        case "poll":
            states = {name: STATES[what], NAMES[what]: "offline"}
            at = w.now - START + seconds(20)
            seen = [
                model.Observed(key=f"vyvx/{key}", fields={"state": state})
                for key, state in states.items()
            ]
            w.step(model.Polled(source="vyvx", seen=seen, total=len(NAMES)), at)
        case "details":
            read_details(w, name, room=what)
        case "silence":
            w.step(silence_of(MATCHERS[what], end=minute + 1 + who))
        case "unsilence" if "s-1" in w.state.silences:
            w.step(model.Unsilenced(silence="s-1", by="Ann"))
        case "notice":
            circuits, begin = tuple(NAMES[who:] if what else NAMES), minute - 10 * (what % 2)
            announced = notice((begin, minute + 1 + what), circuits=circuits, id=f"W{what % 2}")
            w.step(model.NoticeRead(notice=announced))
        case "wait":
            w.wait_until(w.now + minutes(1 + what))
        case "restart":
            w.restart()


def check(w):
    """Compare what suppresses each incident with what it is, worked out anew."""
    index = w.state.alert_index
    for identity in list(index.firing):
        kept = suppression.reasons(StepContext(w.state, w.now), identity)
        suppressed, index.suppressed = index.suppressed, {}
        assert kept == suppression.reasons(StepContext(w.state, w.now), identity)
        index.suppressed = suppressed


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["", *MATCHERS]), happenings)
def test_what_is_kept_of_suppressions_is_what_they_are(silenced, happenings):
    w = storm(
        rule(keep_firing_for=seconds(30)),
        rule(name="impaired", condition=IMPAIRED, severity=model.Severity.WARNING),
        rule(name="weak", condition=IMPAIRED, inhibited_by=("down",), equal=("subject",)),
        maintenance=(WINDOW,),
    )
    if silenced:
        w.step(silence_of(silenced, end=30))
    else:
        w.step(model.NoticeRead(notice=notice((-1, 5), circuits=tuple(NAMES))))
    check(w)
    for happening in happenings:
        happen(w, *happening)
        check(w)


def test_a_reason_is_named_for_as_long_as_it_is_that_of_some_alert():
    w = storm(rule(notify=("noc",)))
    w.step(silence_of("rule=down"))
    w.step(model.NoticeRead(notice=notice((-1, 60), circuits=NAMES[:2])))
    assert w.incident.suppressed_by == ("planned works W1 of lumen", "silence s-1 by Ann")
    w.poll(seconds(20), **(dict.fromkeys(NAMES, "offline") | {"s000": "online"}))
    assert len(w.incident.suppressed_by) == 2
    w.poll(seconds(30), **(dict.fromkeys(NAMES, "offline") | dict.fromkeys(NAMES[:2], "online")))
    assert w.incident.suppressed_by == ("silence s-1 by Ann",)


@pytest.mark.parametrize("held_back", [silence_of("source=vyvx"), silence_of("labels.room=*")])
def test_of_a_silenced_storm_one_alert_is_looked_at_for_one_subject(held_back, monkeypatch):
    check_looks(held_back, monkeypatch)


def test_of_a_planned_storm_too(monkeypatch):
    names = tuple(f"s{number:03}" for number in range(300))
    check_looks(model.NoticeRead(notice=notice((-5, 60), circuits=names)), monkeypatch)


def check_looks(held_back, monkeypatch):
    names = [f"s{number:03}" for number in range(300)]
    entries = {f"vyvx_{name}": engine.InventoryEntry(circuit_ids=(name,)) for name in names}
    w = storm(rule(notify=("noc",)), of=names, inventory=FakeInventory(**entries))
    w.step(held_back)
    assert w.incident.suppressed_by
    looks = []
    reason = suppression.reason
    monkeypatch.setattr(
        suppression, "reason", lambda ctx, *about: looks.append(about) or reason(ctx, *about)
    )
    for name in names[:50]:
        read_details(w, name)
    assert w.incident.suppressed_by
    assert 50 <= len(looks) <= 100
