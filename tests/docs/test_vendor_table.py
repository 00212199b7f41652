"""docs/vendors.md lists every endpoint and every trap with the tests that cover it."""

from __future__ import annotations

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
