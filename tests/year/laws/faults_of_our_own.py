"""No message says that Watcher itself is broken: whatever happens outside, that is its fault."""

from __future__ import annotations

from collections.abc import Iterator

from tests.year.plan import Plan
from tests.year.trace import Trace

_WORDS = "internal error"


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield the first message about each."""
    del plan
    seen: set[str] = set()
    for record in trace.of("slack"):
        text: str = record.fields["text"]
        what = text.partition(_WORDS)[2][:60]
        if _WORDS in text and what not in seen:
            seen.add(what)
            yield f"broken: {text!r} at {record.at}"
