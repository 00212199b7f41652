"""Planned works in rule tests."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from watcher.rule_tests import schema


def test_a_window_may_be_spans_or_times():
    spans = schema.Notice.model_validate(
        {"provider": "lumen", "windows": [["10m", "1h"]], "circuits": "C1"}
    )
    assert spans.windows == ((timedelta(minutes=10), timedelta(hours=1)),)
    times = ["2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z"]
    assert schema.Notice.model_validate(
        {"provider": "lumen", "windows": [times], "circuits": ["C1"]}
    )


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (["1h", "10m"], "has to end after it begins"),
        (["1h", "2026-01-01T00:00:00Z"], "two times or two spans"),
    ],
)
def test_a_window_that_is_none_is_refused(window, why):
    with pytest.raises(ValidationError, match=why):
        schema.Notice.model_validate({"provider": "lumen", "windows": [window], "circuits": "C1"})
