"""How far a PDF is, as its receipt says it."""

from datetime import UTC, datetime

import pytest

from watcher.receivers.mqtt.reports import MOST_TRIES, Progress, ReportState, refused_sizes

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)


def lost(times):
    state = ReportState()
    for _ in range(times):
        state = state.lost(1_200_000, NOW)
    return state


@pytest.mark.parametrize(
    "state",
    [
        ReportState(progress=Progress.DONE),
        ReportState(progress=Progress.DONE, suffixed=True),
        ReportState(progress=Progress.WITHHELD),
        lost(1),
        lost(MOST_TRIES),
    ],
)
def test_what_stands_in_a_receipt_is_read_back(state):
    assert ReportState.parse(str(state)) == state


def test_the_third_lost_connection_is_the_last():
    assert [lost(times).settled for times in (1, 2, 3)] == [False, False, True]
    [(size, at)] = refused_sizes([str(lost(MOST_TRIES)), str(lost(1)), "withheld"])
    assert (size, at) == (1_200_000, NOW)


@pytest.mark.parametrize("words", ["", "parsed", "done", "done x 1 2", "withheld 1 2 3 4"])
def test_what_an_earlier_version_or_another_wrote_is_no_error(words):
    assert ReportState.parse(words).progress in (Progress.NEW, Progress.WITHHELD)


def test_a_pdf_of_an_earlier_version_is_published_again_and_both_are_removed_later():
    state = ReportState.parse("published")
    assert not state.settled
    assert state.suffixed
    assert ReportState.parse("withheld").settled
