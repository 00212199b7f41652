"""The log says what happens to incidents, with the same fields each time."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.fakes.engine_world import minutes, rule, world
from watcher import model
from watcher.daemon import incident_log


def logged(*steps):
    with capture_logs() as logs:
        for effects in steps:
            incident_log.write(effects)
    return logs


def test_one_incident_leaves_a_line_for_each_thing_that_happens():
    w = world(rule())
    opened = w.poll(a="offline", b="online")
    repeated = w.poll(minutes(1))
    acknowledged = w.step(model.Acknowledged(incident=w.incident.id, by="ana"))
    resolved = w.poll(minutes(2), a="online")
    common = {"incident": w.incident.id, "rule": "down", "subject": "vyvx/a", "log_level": "info"}
    common |= {"severity": "warning", "title": "a is offline"}
    assert logged(opened, repeated, acknowledged, resolved) == [
        {"event": "incident opened", **common},
        {"event": "incident acknowledged", **common, "by": "ana"},
        {"event": "incident resolved", **common, "resolution": "recovered"},
    ]


def test_a_title_with_control_characters_stays_one_line():
    w = world(rule(title=lambda _: 'down\n{"event": "forged"}\x1b[2J'))
    (line,) = logged(w.poll(a="offline"))
    assert line["title"].isprintable()
