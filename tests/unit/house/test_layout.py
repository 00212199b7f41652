"""Files and folders keep a size that a reader can hold, and each file says what it is for."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST_LINES = 400
MOST_FILES = 16


def files(*roots: str) -> list[Path]:
    """Return the Python files below these folders."""
    return sorted(path for root in roots for path in (ROOT / root).rglob("*.py"))


def test_no_file_is_longer_than_a_reader_can_hold():
    lengths = {path: path.read_text().count("\n") for path in files("watcher")}
    too_long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MOST_LINES}
    assert too_long == {}


def test_no_folder_has_more_files_than_a_reader_can_hold():
    folders = Counter(path.parent for path in files("watcher") if path.name != "__init__.py")
    too_wide = {str(path.relative_to(ROOT)): n for path, n in folders.items() if n > MOST_FILES}
    assert too_wide == {}


def test_each_file_opens_with_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for path in files("watcher", "tests", "benchmarks")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_a_first_sentence_ends_with_a_full_stop():
    unfinished = [
        str(path.relative_to(ROOT))
        for path in files("watcher", "tests", "benchmarks")
        if (opening := ast.get_docstring(ast.parse(path.read_text())))
        and not opening.splitlines()[0].rstrip().endswith((".", ":", "?"))
    ]
    assert unfinished == []
