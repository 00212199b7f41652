"""How many of something there are."""

from __future__ import annotations

import pytest

from watcher import model


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "alert", "0 alerts"),
        (1, "alert", "1 alert"),
        (1_200, "open incident", "1,200 open incidents"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
    ],
)
def test_one_is_not_written_as_many(number, noun, text):
    assert model.format_count(number, noun) == text
