"""Rules that match no subject are named, and no other."""

from __future__ import annotations

from tests.fakes.engine_world import START, minutes, rule, world
from watcher import engine


def of_nobody(context):
    return False


def of_everybody(context):
    return True


def broken(context):
    raise engine.ExpressionError("no such key")


def test_a_rule_is_idle_whose_sources_or_whose_where_have_nothing():
    w = world(
        rule("used"),
        rule("elsewhere", sources=("evpl",)),
        rule("nowhere", sources=()),
        rule("nobody", where=of_nobody),
        rule("everybody", where=of_everybody),
        rule("broken", where=broken),
        rule("blind", condition=engine.Blind(after=minutes(5)), sources=("evpl",)),
    )
    assert engine.idle_rules(w.state, START) == (), "nothing is known yet"
    w.poll(a="online", b="online")
    assert engine.idle_rules(w.state, START) == ("elsewhere", "nowhere", "nobody")
