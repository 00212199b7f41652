"""Labels that a rule adds to its alerts."""

from tests.fakes.engine_world import rule, seconds, world


def test_a_rules_labels_are_added_to_those_of_its_alerts():
    w = world(rule(labels={"team": "video"}))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    (member,) = w.state.members[w.incident.id].values()
    assert member.labels["team"] == "video"
