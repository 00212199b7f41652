"""What a poll of very many subjects keeps while it is evaluated, and that it changes nothing."""

import weakref

from msgspec.structs import replace

from tests.fakes.engine_world import World, of_kind, rule, ruleset
from watcher import engine, model
from watcher.engine.rules import subject_view

MANY = 3 * subject_view.MOST_KEPT
OFFLINE = rule(condition=engine.Expression(holds=lambda facts: facts["state"] == "offline"))


class Mark:
    """Lives for as long as what it is put into."""


def poll_many(context):
    world = World(replace(ruleset(OFFLINE), context=context))
    return world.poll(**{f"s{number}": _state(number) for number in range(MANY)})


def _state(number):
    return "online" if number % 100 else "offline"


def test_a_poll_of_many_subjects_keeps_the_facts_of_few():
    alive = weakref.WeakSet()
    most = 0

    def context(given):
        nonlocal most
        facts = {**given, "mark": Mark()}
        alive.add(facts["mark"])
        most = max(most, len(alive))
        return facts

    poll_many(context)
    assert subject_view.MOST_KEPT / 2 < most <= subject_view.MOST_KEPT + 1


def test_what_a_poll_of_many_subjects_does_is_the_same_whatever_is_kept(monkeypatch):
    effects = poll_many(dict)
    monkeypatch.setattr("watcher.engine.context.MOST_KEPT", 10 * MANY)
    assert poll_many(dict) == effects
    assert len(of_kind(effects, model.Alert)) == len(range(0, MANY, 100))
