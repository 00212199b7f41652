"""Which windows of planned works count in the ledger: as they were announced before they began."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START as NOTICES
from tests.fakes.engine_world import traits
from tests.fakes.notices import notice
from tests.unit.ledger.test_ledger import START as MONTH
from tests.unit.ledger.test_ledger import polled, ruleset
from watcher import engine, model
from watcher.engine.works.notices import with_notice
from watcher.ledger import history, ledger
from watcher.ledger.states import Condition
from watcher.ledger.works import AnnouncedWorks
from watcher.model import WorkImpact, WorkStatus

A = engine.InventoryEntry(circuit_ids=("c1",))


def work_of(*notices):
    work = None
    for item in notices:
        work = with_notice(work, item)
    return work


def windows(*notices, entry=A, parts=(), **changes):
    """Return begin, end and time of announcement of what counts, in minutes after START."""
    work = replace(work_of(*notices), **changes)
    counted = AnnouncedWorks([work, *parts], engine.WorksPolicy())(entry, traits("vyvx"))
    return [
        tuple(int((at - NOTICES) / timedelta(minutes=1)) for at in (item.begin, item.end, item.at))
        for item in counted
    ]


def test_a_window_counts_as_it_was_announced():
    assert windows(notice((10, 60), (100, 120), read=3)) == [(10, 60, 3), (100, 120, 3)]


def test_one_that_was_announced_after_it_began_does_not_count():
    assert windows(notice((10, 60), read=11)) == []


def test_what_was_added_after_it_began_does_not_count():
    longer = notice((10, 90), sequence=2, read=20)
    assert windows(notice((10, 60), sequence=1), longer) == [(10, 60, 0)]


@pytest.mark.parametrize("status", [WorkStatus.CANCELLED, WorkStatus.COMPLETED])
def test_one_that_is_cancelled_or_completed_while_it_is_open_counts_until_then(status):
    over = notice((10, 60), sequence=2, read=30, status=status)
    assert windows(notice((10, 60), sequence=1), over) == [(10, 30, 0)]


def test_one_that_is_cancelled_before_it_begins_does_not_count():
    over = notice((10, 60), sequence=2, read=9, status=WorkStatus.CANCELLED)
    assert windows(notice((10, 60), sequence=1), over) == []


def test_one_that_is_moved_counts_where_it_was_moved_to():
    moved = notice((200, 260), sequence=2, read=9, status=WorkStatus.RESCHEDULED)
    assert windows(notice((10, 60), sequence=1), moved) == [(200, 260, 9)]


def test_works_that_were_dismissed_do_not_count():
    assert windows(notice((10, 60)), dismissed_by="ann") == []


@pytest.mark.parametrize("impact", [WorkImpact.NO_IMPACT, WorkImpact.REDUCED_REDUNDANCY])
def test_works_that_announce_no_impact_excuse_nothing(impact):
    assert windows(notice((10, 60), impact=impact)) == []


def test_a_window_of_a_year_counts_only_if_somebody_has_confirmed_it():
    year = notice((10, 365 * 24 * 60))
    assert windows(year) == []
    assert windows(year, confirmed_by="ann") == [(10, 365 * 24 * 60, 0)]


@pytest.mark.parametrize(
    ("read", "status", "end"),
    [
        (30, WorkStatus.COMPLETED, 30),
        (30, WorkStatus.CANCELLED, 30),
        (5, WorkStatus.CANCELLED, None),
        (5, WorkStatus.CONFIRMED, 60),
    ],
)
def test_what_is_written_of_one_window_shortens_that_one(read, status, end):
    part = work_of(notice((10, 60), id="W1-1", read=read, status=status, circuits=("C9",)))
    kept = [(10, end, 0)] if end else []
    assert windows(notice((10, 60), (100, 120)), parts=[part]) == [*kept, (100, 120, 0)]


@pytest.mark.parametrize("part", ["W1/a", "W1-1"])
@pytest.mark.parametrize(("read", "end"), [(30, 30), (5, None)])
def test_a_whole_that_is_cancelled_shortens_its_parts(part, read, end):
    whole = work_of(notice(circuits=(), read=read, status=WorkStatus.CANCELLED))
    kept = [(10, end, 0)] if end else []
    assert windows(notice((10, 60), id=part), parts=[whole]) == kept


def test_works_of_another_carrier_or_circuit_do_not_count():
    assert windows(notice((10, 60), provider="zayo")) == []
    assert windows(notice((10, 60), circuits=("C2",))) == []


def test_the_ledger_of_a_month_has_the_announced_time_as_planned():
    begin = MONTH + timedelta(hours=1)
    announced = replace(
        notice(read=0),
        windows=(model.WorkWindow(begin=begin, end=begin + timedelta(hours=2)),),
        received_at=MONTH,
    )
    rules = ruleset(vyvx_a=A)
    records = [
        polled(timedelta(0), a="online"),
        polled(timedelta(hours=2), a="offline"),
        polled(timedelta(hours=4), a="online"),
    ]
    (circuit,) = ledger.build(
        history.fold(records),
        rules,
        MONTH,
        MONTH + timedelta(days=30),
        planned=AnnouncedWorks([work_of(announced)], rules.works),
    ).circuits
    assert circuit.course.of(Condition.PLANNED) == timedelta(hours=1)
    assert circuit.course.of(Condition.DOWN) == timedelta(hours=1)
