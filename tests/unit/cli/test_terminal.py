"""No control character of a vendor, of Slack or of MQTT reaches a terminal."""

from __future__ import annotations

import json

import pytest

from watcher import text
from watcher.cli import common, incidents, status

HOSTILE = "\x1b]0;owned\x07\x1b[2Jred\r\x9b31m\u202egnp.exe\x00\ttab\x7f"


@pytest.mark.parametrize("verb", ["why", "packet"])
async def test_a_page_of_text_keeps_its_lines_and_loses_what_a_terminal_obeys(
    watcher, monkeypatch, verb
):
    lines = [f"first {HOSTILE}", "second é, 漢"]
    reply = {"why": lines, "packet": lines, "ids": []}
    monkeypatch.setattr(common, "request", lambda *_: reply)
    monkeypatch.setattr(incidents, "request", lambda *_: reply)
    done = await watcher(verb, "w-1")
    first, second = done.out.splitlines()
    assert first.isprintable()
    assert "owned" in first
    assert second == "second é, 漢"


async def test_json_keeps_every_character_as_an_escape(watcher, monkeypatch):
    monkeypatch.setattr(status, "request", lambda *_: {"error": HOSTILE})
    done = await watcher("status", "--json")
    assert done.out.replace("\n", "").isprintable()
    assert json.loads(done.out) == {"error": HOSTILE}


async def test_an_error_is_as_safe_as_the_output(watcher):
    done = await watcher("status", "--socket", f"/nowhere/{HOSTILE}".replace("\x00", ""))
    assert done.code == 1
    assert done.err.replace("\n", "").isprintable()


def test_what_is_harmless_stays_as_it_is():
    harmless = "two lines\nÀ côté, 漢字, 🙂 ⚠"
    assert text.for_terminal(harmless) == harmless
