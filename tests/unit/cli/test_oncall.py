"""`watcher oncall`, and an acknowledgement of which more are needed, as a person reads them."""

from __future__ import annotations

import pytest

from watcher.cli import incidents, oncall

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
        return {"on_call": [NET, VIDEO]}

    monkeypatch.setattr(oncall, "request", answer)
    return resources


async def test_it_says_who_has_each_rota_and_who_is_next(watcher, asked):
    done = await watcher("oncall")
    assert done.out.splitlines() == [
        "net              nobody",
        "video            ann until Mon 30 Nov 08:00 UTC, then bob",
    ]
    assert (await watcher("oncall", "video")).out.splitlines() == done.out.splitlines()[1:]


async def test_another_time_may_be_asked_for(watcher, asked):
    assert (await watcher("oncall", "--at", "2026-12-24T20:00+01:00")).code == 0
    assert asked[0].startswith("/oncall?at=2026-12-24T")
    wrong = await watcher("oncall", "--at", "christmas")
    assert wrong.code == 2
    assert "'christmas' is not a time" in wrong.err


async def test_an_unknown_rota_is_refused_with_those_there_are(watcher, asked):
    done = await watcher("oncall", "vdeo")
    assert (done.code, done.out) == (1, "")
    assert "there is no rota 'vdeo'; there is net, video" in done.err


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
    assert (await watcher("ack", "w-1", "--by", "ann")).out.splitlines() == [line]
