"""Laws of the ledger over random histories."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.ledger.test_ledger import (
    DAY,
    END,
    MINUTE,
    START,
    announced,
    built,
    failed,
    polled,
    record,
    ruleset,
    started,
)
from watcher.ledger import history, ledger
from watcher.ledger.states import Condition
from watcher.store import codec

STATES = ("online", "impaired", "degraded", "offline", "unknown")
moments = st.integers(0, 30 * 1440).map(lambda minutes: minutes * MINUTE)


@st.composite
def journals(draw):
    """Draw records in the order of their times: polls, failures, starts and readings."""
    records, before = [], timedelta(0)
    for at in sorted(draw(st.lists(moments, min_size=1, max_size=12))):
        kind = draw(st.sampled_from(["poll", "poll", "poll", "fail", "start", "record"]))
        match kind:
            case "poll":
                names = draw(st.sets(st.sampled_from("ab"), min_size=1))
                states = {name: draw(st.sampled_from(STATES)) for name in sorted(names)}
                records.append(polled(at, **states))
            case "fail":
                records.append(failed(at))
            case "start":
                records.append(started(at, last=before))
            case "record" if before < at:
                begin = draw(st.integers(0, (at - before) // MINUTE)) * MINUTE + before
                alarms = [] if begin == at else [(draw(st.sampled_from(STATES[2:])), begin, at)]
                records.append(record(at, "vyvx/a", before, at, *alarms))
        before = at
    return records


windows = st.lists(st.tuples(moments, moments).map(sorted), max_size=3).map(
    lambda drawn: [(START + opens, START + closes) for opens, closes in drawn]
)


def courses(*records, **more):
    return [circuit.course for circuit in built(*records, **more).circuits]


@given(journals(), windows)
def test_every_moment_has_one_condition_and_they_sum_to_the_month(records, planned):
    for circuit in courses(*records, planned=announced(*planned)):
        assert sum(circuit.lengths.values(), timedelta(0)) == END - START
        assert circuit.spans[0].start == START
        assert circuit.spans[-1].end == END
        assert all(first.end == second.start for first, second in pairwise(circuit.spans))


@given(journals(), windows)
def test_announced_works_only_move_bad_time_to_planned_time(records, planned):
    before = courses(*records)
    after = courses(*records, planned=announced(*planned))
    bad = (Condition.DOWN, Condition.DEGRADED, Condition.PLANNED)
    for first, second in zip(before, after, strict=True):
        assert first.of(*bad) == second.of(*bad)
        for kept in (Condition.UP, Condition.BLIND, Condition.UNUSED):
            assert first.of(kept) == second.of(kept)
        inside = sum(
            (outage.planned for outage in second.outages),
            timedelta(0),
        )
        assert inside == second.of(Condition.PLANNED)


@given(journals())
def test_the_outages_are_all_the_bad_time_and_never_touch(records):
    for circuit in courses(*records):
        lengths = (outage.length for outage in circuit.outages)
        assert sum(lengths, timedelta(0)) == circuit.of(Condition.DOWN, Condition.DEGRADED)
        assert all(first.end < second.start for first, second in pairwise(circuit.outages))


@given(journals())
def test_polls_that_change_nothing_change_nothing(records):
    """The journal leaves them out, so a replay of it has the same ledger."""
    repeated, states, seen = [], {}, False
    for entry in records:
        repeated.append(entry)
        what = entry.what
        if hasattr(what, "seen"):
            states |= {observed.key: observed for observed in what.seen}
            seen = True
        elif not hasattr(what, "subject"):
            seen = False
        if seen:
            again = polled(entry.at - START + timedelta(seconds=1))
            repeated.append(again)
    assert built(*repeated) == built(*records)


@given(journals(), windows)
def test_the_ledger_of_a_journal_is_that_of_what_the_store_gives_back(records, planned):
    """What a replay reads is each record as its row has it."""
    read_again = [
        replace(
            entry, what=codec.decode_record(codec.kind_of(entry.what), codec.encode(entry.what))
        )
        for entry in records
    ]
    works = announced(*planned)
    assert built(*read_again, planned=works) == built(*records, planned=works)


@given(journals(), st.integers(1, 29))
def test_the_ledgers_of_two_parts_of_a_month_are_the_ledger_of_the_month(records, days):
    cut = START + days * DAY
    folded, rules = history.fold(records), ruleset()
    whole = ledger.build(folded, rules, START, END)
    parts = [
        ledger.build(folded, rules, START, cut),
        ledger.build(folded, rules, cut, END),
    ]
    for circuit, *halves in zip(whole.circuits, *(part.circuits for part in parts), strict=True):
        for condition in Condition:
            together = sum((half.course.of(condition) for half in halves), timedelta(0))
            assert circuit.course.of(condition) == together
