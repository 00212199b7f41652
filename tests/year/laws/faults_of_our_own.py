"""Watcher itself does not break: no message says so, and no job of its scheduler fails.

Whatever happens outside, that is its fault.
"""

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
    for record in trace.of("job failed"):
        yield f"broken: {record.fields['text']!r} at {record.at}"
