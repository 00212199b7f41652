"""docs/discussions/situations.md shows what people get in each situation, by the rule tests."""

from __future__ import annotations

from docs import situations

PAGE = situations.PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_situations_give():
    stale = "run: python docs/situations.py"
    assert situations.filled(PAGE) == PAGE, stale


def test_there_are_at_least_forty_situations():
    assert sum(line.startswith("| ") and line[2].isdigit() for line in PAGE.splitlines()) >= 40


def test_green_and_recovered_go_together():
    texts = [text for line in PAGE.splitlines() for text in line.split("<br>")]
    for text in texts:
        assert ("\N{LARGE GREEN CIRCLE}" in text) is ("recovered at" in text), text
