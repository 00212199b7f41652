"""What the board says, and in which order."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.fakes.sample_data import BEGIN, NOW, minutes
from watcher import model, ports
from watcher.operations import status
from watcher.web import board

SEEN = model.SourceHealth(source="vyvx", last_success=NOW, subjects=212)
HEALTHY = status.Receiver(
    name="noc",
    failing=False,
    failing_since=None,
    error="",
    permanent=False,
    owed=0,
    owed_since=None,
)
FAILS = replace(HEALTHY, failing=True, failing_since=NOW - minutes(14), error="channel_not_found")
USED = status.Usage(account="orange", month="2026-11", calls=7, calls_per_month=7)
STATUS = status.Status(
    instance="ops1",
    version="1",
    since=BEGIN,
    daemons=(ports.Daemon(instance="ops1", since=BEGIN, leads=True),),
    sources=(SEEN,),
    receivers=(HEALTHY,),
)


def compose(current=STATUS, **changes) -> board.Board:
    usual = {"live": (), "resolved": (), "stuck": "", "unreadable": "", "now": NOW}
    return board.compose(current, **{**usual, **changes})


def blind(**changes) -> model.SourceHealth:
    made = model.SourceHealth(
        source="evpl",
        sight=model.Visibility.BLIND,
        last_success=NOW - minutes(14),
        failing_since=NOW - minutes(13),
        error="no answer in 30 s",
        subjects=18,
    )
    return msgspec.structs.replace(made, **changes)


def test_all_is_calm_only_when_every_source_is_seen_and_every_receiver_notified():
    assert compose().calm
    assert compose().headline == "No open incidents"


def silenced(identity="s-1", *, begin=BEGIN, by="ann", **changes):
    matcher = model.Matcher(name="subject", value="*")
    usual = {"end": NOW + minutes(36), "comment": "works"}
    return model.Silence(id=identity, matchers=(matcher,), begin=begin, by=by, **(usual | changes))


def test_a_silence_stands_in_the_headline_and_the_board_is_not_calm():
    shown = compose(replace(STATUS, silences=(silenced(),)))
    assert shown.headline == "No open incidents, 1 silence until 04:00 UTC by ann"
    assert not shown.calm
    assert shown.silences == ("subject=* until 04:00 UTC by ann: works",)


def test_several_silences_are_counted_with_the_last_end_and_their_authors():
    several = [silenced(f"s-{n}", by=by) for n, by in enumerate("abcdd")]
    later = silenced("s-9", by="e", end=NOW + minutes(96))
    shown = compose(replace(STATUS, open=2, silences=(*several, later)))
    assert shown.headline == "2 open, 6 silences until 05:00 UTC by a, b, c and 2 more"


def test_a_silence_that_begins_later_is_listed_and_holds_nothing_back_yet():
    shown = compose(replace(STATUS, silences=(silenced(begin=NOW + minutes(6)),)))
    assert (shown.headline, shown.calm) == ("No open incidents", True)
    assert shown.silences == ("subject=* from 03:30 UTC until 04:00 UTC by ann: works",)


def test_an_open_maintenance_window_stands_in_the_headline():
    window = status.OpenWindow(name="weekly-test", until=NOW + minutes(36))
    shown = compose(replace(STATUS, windows=(window,)))
    assert shown.headline == "No open incidents, maintenance weekly-test until 04:00 UTC"
    assert not shown.calm


@pytest.mark.parametrize(
    ("current", "trouble"),
    [
        (replace(STATUS, sources=(SEEN, blind())), "evpl is blind: last known 14 min ago"),
        (
            replace(STATUS, sources=(blind(last_success=None),)),
            "evpl is blind: not polled yet",
        ),
        (
            replace(STATUS, sources=(blind(sight=model.Visibility.FAILING),)),
            "polls of evpl are failing",
        ),
        (replace(STATUS, receivers=(FAILS,)), "noc is failing"),
        (replace(STATUS, accounts=(USED,)), "account orange has used its call budget for 2026-11"),
        (
            replace(STATUS, accounts=(replace(USED, calls=1, trouble="no answer"),)),
            "account orange: vendor not responding",
        ),
        (replace(STATUS, receivers=(replace(FAILS, owed=3),)), "noc is failing: 3 pending"),
        (
            replace(STATUS, daemons=(replace(STATUS.daemons[0], leads=False),)),
            "No daemon is the leader: nothing is monitored",
        ),
        (
            replace(STATUS, refused=("rules/a.yaml:3: no such key",)),
            "The rules were not reloaded; the previous ones stay in force",
        ),
        (
            replace(STATUS, clock_step=model.ClockStep.by(minutes(-60), NOW)),
            (
                "The machine's clock was set back by 1 h at 03:24:12 UTC: check its time service"
                " (timedatectl, chronyc tracking)"
            ),
        ),
    ],
)
def test_whatever_is_wrong_with_watcher_is_beside_the_headline(current, trouble):
    shown = compose(current)
    assert shown.problems == (trouble,)
    assert not shown.calm


def test_a_loop_that_stands_still_is_said():
    shown = compose(stuck="ingest has made no progress for 31 s")
    assert shown.problems == ("Watcher is stuck: ingest has made no progress for 31 s",)
    assert not shown.calm


def test_a_source_that_was_not_polled_yet_is_no_reason_to_be_calm():
    assert not compose(replace(STATUS, sources=(model.SourceHealth(source="vyvx"),))).calm


def test_without_the_store_nothing_is_said_to_be_fine():
    waiting = replace(STATUS, daemons=(), sources=(model.SourceHealth(source="vyvx"),))
    shown = compose(waiting, unreadable="database is locked")
    assert shown.headline == "Status unknown"
    assert not shown.calm
    assert "database is locked" in shown.problems[0]
    remembered = compose(replace(STATUS, open=2), unreadable="database is locked")
    assert remembered.headline == "2 open"


def test_what_nobody_has_taken_comes_first_then_the_worst_then_the_newest():
    warning, acknowledged = model.Severity.WARNING, model.IncidentStatus.ACKNOWLEDGED
    live = [
        sample_data.incident("taken", status=acknowledged),
        sample_data.incident("silenced", suppressed_by=("s-1",)),
        sample_data.incident("lesser", severity=warning, opened_at=BEGIN + minutes(9)),
        sample_data.incident("older", opened_at=BEGIN - minutes(9)),
        sample_data.incident("newer"),
    ]
    order = [incident.id for incident in compose(live=live).incidents]
    assert order == ["newer", "older", "lesser", "silenced", "taken"]


def test_a_board_is_bounded_and_says_how_many_more_there_are():
    live = [sample_data.incident(f"w-{number}") for number in range(250)]
    shown = compose(replace(STATUS, open=250), live=live)
    assert len(shown.incidents) == board.MOST_INCIDENTS
    assert shown.more == 250 - board.MOST_INCIDENTS
    assert shown.more_by == (("208 critical", "severity=critical"), ("vyvx 208", "source=vyvx"))


def test_rows_get_denser_as_they_grow():
    density = {
        count: compose(live=[sample_data.incident(f"w-{n}") for n in range(count)]).density
        for count in (1, 5, 6, 14, 15, 60)
    }
    assert density == {1: "roomy", 5: "roomy", 6: "close", 14: "close", 15: "dense", 60: "dense"}


UNSEEN = blind(source="vyvx", sight=model.Visibility.FAILING, failing_since=NOW - minutes(0.55))


@pytest.mark.parametrize(
    ("current", "headline"),
    [
        (replace(STATUS, sources=(UNSEEN,)), "vyvx cannot be seen for 33 s, no open incidents"),
        (
            replace(STATUS, sources=(SEEN, blind(), UNSEEN), acknowledged=2),
            "evpl and vyvx cannot be seen for 13 min, 2 acknowledged, none open",
        ),
        (
            replace(STATUS, sources=(UNSEEN,), open=3, acknowledged=1),
            "3 open, 1 acknowledged, vyvx cannot be seen for 33 s",
        ),
        (
            replace(STATUS, sources=tuple(blind(source=f"s{n}") for n in range(5))),
            "5 of 5 sources cannot be seen for 13 min, no open incidents",
        ),
        (
            replace(STATUS, daemons=(replace(STATUS.daemons[0], leads=False),)),
            "Nothing is monitored, no open incidents",
        ),
    ],
)
def test_that_nothing_is_open_comes_after_what_makes_it_doubtful(current, headline):
    assert compose(current).headline == headline


def test_what_merged_into_a_storm_is_not_listed_as_resolved():
    over = [
        sample_data.incident(name, resolution=resolution, resolved_at=NOW)
        for name, resolution in (
            ("merged", model.Resolution.MERGED),
            ("back", model.Resolution.RECOVERED),
        )
    ]
    assert [incident.id for incident in compose(resolved=over).resolved] == ["back"]


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        (SEEN, "212 subjects, seen 0 s ago"),
        (model.SourceHealth(source="vyvx"), "0 subjects, not polled yet"),
        (
            blind(),
            "blind since 03:11:12 UTC: 18 subjects, last known 14 min ago",
        ),
        (
            blind(sight=model.Visibility.FAILING),
            "polls failing since 03:11:12 UTC, last seen 14 min ago",
        ),
    ],
)
def test_a_source_in_words(health, sentence):
    assert board.describe_visibility(health, NOW) == sentence


@pytest.mark.parametrize(
    ("receiver", "sentence"),
    [
        (HEALTHY, "nothing pending"),
        (replace(HEALTHY, owed=1, owed_since=NOW), "nothing pending"),  # a delivery is under way
        (replace(HEALTHY, owed=1, owed_since=BEGIN), "1 incident pending since 03:10:22 UTC"),
        (FAILS, "failing since 03:10:12 UTC, for 14 min; nothing pending"),
        (
            replace(FAILS, owed=3, owed_since=BEGIN),
            "failing since 03:10:12 UTC, for 14 min; 3 incidents pending since 03:10:22 UTC",
        ),
        (
            replace(FAILS, waits_until=NOW + timedelta(hours=1)),
            (
                "failing since 03:10:12 UTC, for 14 min; nothing pending;"
                " it asked for a pause until 04:24:12 UTC"
            ),
        ),
        (
            replace(FAILS, waits_until=NOW),
            "failing since 03:10:12 UTC, for 14 min; nothing pending",
        ),
    ],
)
def test_a_receiver_in_words(receiver, sentence):
    assert board.describe_delivery(receiver, NOW) == sentence
