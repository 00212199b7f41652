"""Which notice of a maintenance counts, and what becomes of its windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.engine_world import of_kind, world
from tests.fakes.notices import notice, window
from watcher import engine, model
from watcher.engine.works.notices import with_notice
from watcher.model import WorkStatus


def work_of(*notices):
    work = None
    for item in notices:
        work = with_notice(work, item)
    return work


NOTICES = st.lists(
    st.builds(
        notice,
        st.tuples(st.integers(0, 3), st.integers(4, 6)),
        sequence=st.none() | st.integers(0, 2),
        stamp=st.none() | st.integers(0, 9),
        read=st.integers(0, 9),
        status=st.sampled_from(WorkStatus),
        origin=st.sampled_from(["a", "b"]),
    ),
    min_size=1,
    max_size=7,
)


@given(notices=NOTICES, data=st.data())
def test_any_order_of_arrival_ends_in_the_same_work(notices, data):
    other = data.draw(st.permutations(notices))
    assert work_of(*notices) == work_of(*other)


@given(notices=NOTICES)
def test_a_notice_that_comes_twice_is_one(notices):
    again = [replace(item, received_at=notices[-1].received_at) for item in notices]
    work = work_of(*notices)
    for item in (
        *notices,
        *(item for item in again if item.received_at >= work.notice.received_at),
    ):
        assert {kept.digest for kept in with_notice(work, item).notices} == {
            kept.digest for kept in work.notices
        }


def test_a_higher_sequence_replaces_a_lower_one_whatever_was_read_last():
    new, old = notice((5, 6), sequence=2, read=0), notice((1, 2), sequence=1, read=9)
    assert work_of(new, old).notice == new
    assert work_of(new, old).windows == (window(5, 6),)


def test_without_a_sequence_the_stamp_decides():
    new, old = notice((5, 6), stamp=8, read=8), notice((1, 2), stamp=1, read=9)
    assert work_of(new, old).notice == new
    mixed = notice((7, 8), sequence=4, stamp=2, read=9)
    assert work_of(new, mixed).notice == new


def test_a_stamp_that_lies_ahead_wins_no_longer_than_until_a_later_notice():
    ahead, later = notice((1, 2), stamp=1_000_000, read=1), notice((5, 6), stamp=3, read=3)
    assert work_of(ahead, later).notice == later


def test_two_windows_of_one_notice_are_both_kept():
    assert work_of(notice((1, 2), (5, 6))).windows == (window(1, 2), window(5, 6))


def test_a_cancelled_work_has_no_windows():
    work = work_of(
        notice((1, 2), sequence=1), notice((1, 2), sequence=2, status=WorkStatus.CANCELLED)
    )
    assert work.windows == ()
    assert work.end is None


def test_a_rescheduled_work_has_its_new_windows_alone():
    moved = notice((1, 2), (8, 9), sequence=2, status=WorkStatus.RESCHEDULED)
    work = work_of(notice((1, 2), sequence=1), moved)
    assert work.windows == (window(8, 9),)
    assert work.moved_from == (window(1, 2),)
    again = work_of(notice((1, 2), sequence=1), moved, replace(moved, sequence=3))
    assert again.windows == (window(8, 9),)


def test_a_rescheduled_work_that_names_its_old_windows_alone_has_none():
    moved = notice((1, 2), sequence=2, status=WorkStatus.RESCHEDULED)
    assert work_of(notice((1, 2), sequence=1), moved).windows == ()


def test_a_completed_work_ends_when_that_was_read():
    done = notice((1, 20), (30, 40), sequence=2, read=7, status=WorkStatus.COMPLETED)
    work = work_of(notice((1, 20), (30, 40), sequence=1), done, replace(done, sequence=3))
    assert work.windows == (window(1, 7),)


def test_two_providers_with_one_id_are_two_works():
    w = world()
    for provider in ("lumen", "orange"):
        w.step(model.NoticeRead(notice=notice((1, 2), provider=provider)))
    assert sorted(w.state.works) == ["lumen/W1", "orange/W1"]


def test_a_notice_is_kept_once_and_survives_a_restart():
    w = world()
    (work,) = w.step(model.NoticeRead(notice=notice((1, 2))))
    assert work == model.Work(notice=notice((1, 2)))
    assert w.step(model.NoticeRead(notice=notice((1, 2), read=4, origin="file b.ics"))) == ()
    w.restart()
    assert w.state.works == {"lumen/W1": work}


def test_an_older_notice_that_arrives_late_changes_nothing_that_counts():
    w = world()
    w.step(model.NoticeRead(notice=notice((1, 2), sequence=3)))
    (work,) = of_kind(
        w.step(model.NoticeRead(notice=notice((5, 6), sequence=2, read=1))), model.Work
    )
    assert (work.notice.sequence, work.windows, work.moved_from) == (
        3,
        (window(1, 2),),
        (window(5, 6),),
    )


def test_who_confirms_and_who_dismisses_is_kept():
    w = world()
    w.step(model.NoticeRead(notice=notice((1, 2))))
    w.step(model.WorkDismissed(work="lumen/W1", by="ann"))
    assert (w.state.works["lumen/W1"].dismissed_by, w.state.works["lumen/W1"].windows) == (
        "ann",
        (),
    )
    w.step(model.WorkConfirmed(work="lumen/W1", by="bob"))
    work = w.state.works["lumen/W1"]
    assert (work.confirmed_by, work.dismissed_by, work.windows) == ("bob", "", (window(1, 2),))


@pytest.mark.parametrize("command", [model.WorkConfirmed, model.WorkDismissed])
def test_works_that_nobody_announced_cannot_be_decided_about(command):
    with pytest.raises(engine.IllegalCommand, match="no planned works 'lumen/W9'"):
        world().step(command(work="lumen/W9", by="ann"))
