"""How two rulesets differ, in words and figures."""

from datetime import UTC, datetime, timedelta

from watcher import engine, model
from watcher.replay import compare
from watcher.replay.compare import Difference
from watcher.replay.replay import ReplayedIncident

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
END = START + timedelta(days=7)
NOISIER = "noisier (3 pages instead of 2)"


def incident_at(opened, *, lasts=5, pages=2, rule="down", group="vyvx/a", fault="", rules=()):
    at = START + timedelta(minutes=opened)
    incident = model.Incident(
        id=f"w-{rule}-{group}-{opened}",
        version=1,
        entries=pages,
        rule=rule,
        source="vyvx",
        group=group,
        status=model.IncidentStatus.OPEN if lasts is None else model.IncidentStatus.RESOLVED,
        severity=model.Severity.CRITICAL,
        title=f"{group} is offline",
        opened_at=at,
        resolved_at=None if lasts is None else at + timedelta(minutes=lasts),
        fault_domain=model.FaultDomain.NONE,
        fault=fault,
    )
    notes = [
        model.Entry(
            incident=incident.id,
            number=number,
            kind=model.EntryKind.NOTED,
            at=at,
            text=f"message {number}",
            notify=True,
        )
        for number in range(pages)
    ]
    notifications = tuple(engine.Notification(at, note) for note in notes)
    return ReplayedIncident(incident=incident, notifications=notifications, rules=frozenset(rules))


def differences(old, new):
    return [pair.differences for pair in compare.pair(old, new)]


def test_incidents_are_paired_by_rule_group_and_time():
    old = [incident_at(0), incident_at(100), incident_at(200, rule="full")]
    new = [
        incident_at(1),
        incident_at(200),
        incident_at(200, rule="full"),
        incident_at(0, group="vyvx/b"),
    ]
    gained, lost = (Difference.GAINED,), (Difference.LOST,)
    assert differences(old, new) == [
        gained,
        (Difference.LATER,),
        lost,
        gained,
        (Difference.SAME,),
    ]


def test_an_incident_may_be_earlier_and_noisier():
    assert differences([incident_at(5)], [incident_at(3, pages=4)]) == [
        (Difference.EARLIER, Difference.NOISIER)
    ]
    assert differences([incident_at(5)], [incident_at(6, pages=1)]) == [
        (Difference.LATER, Difference.QUIETER)
    ]


def test_one_that_is_still_open_meets_whatever_comes_later():
    assert differences([incident_at(0, lasts=None)], [incident_at(5000)]) == [(Difference.LATER,)]


def test_two_incidents_that_are_one_fault_now_are_read_as_that():
    old = [incident_at(0, lasts=7, rule="degraded"), incident_at(4, lasts=10, rule="down")]
    new = [incident_at(0, lasts=14, rule="degraded", fault="service", rules=("degraded", "down"))]
    lines = list(compare.comparison(old, new, START, END))
    assert lines[:4] == [
        (
            "2026-11-21 03:00:00  merged (1 incident instead of 2), quieter (2 pages instead of 4):"
            " service  vyvx/a is offline  (vyvx/a, 14 min)"
        ),
        "  was: 2026-11-21 03:00:00  degraded  (vyvx/a, 7 min)",
        "  was: 2026-11-21 03:04:00  down  (vyvx/a, 10 min)",
        "incidents: 1 merged, 1 quieter",
    ]


def test_a_fault_that_opens_two_incidents_now_is_split():
    old = [incident_at(0, lasts=14, fault="service", rules=("degraded", "down"))]
    new = [incident_at(0, lasts=7, rule="degraded"), incident_at(4, lasts=10, rule="down")]
    (pair,) = compare.pair(old, new)
    assert pair.differences == (Difference.SPLIT, Difference.NOISIER)
    assert [part.incident.rule for part in pair.new] == ["degraded", "down"]


def test_another_circuit_or_another_time_is_another_fault():
    old = [
        incident_at(0, rule="degraded", fault="service", group="vyvx/b"),
        incident_at(90, rule="degraded", fault="service"),
    ]
    new = [incident_at(0, fault="service", rules=("degraded", "down"))]
    lost = (Difference.LOST,)
    assert sorted(differences(old, new)) == [(Difference.GAINED,), lost, lost]


def test_the_differences_are_lines_and_the_rest_are_figures():
    old = [incident_at(0), incident_at(100), incident_at(300, group="vyvx/b")]
    new = [incident_at(2, pages=3), incident_at(100), incident_at(400, group="vyvx/c", lasts=None)]
    assert list(compare.comparison(old, new, START, END)) == [
        f"2026-11-21 03:02:00  later by 2 min, {NOISIER}: down  vyvx/a is offline  (vyvx/a, 5 min)",
        "2026-11-21 08:00:00  lost: down  vyvx/b is offline  (vyvx/b, 5 min)",
        "2026-11-21 09:40:00  gained: down  vyvx/c is offline  (vyvx/c, still open)",
        "incidents: 1 same, 1 gained, 1 lost, 1 later, 1 noisier",
        "current rules: 3 incidents, 6 pages (0.9 per day)",
        "new rules:     3 incidents, 7 pages (1.0 per day)",
    ]


def test_equal_rules_differ_in_nothing():
    lines = list(compare.comparison([incident_at(0)], [incident_at(0)], START, END))
    assert lines[0] == "incidents: 1 same"


def test_one_ruleset_is_listed_page_by_page():
    lines = list(compare.listing([incident_at(0, pages=1)], START, END))
    assert lines == [
        "2026-11-21 03:00:00  critical  w-down-vyvx/a-0  down  vyvx/a is offline: message 0",
        "these rules: 1 incident, 1 page (0.1 per day)",
    ]
