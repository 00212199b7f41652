"""The differ's laws: what it reports rebuilds the snapshots, and without a change it is silent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher import model
from watcher.vendors import poller

IDS = [str(n) for n in range(6)]


def translate(i: str, reading: object) -> model.Observed:
    return model.Observed(key=f"s/{i}", fields={"state": str(reading)})


def snapshot(readings=None, *, unreadable=(), complete=True, **named) -> model.Snapshot:
    return model.Snapshot(
        readings={**(readings or {}), **named},
        translate=translate,
        unreadable=tuple(unreadable),
        complete=complete,
    )


def states_of(polled: model.Polled) -> dict[str, object]:
    return {subject.key: subject.fields["state"] for subject in polled.seen}


def test_the_first_snapshot_reports_every_subject():
    polled = poller.Differ("s").compare(snapshot(a="up", b="down"))
    assert states_of(polled) == {"s/a": "up", "s/b": "down"}
    assert (polled.total, polled.absent, polled.complete) == (2, (), True)


def test_only_what_changed_is_translated():
    asked = []

    def counting(i: str, reading: object) -> model.Observed:
        asked.append(i)
        return translate(i, reading)

    differ = poller.Differ("s")
    differ.compare(snapshot(a=1, b=1))
    changed = model.Snapshot(readings={"a": 1, "b": 2, "c": 1}, translate=counting)
    assert states_of(differ.compare(changed)) == {"s/b": "2", "s/c": "1"}
    assert asked == ["b", "c"]


@pytest.mark.covers("vyvx/vanishes")
def test_an_absent_subject_is_reported_three_times_and_then_forgotten():
    differ = poller.Differ("s")
    differ.compare(snapshot(a=1, b=1))
    assert [differ.compare(snapshot(a=1)).absent for _ in range(5)] == [("s/b",)] * 3 + [()] * 2


def test_a_subject_that_comes_back_unchanged_is_reported_again():
    differ = poller.Differ("s")
    differ.compare(snapshot(a=1, b=1))
    differ.compare(snapshot(a=1))
    polled = differ.compare(snapshot(a=1, b=1))
    assert (states_of(polled), polled.absent) == ({"s/b": "1"}, ())
    assert differ.compare(snapshot(a=1, b=1)).absent == ()
    assert [differ.compare(snapshot(a=1)).absent for _ in range(4)] == [("s/b",)] * 3 + [()]


def test_what_went_away_while_the_daemon_was_down_is_absent():
    differ = poller.Differ("s", known_ids=["a", "gone"])
    assert [differ.compare(snapshot(a=1)).absent for _ in range(4)] == [("s/gone",)] * 3 + [()]


@pytest.mark.covers("vyvx/malformed-entry")
def test_an_unreadable_subject_is_neither_absent_nor_changed():
    differ = poller.Differ("s", known_ids=["z"])
    differ.compare(snapshot(a=1, b=1, z=1))
    polled = differ.compare(snapshot(a=1, unreadable=["b", "z"]))
    assert (polled.seen, polled.absent) == ((), ())
    assert (polled.unreadable, polled.total) == (("s/b", "s/z"), 3)
    assert differ.compare(snapshot(a=1, b=1, z=1)).seen == ()


def test_a_known_subject_that_was_never_readable_is_not_absent():
    differ = poller.Differ("s", known_ids=["a"])
    assert differ.compare(snapshot(b=1, unreadable=["a"])).absent == ()
    assert differ.compare(snapshot(b=1)).absent == ("s/a",)


def test_an_incomplete_snapshot_vanishes_nothing_and_forgets_nothing():
    differ = poller.Differ("s")
    differ.compare(snapshot(a=1, b=1, c=1))
    differ.compare(snapshot(a=1, b=1))
    polled = differ.compare(snapshot(a=2, complete=False))
    assert (states_of(polled), polled.absent, polled.complete) == ({"s/a": "2"}, (), False)
    after = differ.compare(snapshot(a=2, b=1))
    assert (after.seen, after.absent) == ((), ("s/c",))
    assert differ.compare(snapshot(a=2)).absent == ("s/c", "s/b")


def test_samples_and_vendor_facts_pass_through():
    sample = model.Sample(subject="s/a", metric="m", at=datetime(2026, 3, 1, tzinfo=UTC), value=1.0)
    sampled = model.Snapshot(readings={}, translate=translate, samples=(sample,))
    assert poller.Differ("s").compare(sampled).samples == (sample,)


@st.composite
def snapshots(draw):
    readings = draw(st.dictionaries(st.sampled_from(IDS), st.integers(0, 2)))
    unreadable = draw(st.sets(st.sampled_from(IDS))) - readings.keys()
    return snapshot(readings, unreadable=sorted(unreadable), complete=draw(st.booleans()))


@given(st.lists(snapshots(), max_size=12), st.sets(st.sampled_from(IDS)))
def test_applying_what_is_reported_gives_the_snapshots_back(polls, existing):
    differ = poller.Differ("s", existing)
    mirror: dict[str, object] = {}
    for poll in polls:
        polled = differ.compare(poll)
        mirror.update(states_of(polled))
        for key in polled.absent:
            mirror.pop(key, None)
        named = {f"s/{i}": str(reading) for i, reading in poll.readings.items()}
        assert named.items() <= mirror.items()
        if poll.complete:
            assert mirror.keys() <= named.keys() | {f"s/{i}" for i in poll.unreadable}
        assert not set(polled.absent) & (named.keys() | {f"s/{i}" for i in poll.unreadable})
        assert poll.complete or not polled.absent


@given(st.lists(snapshots(), max_size=6), snapshots())
def test_the_same_snapshot_again_reports_nothing_new(polls, last):
    differ = poller.Differ("s")
    for poll in [*polls, last]:
        differ.compare(poll)
    again = differ.compare(last)
    assert again.seen == ()
    for _ in range(poller.TIMES_REPORTED):
        again = differ.compare(last)
    assert (again.seen, again.absent) == ((), ())


@given(st.lists(snapshots(), max_size=12), st.sets(st.sampled_from(IDS)))
def test_a_subject_is_reported_absent_at_most_three_times_in_a_row(polls, existing):
    differ = poller.Differ("s", existing)
    times_absent: dict[str, int] = {}
    for poll in polls:
        polled = differ.compare(poll)
        for subject in polled.seen:
            times_absent.pop(subject.key, None)
        for key in polled.absent:
            times_absent[key] = times_absent.get(key, 0) + 1
            assert times_absent[key] <= poller.TIMES_REPORTED


def test_an_answer_in_another_order_has_not_changed():
    differ = poller.Differ("s")
    differ.compare(snapshot({"a": 1, "b": 2, "c": 3}))
    assert differ.compare(snapshot({"c": 3, "a": 1, "b": 2})).seen == ()
    assert states_of(differ.compare(snapshot({"b": 3, "c": 3, "a": 1}))) == {"s/b": "3"}
