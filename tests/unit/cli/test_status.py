"""`watcher status` as a person reads it."""

from __future__ import annotations

import re

import pytest

from watcher.cli import status, terminal
from watcher.cli.table import columns

SOURCE = {
    "source": "evpl",
    "sight": "seen",
    "last_success": "2026-11-28T12:00:00.000Z",
    "error": "",
    "subjects": 3,
}
REPORT = {
    "instance": "ops1",
    "version": "1",
    "since": "2026-11-28T11:00:00.000Z",
    "daemons": [],
    "accounts": [],
    "receivers": [],
    "open": 0,
    "acknowledged": 0,
    "now": "2026-11-28T13:00:00.000Z",
}


def table(shown: str, title: str) -> list[list[str]]:
    """Return the cells of the table whose header begins so, without those that are empty."""
    block = next(part for part in shown.split("\n\n") if part.startswith(title))
    return [[cell for cell in re.split("  +", line) if cell] for line in block.splitlines()]


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({"remarks": ["2 values are from the future", "no unit"]}, 2),
        ({"remarks": []}, 0),
        ({}, 0),  # a daemon from before an upgrade
    ],
)
async def test_what_looks_wrong_in_a_sources_answers_is_below_it(watcher, monkeypatch, more, lines):
    report = {**REPORT, "sources": [{**SOURCE, **more}]}
    monkeypatch.setattr(status, "request", lambda *_: report)
    done = await watcher("status")
    assert (done.code, done.err) == (0, "")
    header, source, *rest = table(done.out, "SOURCE")
    assert header == ["SOURCE", "SIGHT", "SUBJECTS", "SEEN", "REMARK"]
    remarks = more.get("remarks", [])
    assert source == ["evpl", "seen", "3", "1 h ago", *remarks[:1]]
    assert rest == [[remark] for remark in remarks[1:]]
    assert 1 + len(rest) == max(lines, 1)


RECEIVER = {"name": "noc", "failing": True, "error": "Slack was rate-limited", "owed": 3}


async def test_a_pause_that_a_receiver_asked_for_is_below_it(watcher, monkeypatch):
    waits = {**RECEIVER, "waits_until": "2026-11-28T13:00:00.000Z"}
    report = {**REPORT, "sources": [], "receivers": [waits, RECEIVER]}
    monkeypatch.setattr(status, "request", lambda *_: report)
    _, first, pause, second = table((await watcher("status")).out, "RECEIVER")
    assert first == second == ["noc", "failing", "3", "Slack was rate-limited"]
    assert pause == ["it asked for a pause until 2026-11-28T13:00:00Z"]


async def test_the_worst_stands_first_in_each_table_and_ages_beside_it(watcher, monkeypatch):
    blind = {**SOURCE, "source": "vyvx", "sight": "blind", "error": "vyvx answered 503"}
    well = {**RECEIVER, "name": "mqtt", "failing": False, "error": "", "owed": 0}
    sick = {**RECEIVER, "failing_since": "2026-11-28T12:30:00.000Z"}
    account = {"month": "2026-11", "calls": 1, "calls_per_month": 0}
    report = {
        **REPORT,
        "sources": [SOURCE, blind],
        "receivers": [well, sick],
        "accounts": [
            {**account, "account": "lumen", "trouble": ""},
            {**account, "account": "orange", "trouble": "does not answer"},
        ],
        "daemons": [
            {"instance": "ops2", "leads": False, "since": "2026-11-28T11:00:00Z"},
            {"instance": "ops1", "leads": True, "since": "2026-11-28T10:00:00Z"},
        ],
        "open": 2,
    }
    monkeypatch.setattr(status, "request", lambda *_: report)
    shown = (await watcher("status")).out
    assert [row[0] for row in table(shown, "SOURCE")[1:]] == ["vyvx", "evpl"]
    assert table(shown, "RECEIVER")[1] == ["noc", "failing", "3", "30 min", sick["error"]]
    assert table(shown, "RECEIVER")[2] == ["mqtt", "healthy", "0"]
    assert [row[0] for row in table(shown, "ACCOUNT")[1:]] == ["orange", "lumen"]
    assert [row[0] for row in table(shown, "DAEMON")[1:]] == ["ops1", "ops2"]
    assert shown.splitlines()[1] == "incidents 2 open, 0 acknowledged"


@pytest.mark.parametrize("width", [24, 40, 80, 120])
async def test_no_line_is_wider_than_the_terminal_and_nothing_of_a_reason_is_lost(
    watcher, monkeypatch, width
):
    reason = "vyvx answered 503 Service Unavailable: try again in a while \N{CJK RADICAL SUN}" * 3
    report = {
        **REPORT,
        "sources": [{**SOURCE, "source": "a-source-with-a-name", "error": reason}],
        "receivers": [RECEIVER],
        "drill_failure": "noc was not notified within 30 s: " + reason,
    }
    monkeypatch.setattr(status, "request", lambda *_: report)
    monkeypatch.setattr(terminal, "width", lambda: width)
    shown = (await watcher("status")).out
    assert max(map(columns, shown.splitlines())) <= width
    if width >= 80:
        (_, *rows) = table(shown, "SOURCE")
        words = " ".join([rows[0][-1], *(row[0] for row in rows[1:])])
        assert words.replace(" ", "") == reason.replace(" ", "")


WORK = {
    "key": "lumen/CHG-1",
    "title": "CHG-1 of Lumen",
    "begin": "2026-11-28T12:00:00Z",
    "end": "2026-11-29T01:00:00Z",
    "impact": "outage",
    "subjects": 2,
}


async def test_planned_works_of_ours_have_a_line(watcher, monkeypatch):
    soon = {**WORK, "title": "CHG-2 of Orange", "begin": "2999-01-01T02:00:00Z"}
    soon |= {"end": "2999-01-01T06:00:00Z", "impact": "degraded", "subjects": 1}
    report = {**REPORT, "sources": [], "works": [WORK, soon]}
    monkeypatch.setattr(status, "request", lambda *_: report)
    _, first, second = table((await watcher("status")).out, "HELD BACK BY")
    assert first[:2] == ["planned works", "lumen/CHG-1"]
    assert first[2].startswith("CHG-1 of Lumen under way until ")
    assert first[2].endswith(": outage of 2 services")
    assert second[2] == ("CHG-2 of Orange from 2999-01-01 02:00 UTC for 4 h: degraded of 1 service")


async def test_rules_that_match_nothing_have_a_line(watcher, monkeypatch):
    report = {**REPORT, "sources": [], "idle_rules": ["evpl-busy", "iod-pending"]}
    monkeypatch.setattr(status, "request", lambda *_: report)
    lines = (await watcher("status")).out.splitlines()
    assert "rules     match nothing: evpl-busy, iod-pending" in lines
