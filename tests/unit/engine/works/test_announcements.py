"""People hear of planned works ahead of time, and once of each thing."""

from datetime import timedelta

import pytest

from tests.fakes.notices import notice
from tests.fakes.works_world import DAY, WorksWorld
from watcher import engine, model
from watcher.model import IncidentStatus, Severity, WorkImpact, WorkStatus

LUMEN = {"circuits": ("1-ABC",)}
W1 = "lumen/W1"


def test_a_digest_comes_seven_days_and_one_day_before_a_window():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.until(20)
    assert w.given == [(3, "7d", W1), (9, "24h", W1), (10.25, "end", W1)]
    first, second, end = w.announced
    assert first.text == "In 7 days: NYC-LON 1 down, Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1"
    assert second.text.startswith("In 24 hours: NYC-LON 1")
    assert end.text == "Over: works on NYC-LON 1, Lumen W1"
    assert all(entry.notify for entry in w.announced)


def test_works_have_one_incident_that_all_receivers_of_works_are_notified_of():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.until(9.5)
    incident = w.incident
    assert (incident.rule, incident.source, incident.group) == ("planned-works", "works", W1)
    assert incident.notify == incident.receivers == ("noc", "mqtt")
    assert incident.flags == ("works",)
    assert (incident.severity, incident.status) == (Severity.INFO, IncidentStatus.OPEN)
    assert incident.title == "Planned: NYC-LON 1 down Tue 1 Dec 03:00 to 09:00 UTC"
    planned = incident.planned
    assert (planned.key, planned.impact) == (W1, WorkImpact.OUTAGE)
    assert w.timeline == ["opened", "announced"]
    w.until(11)
    assert w.incident.resolution is model.Resolution.ENDED
    assert w.timeline == ["opened", "announced", "resolved"]


def test_works_that_are_read_late_are_announced_at_once_and_no_digest_is_missed_twice():
    w = WorksWorld()
    w.read(10, at=9.8, **LUMEN)
    assert w.text.startswith("In 5 hours: NYC-LON 1")
    assert w.given == [(9.8, "24h", W1)]
    w.until(11)
    assert w.given == [(9.8, "24h", W1), (10.25, "end", W1)]


def test_works_that_are_read_in_their_window_are_announced_at_once():
    w = WorksWorld()
    w.read(10, at=10.1, **LUMEN)
    assert w.text.startswith("Under way: NYC-LON 1")


def test_works_that_are_read_when_they_are_over_are_not_announced():
    w = WorksWorld()
    w.read(10, at=11, **LUMEN)
    assert w.announced == []
    assert engine.next_deadline(w.state) is None


def test_of_nights_in_a_row_the_first_is_announced_a_week_before_and_each_the_day_before():
    w = WorksWorld()
    w.read(10, 11, 12, **LUMEN)
    w.until(15)
    assert w.given == [
        (3, "7d", W1),
        (9, "24h", W1),
        (10, "24h", W1),
        (11, "24h", W1),
        (12.25, "end", W1),
    ]
    assert "Tue 1 Dec 03:00 to 09:00, Wed 2 Dec 03:00 to 09:00, Thu 3 Dec" in w.announced[0].text
    assert "Tue 1 Dec" not in w.announced[2].text


def test_windows_that_are_weeks_apart_have_digests_of_their_own():
    w = WorksWorld()
    w.read(10, 30, **LUMEN)
    w.until(31)
    about = [(at, about) for at, about, _ in w.given]
    assert about == [(3, "7d"), (9, "24h"), (23, "7d"), (29, "24h"), (30.25, "end")]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_restart_repeats_nothing_and_forgets_nothing(backwards):
    w = WorksWorld()
    w.read(10, **LUMEN)
    for at in (1, 3, 4, 9, 9.5, 10.1, 10.25, 12):
        w.until(at)
        w.restart(backwards=backwards)
    assert w.given == [(3, "7d", W1), (9, "24h", W1), (10.25, "end", W1)]


