"""Golden files: what comes out today, word for word, so that no change of it goes unseen.

A mismatch fails with a diff. `GOLDEN=accept python -m pytest tests/integration/golden` writes the
files again: read the diff of the commit as you would read code.
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
MOST_LINES = 200  # of a diff


class GoldenFileRewritten(UserWarning):
    """A golden file has another content now."""


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with the golden file of this name, or accept it."""
    accepts = os.environ.get("GOLDEN") == "accept"

    def compare(name: str, text: str) -> None:
        file = DATA / name
        expected = file.read_text(encoding="utf-8") if file.exists() else ""
        if text == expected:
            return
        if accepts:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn(GoldenFileRewritten(f"rewritten: {name}"), stacklevel=2)
            return
        diff = [
            *difflib.unified_diff(
                expected.splitlines(),
                text.splitlines(),
                f"{name} (golden)",
                f"{name} (now)",
                lineterm="",
            )
        ]
        more = [f"... and {len(diff) - MOST_LINES} more lines"] if len(diff) > MOST_LINES else []
        hint = "GOLDEN=accept python -m pytest tests/integration/golden accepts this"
        pytest.fail("\n".join([*diff[:MOST_LINES], *more, hint]), pytrace=False)

    return compare
