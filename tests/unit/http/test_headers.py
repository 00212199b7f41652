"""Retry-After in both forms, with a cap; whatever else a header holds is None."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fuzzing import RETRY_AFTER, examples
from watcher.http.headers import LONGEST_DELAY, parse_http_date, parse_retry_after

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 17 ", 17),
        ("1.5", 1.5),
        ("3600", 3_600),
        ("2592000", LONGEST_DELAY),
        ("9" * 12, LONGEST_DELAY),
        ("9" * 5_000, LONGEST_DELAY),
        ("0" * 5_000 + "7", 7),
        ("Sun, 01 Mar 2026 00:01:00 GMT", 60),
        ("Sun, 01 Mar 2020 00:01:00 GMT", 0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", LONGEST_DELAY),
        ("-1", None),
        ("1e9", None),
        ("soon", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_wait_is_read_in_both_forms_and_is_an_hour_at_most(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.fuzz
@examples(300)
@given(st.text() | RETRY_AFTER | st.text(alphabet="0123456789 ,:+-GMTJanMon", max_size=40))
def test_whatever_a_header_holds_is_a_bounded_wait_or_none(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_DELAY
    parse_http_date(value)
