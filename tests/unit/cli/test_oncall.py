"""`watcher oncall`, and an acknowledgement of which more are needed, as a person reads them."""

from __future__ import annotations

import re

import pytest

from watcher.cli import common, incidents, status

VIDEO = {
    "rota": "video",
    "person": "ann",
    "mention": "<@U0ANN>",
    "until": "2026-11-30T08:00:00Z",
    "next": "bob",
    "trouble": "",
}
NET = {**VIDEO, "rota": "net", "person": "", "until": None, "next": ""}


@pytest.fixture
def asked(monkeypatch):
    resources = []

    def answer(*words):
        resources.append(words[3])
        return {"on_call": [VIDEO, NET], "now": "2026-11-29T20:00:00Z"}

    monkeypatch.setattr(status, "request", answer)
    return resources


async def test_it_says_who_has_each_rota_and_who_is_next(watcher, asked):
    done = await watcher("oncall")
    assert [re.split("  +", line.rstrip()) for line in done.out.splitlines()] == [
        ["ROTA", "ON CALL", "UNTIL", "LEFT", "THEN", "REMARK"],
        ["net", "nobody"],
        ["video", "ann", "Mon 30 Nov 08:00 UTC", "12 h", "bob"],
    ]
    (_, video) = (await watcher("oncall", "video")).out.splitlines()
    assert video.split()[:2] == ["video", "ann"]


async def test_another_time_may_be_asked_for(watcher, asked):
    assert (await watcher("oncall", "--at", "2026-12-24T20:00+01:00")).code == 0
    assert asked[0].startswith("/oncall?at=2026-12-24T")
    wrong = await watcher("oncall", "--at", "christmas")
    assert wrong.code == 2
    assert "'christmas' is not a time" in wrong.err


async def test_an_unknown_rota_is_refused_with_those_there_are(watcher, asked):
    done = await watcher("oncall", "vdeo")
    assert (done.code, done.out) == (1, "")
    assert "there is no rota 'vdeo'; there is video, net" in done.err


@pytest.mark.parametrize(
    ("after", "line"),
    [
        ({"acks": ["ann"], "acks_needed": 1}, "w-1 acknowledged"),
        (
            {"acks": ["ann"], "acks_needed": 2},
            "w-1 acknowledged by 1 of 2 people: it stays open until then",
        ),
        ({}, "w-1 acknowledged"),  # a daemon from before an upgrade
    ],
)
async def test_an_acknowledgement_of_several_says_how_many_there_are(
    watcher, monkeypatch, after, line
):
    monkeypatch.setattr(incidents, "request", lambda *_: {"incident": after})
    monkeypatch.setattr(common, "request", lambda *_: {"ids": []})
    assert (await watcher("ack", "w-1", "--by", "ann")).out.splitlines() == [line]
