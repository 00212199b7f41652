"""Planned works in words: which one is meant, where it stands, and what is shown of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from watcher import model
from watcher.model import WorkImpact, WorkStatus
from watcher.operations import documents, works
from watcher.operations.works import WorkState

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(begin, hours=2.0):
    return model.WorkWindow(begin=begin, end=begin + hours * HOUR)


def work(identity="CHG-1", *windows, provider="lumen", status=WorkStatus.CONFIRMED, **more):
    extra = more.pop("extra", {})
    notice = model.Notice(
        provider=provider,
        id=identity,
        status=status,
        windows=windows or (window(NOW + 14 * HOUR),),
        circuits=(
            model.AffectedCircuit(id="1-ABC", impact=WorkImpact.DEGRADED),
            model.AffectedCircuit(id="2-DEF", impact=WorkImpact.OUTAGE),
        ),
        **{
            "received_at": NOW - 24 * HOUR,
            "summary": "fibre moves",
            "origin": "file n.ics",
            "sequence": 3,
            **extra,
        },
    )
    return model.Work(notice=notice, **more)


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        (work(), WorkState.AHEAD),
        (work("1", window(NOW - HOUR)), WorkState.RUNNING),
        (work("1", window(NOW - 2 * HOUR)), WorkState.OVER),  # an end is not within it
        (work("1", window(NOW - 5 * HOUR), window(NOW + HOUR)), WorkState.AHEAD),
        (work("1", window(NOW + HOUR), window(NOW - HOUR)), WorkState.RUNNING),
        (work(status=WorkStatus.CANCELLED), WorkState.CANCELLED),
        (work(status=WorkStatus.COMPLETED), WorkState.OVER),
        (work(dismissed_by="ann"), WorkState.DISMISSED),
        (work(dismissed_by="ann", status=WorkStatus.CANCELLED), WorkState.DISMISSED),
        (
            work(status=WorkStatus.RESCHEDULED, moved_from=(window(NOW + 14 * HOUR),)),
            WorkState.MOVED,
        ),
    ],
)
def test_works_stand_where_their_windows_and_people_put_them(shown, state):
    assert works.state_of(shown, NOW) is state


def test_the_next_one_comes_first_and_what_is_past_only_if_asked_for():
    past, later = work("past", window(NOW - 9 * HOUR)), work("later", window(NOW + 30 * HOUR))
    running, cancelled = work("now", window(NOW - HOUR)), work(status=WorkStatus.CANCELLED)
    everything = [later, past, cancelled, running]
    ids = [shown.notice.id for shown in works.listed(everything, NOW)]
    assert ids == ["now", "CHG-1", "later"]
    ids = [shown.notice.id for shown in works.listed(everything, NOW, past=True)]
    assert ids == ["past", "now", "CHG-1", "later"]


KEPT = [work("CHG-1"), work("CHG-12"), work("chg-12", provider="orange"), work("X/9")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("CHG-1", "lumen/CHG-1"),  # also how CHG-12 begins
        ("lumen/chg-12", "lumen/CHG-12"),
        ("orange/c", "orange/chg-12"),
        (" x ", "lumen/X/9"),
        ("Orange", "orange/chg-12"),
    ],
)
def test_works_are_named_by_id_by_key_or_by_how_one_begins(text, key):
    assert works.find(KEPT, text).key == key


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chg-12", "chg-12 matches several: lumen/CHG-12, orange/chg-12; type more of the id"),
        (
            "lumen",
            "lumen matches several: lumen/CHG-1, lumen/CHG-12, lumen/X/9; type more of the id",
        ),
        ("9", "there are no planned works 9: `watcher works list` lists them"),
        ("", "there are no planned works"),
    ],
)
def test_what_is_none_or_several_is_said(text, sentence):
    with pytest.raises(ValueError, match=sentence.replace("`", ".").replace("(", ".")):
        works.find(KEPT, text)


def test_works_say_when_how_soon_and_how_bad():
    def words(of):
        return (
            works.describe_when(of, NOW),
            works.describe_wait(of, NOW),
            works.describe_impact(of),
        )

    assert words(work())[0::2] == ("2026-11-29 02:00 to 04:00 UTC", "outage of 2 circuits")
    night = work("1", window(NOW + 11 * HOUR), window(NOW - 20 * HOUR))
    assert words(night)[:2] == ("2026-11-28 23:00 to 2026-11-29 01:00 UTC (and 1 more)", "11 h")
    open_now = work("2", window(NOW - HOUR))
    assert works.describe_wait(open_now, NOW) == "1 h left"


def test_a_notice_is_named_as_works_have_it():
    kept = work().notice
    read = replace(kept, provider="level3.com", origin="standard input", received_at=NOW + HOUR)
    other = replace(read, summary="something else")
    assert works.as_kept(read, [work()]).provider == kept.provider == "lumen"
    assert works.as_kept(other, [work()]).provider == "level3.com"


def test_everything_is_shown_with_our_own_subjects_and_the_people():
    moved = work(moved_from=(window(NOW + 2 * HOUR),), confirmed_by="ann")
    assert list(works.lines(moved, NOW, {"2-DEF": ("vyvx/7", "vyvx/8")})) == [
        "CHG-1 of Lumen: ahead",
        "  fibre moves",
        "  the carrier says: confirmed, sequence 3; read 2026-11-27 12:00 UTC from file n.ics",
        "  2026-11-29 02:00 to 04:00 UTC",
        "  before: 2026-11-28 14:00 to 16:00 UTC",
        "  1-ABC: degraded",
        "  2-DEF: outage (vyvx/7, vyvx/8)",
        "  confirmed by ann",
    ]


def test_where_each_notice_came_from_is_shown_the_oldest_first():
    first = work(status=WorkStatus.TENTATIVE, extra={"sequence": None, "origin": "mail <a@b>"})
    second = work(status=WorkStatus.CONFIRMED, extra={"sequence": 2, "origin": "standard input"})
    history = (
        replace(first.notice, received_at=NOW - 72 * HOUR),
        replace(second.notice, received_at=NOW - 48 * HOUR),
    )
    shown = list(works.lines(work(history=history), NOW, {}))
    assert [line for line in shown if "; read " in line] == [
        "  the carrier said: tentative; read 2026-11-25 12:00 UTC from mail <a@b>",
        "  the carrier said: confirmed, sequence 2; read 2026-11-26 12:00 UTC from standard input",
        "  the carrier says: confirmed, sequence 3; read 2026-11-27 12:00 UTC from file n.ics",
    ]


def test_where_works_stand_is_said_in_words_for_people():
    lines = [
        next(line for line in works.lines(work(status=status), NOW, {}) if "; read " in line)
        for status in WorkStatus
    ]
    assert [line.split(": ")[1].split(",")[0] for line in lines] == [
        *("tentative", "confirmed", "cancelled", "under way", "completed", "moved"),
    ]


def test_the_document_has_the_state_and_the_subjects():
    dismissed = replace(work(), dismissed_by="ann")
    document = json.loads(documents.work(dismissed, NOW, {"2-DEF": ("vyvx/7",)}).encode())
    assert document["key"] == "lumen/CHG-1"
    assert (document["status"], document["state"]) == ("confirmed", "dismissed")
    assert document["impact"] == "outage"
    assert document["windows"] == [
        {"from": "2026-11-29T02:00:00.000Z", "to": "2026-11-29T04:00:00.000Z"}
    ]
    assert document["circuits"][1] == {
        "id": "2-DEF", "impact": "outage", "subjects": ["vyvx/7"],
    }  # fmt: skip
