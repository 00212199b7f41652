"""What the fuzz tests of all doors share: how many examples, and odd JSON.

In the gate they are few and seeded; `make fuzz` draws as many as WATCHER_FUZZ says.
"""

from __future__ import annotations

import json
import os

import hypothesis
from hypothesis import strategies as st

SECRET = "canary-5f0c1a"


def examples(few: int) -> hypothesis.settings:
    """Return settings for a test that draws a few examples in the gate."""
    wanted = int(os.environ.get("WATCHER_FUZZ") or 0)
    return hypothesis.settings(
        max_examples=wanted or few,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def odd_json(words: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Return bodies: JSON whose keys are mostly `words`, and what is hardly JSON."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8)
        | st.sampled_from([*words, "\x1b[31mred", "\u202e", "<!channel>", SECRET, 10**30])
    )
    values = st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(words) | st.text(max_size=4), inner, max_size=6)
        ),
        max_leaves=20,
    )
    documents = st.dictionaries(st.sampled_from(words), values, max_size=8)
    return (
        (documents | values).map(lambda value: json.dumps(value).encode())
        | st.binary(max_size=40)
        | st.sampled_from(ODD_BODIES)
    )


ODD_BODIES = (
    b"",
    b"null",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"messages":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
    b'{"error":' + b"9" * 5_000 + b"}",
    b'{"ok":true,"ts":1e400}',
    b"NaN",
    b'"\\ud800"',
    b"\xff\xfe{}",
    b"<html>" + b"x" * 10_000,
)
RETRY_AFTER = st.sampled_from(
    [
        *("", "0", "1", "3600", "3601", "2592000", "9" * 12, "9" * 400, "0" * 5_000 + "7"),
        *("-1", "1.5", "1e9", "nan", "inf", "\u0661", "Wed, 21 Oct 9999 07:28:00 GMT"),
        *("Mon, 01 Jan 0001 00:00:00 +9999", "Mon, 32 Foo 2026 99:99:99 -99999999999", ", , ,"),
    ]
)
