"""The architecture page shows the rooms and the tree as they are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
SOURCE = ROOT / "watcher"
PAGE = (ROOT / "docs" / "discussions" / "architecture.md").read_text(encoding="utf-8")
UNNAMED = {"__init__.py", "__main__.py"}


def shown() -> set[str]:
    """Collect the files of the tree on the page, by their paths below watcher/."""
    [tree] = re.findall(r"^```tree\nwatcher/\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    files, folders = set(), {}
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        path = folders.get(depth - 1, "") + name
        if name.endswith("/"):
            folders[depth] = path
        else:
            files.add(path)
    return files


def test_the_tree_has_every_file_and_no_other():
    there = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if path.name not in UNNAMED and "migrations" not in path.parts
    }
    assert shown() - there == set(), "on the page, but not there"
    assert there - shown() == set(), "there, but not on the page"


def test_every_room_is_named_and_no_other():
    table = PAGE[PAGE.index("| rooms |") : PAGE.index("## The tree")]
    named = {
        room
        for row in re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)
        for room in re.findall(r"`(\w+)`", row)
    }
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert named == there - {"__init__", "__main__"}
