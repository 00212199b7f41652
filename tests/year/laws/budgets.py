"""The laws of calls: nobody is asked more often than agreed, nor while they have asked to wait.

- a process asks a vendor at most as often in a second as its account allows, and all of them
  together at most as often in a month;
- it posts about one message a second in a channel, and short bursts;
- after a refusal that says when to come back, nothing goes there before: to a vendor, or to that
  method of Slack, whatever the channel. Only messages are limited by channel.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.year.plan import AHEAD, BOSS, CALLS_PER_SECOND, DUTY, NOC, Plan
from tests.year.trace import Trace

_VYVX = "vyvx.invalid"
_POSTS = {5: 10, 60: 65}  # messages in so many seconds: a burst of five, and one a second


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was too much or too early."""
    limits = {f"{_VYVX} in 1 s": CALLS_PER_SECOND}
    for channel in (NOC, DUTY, BOSS, AHEAD):
        limits |= {f"{channel} in {span} s": most for span, most in _POSTS.items()}
    for record in trace.of("calls"):
        for span, count in record.fields["most"].items():
            if count > limits.get(span, count):
                yield f"too many: {count} calls to {span}, allowed are {limits[span]}"
        for month, count in record.fields["months"].items():
            if month.startswith(_VYVX) and 0 < plan.calls_per_month < count:
                yield f"too many: {count} calls to {month}, allowed are {plan.calls_per_month}"
        for call in record.fields["early"]:
            yield f"too early: {call['place']} at {call['at']}, was to wait until {call['until']}"