def test_what_became_due_while_nobody_watched_is_announced_after_the_start():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.now += timedelta(days=8)
    w.restart()
    assert w.given == [(8, "7d", W1)]
    assert w.text.startswith("In 2 days")


def test_moved_works_are_announced_with_both_times_and_have_digests_for_the_new_ones():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(20, at=4, **LUMEN)
    assert w.text == (
        "Moved: NYC-LON 1 down, Fri 11 Dec 03:00 to 09:00 UTC, Lumen W1;"
        " it was Tue 1 Dec 03:00 to 09:00 UTC"
    )
    w.until(21)
    assert w.given == [
        (3, "7d", W1),
        (4, "moved", W1),
        (13, "7d", W1),
        (19, "24h", W1),
        (20.25, "end", W1),
    ]


def test_works_that_move_before_anybody_was_notified_are_announced_like_new_ones():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(20, at=1, **LUMEN)
    w.until(14)
    assert w.given == [(13, "7d", W1)]


def test_a_move_to_soon_says_what_a_digest_would():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(5, at=4.5, **LUMEN)
    assert w.given == [(3, "7d", W1), (4.5, "moved", W1)]
    w.until(5.1)
    assert w.given == [(3, "7d", W1), (4.5, "moved", W1)]


def test_another_circuit_in_a_later_notice_is_announced():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(10, at=4, circuits=("1-ABC", "2-DEF"))
    assert w.given[-1] == (4, "moved", W1)
    assert w.text.startswith("Changed: NYC-LON 1 and NYC-PAR 2 down")


def test_cancelled_works_say_nothing_after_their_cancellation():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(10, at=4, status=WorkStatus.CANCELLED, **LUMEN)
    assert w.text == "Cancelled: works on NYC-LON 1, Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1"
    assert w.incident.title == w.text
    assert w.incident.resolution is model.Resolution.ENDED
    w.until(12)
    assert w.given == [(3, "7d", W1), (4, "end", W1)]


def test_a_window_that_is_cancelled_under_a_name_of_its_own_is_said_in_the_thread_of_the_works():
    w = WorksWorld()
    w.read(10, 11, at=4, **LUMEN)
    w.read(10, at=5, id="W1-1", status=WorkStatus.CANCELLED, **LUMEN)
    assert w.given == [(4, "7d", W1), (5, "moved", W1)]
    assert w.text == (
        "Changed: NYC-LON 1 down, Wed 2 Dec 03:00 to 09:00 UTC, Lumen W1;"
        " cancelled: Tue 1 Dec 03:00 to 09:00 UTC"
    )
    assert w.announced[-1].notify
    assert w.incident.title == "Planned: NYC-LON 1 down Wed 2 Dec 03:00 to 09:00 UTC"
    w.read(10, at=6, id="W1-1", status=WorkStatus.CANCELLED, **LUMEN)
    w.restart()
    w.until(8)
    assert len(w.given) == 2


def test_the_thread_ends_when_the_only_window_is_cancelled_under_a_name_of_its_own():
    w = WorksWorld()
    w.read(10, at=4, **LUMEN)
    w.read(10, at=5, id="W1-1", status=WorkStatus.CANCELLED, **LUMEN)
    assert w.given == [(4, "7d", W1), (5, "end", W1)]
    assert w.text == "Cancelled: works on NYC-LON 1, Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1-1"
    assert w.incident.status is IncidentStatus.RESOLVED
    w.until(12)
    assert len(w.given) == 2


def test_a_window_that_goes_on_under_a_name_of_its_own_is_not_said_to_be_gone():
    w = WorksWorld()
    w.read(10, 11, at=4, **LUMEN)
    w.read(10, at=5, id="W1-1", **LUMEN)
    assert w.given == [(4, "7d", W1), (5, "7d", f"{W1}-1")]
    w.read(10, at=6, id="W1-1", status=WorkStatus.CANCELLED, **LUMEN)
    assert w.given[2:] == [(6, "end", f"{W1}-1")]


