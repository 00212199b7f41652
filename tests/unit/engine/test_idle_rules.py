"""Rules that match no subject are named, and no other."""

from __future__ import annotations

from tests.fakes.engine_world import START, minutes, rule, world
from watcher import engine, model


def of_nobody(context):
    return False


def of_everybody(context):
    return True


def broken(context):
    raise engine.ExpressionError("no such key")


def test_a_rule_matches_nothing_whose_sources_or_whose_where_have_nothing():
    w = world(
        rule("used"),
        rule("elsewhere", sources=("evpl",)),
        rule("nowhere", sources=()),
        rule("nobody", where=of_nobody),
        rule("everybody", where=of_everybody),
        rule("broken", where=broken),
        rule("blind", condition=engine.Blind(after=minutes(5)), sources=("evpl",)),
    )
    always = {"nowhere": False, "blind": True}
    assert engine.rule_matches(w.state, START) == always, "no source has been seen yet"
    w.poll(a="online", b="online")
    seen = {"used": True, "nobody": False, "everybody": True, "broken": True}
    assert engine.rule_matches(w.state, START) == always | seen, "evpl has not been seen yet"
    w.step(model.Polled(source="evpl", seen=(), total=0))
    assert engine.rule_matches(w.state, START) == always | seen | {"elsewhere": False}
