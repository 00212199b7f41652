"""Lists on a terminal: a header, worst first, and no line wider than the screen."""

from __future__ import annotations

import json

import pytest
import typer

from watcher import cli
from watcher.cli import common, incidents, table, terminal


def listed(identity, severity, status="open", began="2026-11-28T21:00:00.000Z", title="down"):
    return {
        "flags": [],
        "id": identity,
        "severity": severity,
        "status": status,
        "began_at": began,
        "ended_at": began if status == "resolved" else None,
        "title": title,
    }


async def test_the_worst_stands_first_below_a_header_and_what_is_over_last(watcher, monkeypatch):
    reply = {
        "now": "2026-11-28T22:00:00.000Z",
        "incidents": [
            listed("w-00000001", "critical", "resolved"),
            listed("w-00000002", "warning"),
            listed("w-00000003", "critical", began="2026-11-28T21:50:00.000Z"),
            listed("w-00000004", "critical"),
        ],
    }
    monkeypatch.setattr(incidents, "request", lambda *_: reply)
    done = await watcher("incidents", "--all")
    header, *rows = done.out.splitlines()
    assert header.split() == ["INCIDENT", "SEVERITY", "STATUS", "BEGAN", "LASTS", "TITLE"]
    assert [row.split()[0] for row in rows] == [f"w-0000000{n}" for n in (4, 3, 2, 1)]
    assert " 10 min " in rows[1]


async def test_what_nobody_is_called_for_says_why_beside_its_status(watcher, monkeypatch):
    planned = listed("w-00000001", "critical") | {"flags": ["planned"]}
    reply = {"now": "2026-11-28T22:00:00.000Z", "incidents": [planned]}
    monkeypatch.setattr(incidents, "request", lambda *_: reply)
    done = await watcher("incidents")
    assert " open, planned  " in done.out


def test_a_line_is_cut_where_the_terminal_ends_and_nowhere_else():
    rows = [["A", "B"], [("critical", terminal.RED), "a title that is long"]]
    lines = [
        "".join(cell if isinstance(cell, str) else cell[0] for cell in line)
        for line in table.fitted(rows, 20)
    ]
    assert lines == ["A         B", "critical  a title t\N{HORIZONTAL ELLIPSIS}"]
    *_, last = list(table.fitted(rows, None))[-1]
    assert last == "a title that is long"


@pytest.mark.parametrize("given", ["w-3f9", "3f9", "w-3f9k2c7d"])
def test_the_first_letters_of_an_id_stand_for_it(given):
    assert common.complete_id(given, ["w-3f9k2c7d", "w-abcdefgh"]) == "w-3f9k2c7d"


def test_letters_that_fit_several_ids_are_refused_and_unknown_ones_are_left_as_they_are():
    with pytest.raises(typer.BadParameter, match="fits w-3f9k2c7d, w-3f9zzzzz: give more"):
        common.complete_id("w-3f9", ["w-3f9k2c7d", "w-3f9zzzzz"])
    assert common.complete_id("w-x", ["w-3f9k2c7d"]) == "w-x"


@pytest.mark.parametrize("verb", ["why", "packet"])
async def test_programs_get_all_that_the_daemon_says(watcher, monkeypatch, verb):
    reply = {"why": ["a"], "packet": ["a"], "ids": ["w-3f9k2c7d"]}
    asked = []
    monkeypatch.setattr(common, "request", lambda *_: reply)
    monkeypatch.setattr(incidents, "request", lambda *given: asked.append(given[3]) or reply)
    done = await watcher(verb, "3f9", "--json")
    assert json.loads(done.out)[verb] == ["a"]
    assert "w-3f9k2c7d" in asked[-1]


async def test_a_drill_for_programs_is_one_document(watcher, monkeypatch):
    incident = {"id": "w-1", "title": "DRILL", "receivers": ["noc", "mqtt"]}
    receipts = [
        {"receiver": "noc", "told_through": 1, "parent_version": 1, "error": ""},
        {"receiver": "mqtt", "told_through": 0, "parent_version": 0, "error": "refused"},
    ]
    reply = {"incident": incident, "receipts": receipts}
    monkeypatch.setattr(incidents, "request", lambda *_: reply)
    done = await watcher("drill", "--by", "ana", "--within", "1ms", "--json")
    document = json.loads(done.out)
    assert done.code == 1
    assert document["failed"] == {"mqtt": "refused"}
    assert list(document["notified_after"]) == ["noc"]


def words_of_verbs(group, *before):
    """Yield the words that lead to each group and each command."""
    yield before
    for name in getattr(group, "commands", ()):
        yield from words_of_verbs(group.commands[name], *before, name)


async def test_h_is_help_for_every_verb(watcher):
    verbs = list(words_of_verbs(typer.main.get_command(cli.program)))
    assert len(verbs) > 40
    for words in verbs:
        done = await watcher(*words, "-h")
        assert done.code == 0, words
        assert done.out.startswith("Usage: "), words
