"""`watcher status` as a person reads it."""

from __future__ import annotations

import pytest

from watcher.cli import incidents

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
}


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
    monkeypatch.setattr(incidents, "request", lambda *_: report)
    done = await watcher("status")
    assert (done.code, done.err) == (0, "")
    source, *rest = done.out.splitlines()[1:-1]
    assert "3 subjects, last seen 2026-11-28T12:00:00Z" in source
    assert [line.strip() for line in rest] == list(more.get("remarks", []))
    assert len(rest) == lines


RECEIVER = {"name": "noc", "failing": True, "error": "Slack was rate-limited", "owed": 3}


async def test_a_pause_that_a_receiver_asked_for_is_below_it(watcher, monkeypatch):
    waits = {**RECEIVER, "waits_until": "2026-11-28T13:00:00.000Z"}
    report = {**REPORT, "sources": [], "receivers": [waits, RECEIVER]}
    monkeypatch.setattr(incidents, "request", lambda *_: report)
    done = await watcher("status")
    _, first, pause, second, _ = done.out.splitlines()
    assert first == second
    assert pause.strip() == "it asked for a pause until 2026-11-28T13:00:00Z"


WORK = {
    "key": "lumen/CHG-1",
    "title": "CHG-1 of lumen",
    "begin": "2026-11-28T23:00:00Z",
    "end": "2026-11-29T01:00:00Z",
    "impact": "outage",
    "subjects": 2,
}


async def test_planned_works_of_ours_have_a_line(watcher, monkeypatch):
    soon = {**WORK, "title": "CHG-2 of orange", "begin": "2999-01-01T02:00:00Z"}
    soon |= {"end": "2999-01-01T06:00:00Z", "impact": "degraded", "subjects": 1}
    report = {**REPORT, "sources": [], "works": [WORK, soon]}
    monkeypatch.setattr(incidents, "request", lambda *_: report)
    _, first, second, _ = (await watcher("status")).out.splitlines()
    assert first.startswith("works     CHG-1 of lumen under way until ")
    assert first.endswith(": outage of 2 services")
    assert second == (
        "works     CHG-2 of orange from 2999-01-01 02:00 UTC for 4 h: degraded of 1 service"
    )


async def test_rules_that_match_nothing_have_a_line(watcher, monkeypatch):
    report = {**REPORT, "sources": [], "idle_rules": ["evpl-busy", "iod-pending"]}
    monkeypatch.setattr(incidents, "request", lambda *_: report)
    lines = (await watcher("status")).out.splitlines()
    assert "rules     match nothing: evpl-busy, iod-pending" in lines
