"""Fills the last column of the tables in reference/vendors.md with the tests that cover each row.

A test says what it covers, by the first cell of a row: `@pytest.mark.covers("vyvx/open-end")`.
Run this with `python docs/vendor_table.py`. tests/unit/docs/test_vendor_table.py checks that it was
run, that every row has a test and that every mark has a row.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).parents[1]
PAGE = REPO / "docs" / "reference" / "vendors.md"
ROW = re.compile(r"^\| `(?P<row>[a-z0-9]+/[a-z0-9-]+)` \| (?P<text>.*?) \|(?P<tests>[^|]*)\|$")


def covered() -> dict[str, list[str]]:
    """Collect the tests that cover each row, as links."""
    links: dict[str, list[str]] = defaultdict(list)
    for file in sorted((REPO / "tests").rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if "mark.covers" not in text:
            continue
        for test, row in _marks(ast.parse(text)):
            words = test.removeprefix("test_").replace("_", " ")
            links[row].append(f"[{words}](../../{file.relative_to(REPO).as_posix()})")
    return links


def rows(page: str) -> list[str]:
    """Name every row of the page."""
    return [row["row"] for line in page.splitlines() if (row := ROW.match(line))]


def filled(page: str) -> str:
    """Write the tests into the page."""
    tests = covered()

    def fill(line: str) -> str:
        row = ROW.match(line)
        if row is None:
            return line
        links = "; ".join(tests.get(row["row"], ["none yet"]))
        return f"| `{row['row']}` | {row['text']} | {links} |"

    return "\n".join(map(fill, page.splitlines())) + "\n"


def _marks(module: ast.Module) -> Iterator[tuple[str, str]]:
    for test in module.body:
        if not isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in test.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.covers":
                yield from ((test.name, ast.literal_eval(row)) for row in mark.args)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
