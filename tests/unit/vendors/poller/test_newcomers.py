"""Ids that change from poll to poll do not fill the database: how many are new is bounded."""

from __future__ import annotations

import pytest

from watcher import model
from watcher.vendors.poller import MOST_NEW, TOO_MANY_NEW, Differ

HOUR = 3_600.0


def listed(*spans: range) -> model.Snapshot:
    return model.Snapshot(
        readings={str(i): 1 for span in spans for i in span},
        translate=lambda identity, _: model.Observed(key=f"vyvx/{identity}", fields={}),
    )


def test_the_first_answer_is_taken_whole():
    polled = Differ("vyvx").compare(listed(range(3 * MOST_NEW)))
    assert (len(polled.seen), polled.remarks) == (3 * MOST_NEW, ())


def test_ids_that_change_from_poll_to_poll_come_in_at_a_bounded_rate_and_it_is_said():
    differ, seen, remarks = Differ("vyvx"), 0, set()
    for number in range(60):  # a thousand new ones each two seconds
        polled = differ.compare(listed(range(1_000 * number, 1_000 * (number + 1))), 2.0 * number)
        seen += len(polled.seen)
        remarks.update(polled.remarks)
    assert MOST_NEW <= seen <= 1.1 * MOST_NEW + 1_000
    assert remarks
    assert all(TOO_MANY_NEW in remark for remark in remarks)


def test_what_had_to_wait_comes_in_later_and_what_is_known_is_never_left_out():
    differ = Differ("vyvx")
    differ.compare(listed(range(100)))
    polled = differ.compare(listed(range(100), range(1_000, 1_000 + MOST_NEW + 50)), 1.0)
    assert len(polled.seen) == pytest.approx(MOST_NEW, abs=10)
    assert not polled.absent
    rest = MOST_NEW + 50 - len(polled.seen)
    polled = differ.compare(listed(range(100), range(1_000, 1_000 + MOST_NEW + 50)), HOUR)
    assert (len(polled.seen), polled.remarks) == (rest, ())


def test_a_large_source_may_have_all_its_ids_renamed_at_once():
    differ = Differ("vyvx")
    differ.compare(listed(range(50_000)))
    polled = differ.compare(listed(range(50_000, 100_000)), 1.0)
    assert (len(polled.seen), polled.remarks) == (50_000, ())


def test_what_the_store_remembers_is_not_new():
    differ = Differ("vyvx", known_ids=map(str, range(2 * MOST_NEW)))
    differ.compare(listed(range(10)))
    polled = differ.compare(listed(range(2 * MOST_NEW)), 1.0)
    assert polled.remarks == ()