def test_a_window_that_is_cancelled_before_the_works_are_announced_is_not_mentioned():
    w = WorksWorld()
    w.read(20, 21, at=1, **LUMEN)
    w.read(20, at=5, id="W1-1", status=WorkStatus.CANCELLED, **LUMEN)
    assert w.given == []
    w.until(15)
    assert w.given == [(14, "7d", W1)]
    assert "Fri 11 Dec" not in w.text


def test_works_that_are_cancelled_before_anybody_was_notified_are_not_announced():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(10, at=1, status=WorkStatus.CANCELLED, **LUMEN)
    w.until(12)
    assert w.announced == []


def test_cancelled_works_that_take_place_after_all_are_announced_again():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(10, at=4, status=WorkStatus.CANCELLED, **LUMEN)
    w.read(10, at=5, **LUMEN)
    assert w.given[2:] == [(5, "7d", W1)]
    assert w.text.startswith("In 5 days: NYC-LON 1")


def test_postponed_works_without_a_new_time_end_their_thread():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(10, at=4, status=WorkStatus.RESCHEDULED, **LUMEN)
    assert w.text == (
        "Postponed: works on NYC-LON 1, Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1; no new time yet"
    )
    w.until(12)
    assert w.given == [(3, "7d", W1), (4, "end", W1)]


def test_completed_works_end_their_thread():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.read(10, at=10.1, status=WorkStatus.COMPLETED, **LUMEN)
    assert w.text == "Completed: works on NYC-LON 1, Lumen W1"
    w.until(12)
    assert len(w.announced) == 3


def test_a_carriers_word_that_changes_no_plan_is_a_quiet_entry():
    w = WorksWorld()
    w.read(10, at=4, status=WorkStatus.TENTATIVE, **LUMEN)
    assert w.text.endswith("Lumen W1 (tentative)")
    w.read(10, at=5, status=WorkStatus.CONFIRMED, **LUMEN)
    assert (w.text, w.announced[-1].notify) == ("Lumen says: confirmed", False)
    w.read(10, at=6, status=WorkStatus.IN_PROCESS, **LUMEN)
    assert (w.text, w.announced[-1].notify) == ("Lumen says: under way", False)


def test_a_person_confirms_works_and_withdraws_that():
    w = WorksWorld()
    w.read(10, at=4, **LUMEN)
    w.step(model.WorkConfirmed(work=W1, by="ann"))
    assert (w.incident.status, w.incident.acknowledged_by) == (IncidentStatus.ACKNOWLEDGED, "ann")
    assert (w.text, w.announced[-1].by) == ("confirmed by ann", "ann")
    w.step(model.Unacknowledged(incident=w.incident.id, by="bob"))
    assert (w.incident.status, w.incident.acknowledged_by) == (IncidentStatus.OPEN, None)
    assert w.state.works[W1].confirmed_by == ""
    w.step(model.Acknowledged(incident=w.incident.id, by="bob"))
    assert w.state.works[W1].confirmed_by == w.incident.acknowledged_by == "bob"
    w.until(9.5)
    assert w.given[-1] == (9, "24h", W1)
    assert w.incident.acknowledged_by == "bob"


def test_works_that_somebody_has_confirmed_before_are_announced_as_confirmed():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.step(model.WorkConfirmed(work=W1, by="ann"))
    assert w.announced == []
    w.until(4)
    assert (w.incident.status, w.incident.acknowledged_by) == (IncidentStatus.ACKNOWLEDGED, "ann")


def test_dismissed_works_say_who_has_dismissed_them_and_nothing_more():
    w = WorksWorld()
    w.read(10, at=4, **LUMEN)
    w.step(model.WorkDismissed(work=W1, by="ann"))
    assert w.text == (
        "Dismissed by ann: works on NYC-LON 1, Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1;"
        " outages call people"
    )
    w.read(20, at=5, **LUMEN)
    w.until(30)
    assert w.given == [(4, "7d", W1), (4, "end", W1)]


