"""A week of planned works: whom they call, whom they do not, and what the month's ledger says."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.works_week.week import END, NAMES, OUTAGES, START, Played, at, monday, play
from watcher.model import WorkStatus

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]
CALL = "<!here>"
# The windows that the carrier had announced, and stood by, when they began.
PLANNED = {
    "100": ("wed 02:00", "wed 04:00"),
    "200": ("wed 03:00", "wed 05:00"),
    "300": ("thu 01:00", "thu 03:00"),
    "400": ("fri 02:00", "fri 04:00"),
}


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Played:
    async def played() -> Played:
        async with monday(tmp_path_factory.mktemp("week")) as started:
            return await play(started)

    return asyncio.run(played())


def calls(week, name):
    """Return when people were called about a line, and with which words."""
    return [(m.at, m.text) for m in week.channel if name in m.text and CALL in m.text]


def test_notices_come_in_by_mail_and_by_calendar_and_what_is_none_is_kept_aside(week):
    statuses = {work.key: work.notice.status for work in week.works.values()}
    assert statuses == {
        "lumen/100100": WorkStatus.CONFIRMED,
        "lumen/WO-2": WorkStatus.CONFIRMED,
        "lumen/300300": WorkStatus.CONFIRMED,
        "lumen/WO-4": WorkStatus.RESCHEDULED,
        "lumen/500500": WorkStatus.CANCELLED,
    }
    (reason,) = week.rejected
    assert "the mail ('News from Lumen') is not a notice of planned works" in reason


def test_the_mailbox_was_only_read(week):
    verbs = {" ".join(command.split()[:2]) for command in week.commands}
    assert {verb for verb in verbs if verb.split()[0] not in {"LOGIN", "LOGOUT"}} == {
        'EXAMINE "INBOX"',
        "UID SEARCH",
        "UID FETCH",
    }


@pytest.mark.parametrize("line", ["HQ line A", "HQ line B"])
def test_an_outage_that_ends_in_its_window_calls_nobody(week, line):
    assert calls(week, line) == []


def test_one_that_outlasts_its_window_and_the_grace_calls_once_and_says_why(week):
    ((called_at, text),) = calls(week, "Studio line")
    assert called_at == at("thu 03:10")
    assert "offline" in text
    why = "still there after planned works 300300 of Lumen, which were to end at 03:00 UTC"
    assert [m for m in week.channel if "Studio line" in m.text and why in m.text]


def test_a_neighbour_that_falls_unannounced_calls_at_once(week):
    ((called_at, _),) = calls(week, "Neighbour line")
    assert called_at == at("wed 03:30")


def test_works_that_moved_call_in_the_old_window_and_not_in_the_new_one(week):
    ((called_at, _),) = calls(week, "Playout line")
    assert called_at == at("thu 02:30")


def test_works_that_were_cancelled_plan_nothing(week):
    ((called_at, _),) = calls(week, "Archive line")
    assert called_at == at("fri 01:10")


def sent(week, *words):
    """Return when the channel was sent a message with these words, and the messages."""
    return [(m.at, m.text) for m in week.channel if all(word in m.text for word in words)]


def test_a_site_that_will_lose_both_lines_is_warned_at_once_and_the_day_before(week):
    both = ("site NYC", "HQ line A", "HQ line B", "down at the same time", "100100", "WO-2")
    a_day_before = sent(week, "In 24 hours", *both)
    assert [when for when, _ in a_day_before] == [at("tue 02:00"), at("tue 03:00")]
    at_once = sent(
        week, "Site NYC", "HQ line A and HQ line B down at the same time Wed 4 Mar 03:00 UTC"
    )
    assert [when for when, _ in at_once] == [at("mon 08:30")]


def test_works_are_announced_when_they_are_read_a_day_before_moved_and_cancelled(week):
    assert [when for when, _ in sent(week, "Planned:", "Studio line")] == [at("mon 09:30")]
    assert [when for when, _ in sent(week, "In 24 hours", "Studio line")] == [at("wed 01:00")]
    assert [when for when, _ in sent(week, "Moved:", "Playout line", "it was Thu 5 Mar")] == [
        at("tue 10:00")
    ]
    assert [when for when, _ in sent(week, "In 24 hours", "Playout line")] == [at("thu 02:00")]
    assert [when for when, _ in sent(week, "Cancelled:", "Archive line")] == [at("thu 12:30")]


def test_nothing_is_said_twice_and_what_is_announced_calls_nobody(week):
    texts = [message.text for message in week.channel]
    assert len(set(texts)) == len(texts)
    assert all("is offline" in text for text in texts if CALL in text)


def test_programs_read_what_is_planned_and_by_whom(week):
    assert week.planned["HQ line A"] == {
        "id": "100100",
        "provider": "lumen",
        "from": "2026-03-04T02:00:00.000Z",
        "to": "2026-03-04T04:00:00.000Z",
        "impact": "outage",
    }
    assert set(week.planned) == {"HQ line A", "HQ line B", "Studio line", "Playout line"}


def minutes_of(service):
    """Count a line's minutes by what the vendor did, one by one: (up, down, planned)."""
    counted = {"up": 0, "down": 0, "planned": 0}
    outages = [(at(o.begin), at(o.end)) for o in OUTAGES if o.service == service]
    window = tuple(map(at, PLANNED[service])) if service in PLANNED else (START, START)
    for number in range(int((END - START).total_seconds() // 60)):
        minute = START + number * (END - START) / (7 * 24 * 60)
        is_down = any(begin <= minute < end for begin, end in outages)
        is_planned = is_down and window[0] <= minute < window[1]
        counted["planned" if is_planned else "down" if is_down else "up"] += 1
    return counted


@pytest.mark.parametrize("service", NAMES)
def test_the_months_ledger_agrees_with_what_the_vendor_did_to_the_minute(week, service):
    (circuit,) = [c for c in week.ledger.circuits if c.subject == f"vyvx/{service}"]
    assert {name: circuit.minutes[name] for name in ("up", "down", "planned")} == minutes_of(
        service
    )
    assert circuit.minutes["blind"] == 24 * 60  # the first of March, before there was a daemon
    assert sum(circuit.minutes.values()) == 8 * 24 * 60
