"""`watcher incidents` beside a daemon."""

import re

import pytest
from typer.testing import CliRunner

from watcher import cli, model
from watcher.cli import incidents


def test_a_daemon_of_an_earlier_version_is_named(monkeypatch):
    """An upgrade replaces the command at once, and the daemon when it is restarted."""
    earlier = {"incidents": [{"id": "w-1", "severity": "critical", "title": "down"}]}
    monkeypatch.setattr(incidents, "request", lambda *_: earlier)
    result = CliRunner().invoke(cli.program, ["incidents"])
    assert isinstance(result.exception, model.PermanentError)
    assert "restart it (systemctl restart watcher)" in str(result.exception)
    assert CliRunner().invoke(cli.program, ["incidents", "--json"]).exit_code == 0


async def test_what_is_silenced_stands_below_the_incidents(watcher, monkeypatch):
    silence = {
        "id": "s-1",
        "matchers": [{"name": "subject", "value": "*"}],
        "begin": "2026-11-28T21:00:00Z",
        "end": "2026-11-28T23:00:00Z",
        "by": "ann",
        "comment": "rehearsal",
    }
    window = {"name": "works", "until": "2026-11-28T23:30:00Z"}
    reply = {"incidents": [], "silences": [silence], "windows": [window]}
    reply["now"] = "2026-11-28T22:00:00.000Z"
    monkeypatch.setattr(incidents, "request", lambda *_: reply)
    done = await watcher("incidents")
    assert [re.split("  +", line) for line in done.out.splitlines()] == [
        ["no unresolved incidents"],
        [""],
        ["HELD BACK BY", "NAME", "WHAT"],
        ["silence", "s-1", "subject=* until 23:00 UTC by ann: rehearsal"],
        ["maintenance", "works", "until 2026-11-28T23:30Z"],
    ]


async def test_a_list_that_is_not_whole_says_so(watcher, monkeypatch):
    reply = {"incidents": [], "more": True, "now": "2026-11-28T22:00:00.000Z"}
    monkeypatch.setattr(incidents, "request", lambda *_: reply)
    assert "only the newest are listed" in (await watcher("incidents")).out


@pytest.mark.parametrize("verb", ["ack", "unack", "resolve", "packet", "why"])
@pytest.mark.parametrize("given", ["", "w 1", "?"])
async def test_what_cannot_be_an_id_is_named(watcher, verb, given):
    done = await watcher(verb, given)
    assert done.code == 2
    assert f"{given!r} is not an incident's id, as in w-3f9k2c7d" in done.err


@pytest.mark.parametrize("verb", [("silence", "expire"), ("works", "show"), ("works", "dismiss")])
async def test_an_empty_id_is_asked_for(watcher, verb):
    done = await watcher(*verb, "")
    assert done.code == 2
    assert f"see `watcher {verb[0]} list`" in done.err
