"""docs/reference/vendors.md lists every endpoint and every trap with the tests that cover it."""

from __future__ import annotations

import re
from collections import Counter

from docs import vendor_table

PAGE = vendor_table.PAGE.read_text(encoding="utf-8")


def test_the_table_is_what_the_tests_say():
    stale = "run: python docs/vendor_table.py"
    assert vendor_table.filled(PAGE) == PAGE, stale


def test_every_row_has_a_test():
    tests = vendor_table.covered()
    assert [row for row in vendor_table.rows(PAGE) if row not in tests] == []


def test_every_mark_has_a_row_and_no_row_is_there_twice():
    rows = vendor_table.rows(PAGE)
    assert sorted(set(vendor_table.covered()) - set(rows)) == []
    assert [row for row, count in Counter(rows).items() if count > 1] == []


def endpoints() -> set[str]:
    """Collect what the clients' docstrings say that they ask, without the query."""
    files = (vendor_table.REPO / "watcher" / "vendors").rglob("*.py")
    return {
        endpoint
        for file in files
        for endpoint in re.findall(r"`((?:GET|POST|PUT) [^`?]+)", file.read_text(encoding="utf-8"))
    }


def test_every_endpoint_that_a_client_asks_has_a_row():
    rows = "\n".join(line for line in PAGE.splitlines() if vendor_table.ROW.match(line))
    assert len(endpoints()) >= 14
    for endpoint in endpoints():
        path = r"\w+".join(re.escape(part) for part in re.split(r"\{\w+\}", endpoint))
        assert re.search(rf"`{path}[`?]", rows), endpoint
