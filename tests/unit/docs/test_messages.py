"""The page on messages: each kind, flag, ending and mark, with what it means and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watcher import model
from watcher.engine.incidents import notifications, suppression
from watcher.receivers.slack import notification

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
PAGE = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
FLAGS = {
    notifications.BLIND,
    notifications.FLAPPING,
    suppression.INHIBITED,
    suppression.MAINTENANCE,
    suppression.PLANNED,
    suppression.SILENCED,
    model.DRILL,
    model.WORKS,
}


def table(title: str) -> dict[str, list[str]]:
    """Return the cells of each row of a section's table, by the first one."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {cells[0].strip().strip("`"): [cell.strip() for cell in cells[1:]] for cells in rows[1:]}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Entries of the timeline", set(map(str, model.EntryKind))),
        ("Flags", FLAGS),
        ("How it ended", set(map(str, model.Resolution))),
    ],
)
def test_the_page_has_each_of_them_and_invents_none(title, expected):
    assert set(table(title)) == expected


def test_the_page_has_the_sign_of_each_kind():
    signs = {str(kind): sign for kind, sign in notification.SIGNS.items()}
    assert {kind: cells[0] for kind, cells in table("Entries of the timeline").items()} == signs


def test_the_page_has_the_words_of_each_ending():
    words = {str(ending): model.format_ending(ending) for ending in model.Resolution}
    assert {ending: cells[0] for ending, cells in table("How it ended").items()} == words


def test_the_page_has_each_mark_of_a_message():
    marks = {
        *notification.LIGHTS.values(),
        notification.RECOVERED,
        notification.OVER,
        notification.LATE,
        notification.AHEAD,
        notification.ATTENTION,
    }
    assert set(table("Marks in Slack")) == marks


@pytest.mark.parametrize("title", ["Entries of the timeline", "Flags", "How it ended"])
def test_each_of_them_says_what_to_do(title):
    assert all(all(cells) for cells in table(title).values())
