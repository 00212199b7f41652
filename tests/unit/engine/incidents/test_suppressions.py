"""What suppresses an incident is named for its readers: who did it, and until when."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import START, World, minutes, rule, ruleset
from watcher import model
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