def test_dismissed_works_that_are_confirmed_later_are_announced_again():
    w = WorksWorld()
    w.read(10, at=4, **LUMEN)
    w.step(model.WorkDismissed(work=W1, by="ann"))
    w.step(model.WorkConfirmed(work=W1, by="bob"), timedelta(days=6))
    assert w.given[2:] == [(6, "7d", W1)]
    assert len(w.incidents) == 2
    w.step(model.WorkDismissed(work=W1, by="ann"))
    w.step(model.WorkConfirmed(work=W1, by="bob"))
    assert len(w.incidents) == 2  # one that has just ended is reopened
    assert w.timeline[-1] == "reopened"


def test_an_announcement_cannot_be_resolved_by_hand():
    w = WorksWorld()
    w.read(10, at=4, **LUMEN)
    with pytest.raises(engine.IllegalCommand, match="watcher works dismiss 'lumen/W1'"):
        w.step(model.ResolvedByHand(incident=w.incident.id, by="ann"))
    assert w.incident.status is IncidentStatus.OPEN


def test_times_are_on_the_teams_clocks_as_well():
    w = WorksWorld(zone="America/New_York")
    w.read(10, at=4, **LUMEN)
    assert "Tue 1 Dec 03:00 to 09:00 UTC (Mon 30 Nov 22:00 to 04:00 EST)" in w.text
    w = WorksWorld(zone="Europe/London")
    w.read(10, at=4, **LUMEN)
    assert "Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1" in w.text


def test_the_clock_of_the_machine_moves_no_window():
    w = WorksWorld()
    w.read(10, **LUMEN)
    w.until(2)
    w.now += timedelta(days=2)
    w.step(model.ClockStepped(by=timedelta(days=2)))
    assert w.given == [(4, "7d", W1)]
    w.now -= timedelta(days=3)
    w.step(model.ClockStepped(by=timedelta(days=-3)))
    w.until(8)
    assert w.given == [(4, "7d", W1)]
    assert w.incident.planned.begin == w.state.works[W1].windows[0].begin


def test_a_clock_that_is_set_moves_no_window_of_works_that_are_over():
    w = WorksWorld()
    w.read(10, at=4, **LUMEN)
    w.until(10.25)
    begin = w.incident.planned.begin
    w.now += timedelta(minutes=5)
    w.step(model.ClockStepped(by=timedelta(minutes=5)))
    assert w.incident.resolved_at == w.now
    assert w.incident.planned.begin == begin


def test_works_without_impact_are_announced_as_such():
    w = WorksWorld()
    w.read(10, at=4, impact=WorkImpact.NO_IMPACT, **LUMEN)
    assert w.incident.title.startswith("Planned: NYC-LON 1 (no impact) Tue 1 Dec")


def test_each_impact_is_named_the_worst_first():
    w = WorksWorld()
    circuits = [
        model.AffectedCircuit(id="2-DEF", impact=WorkImpact.REDUCED_REDUNDANCY),
        model.AffectedCircuit(id="1-abc ", impact=WorkImpact.DEGRADED),
        model.AffectedCircuit(id="1-ABC", impact=WorkImpact.OUTAGE),
        model.AffectedCircuit(id="3-GHI", impact=WorkImpact.DEGRADED),
    ]
    window = notice((10 * DAY, 10 * DAY + 360)).windows
    read = notice(read=4 * DAY)
    w.read_notice(
        model.Notice(
            provider="lumen",
            id="W1",
            status=WorkStatus.CONFIRMED,
            windows=window,
            circuits=tuple(circuits),
            received_at=read.received_at,
        ),
        4,
    )
    assert "NYC-LON 1 down, Lyon 3 degraded, NYC-PAR 2 without redundancy" in w.text
    assert w.incident.severity is Severity.WARNING  # two circuits of one site


def test_where_nobody_is_to_be_announced_nothing_is_announced():
    w = WorksWorld()
    w.reload(works=engine.WorksPolicy())
    w.read(10, at=4, **LUMEN)
    w.until(9.5)
    assert w.incidents == ()
