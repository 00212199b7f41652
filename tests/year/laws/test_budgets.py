"""How often others are asked is checked: counts by hand, and those of a Watcher without limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from unittest import mock

import pytest
from aiolimiter import AsyncLimiter
from yarl import URL

from tests.year import oracle
from tests.year.call_record import CallRecord
from tests.year.faults import SlackFault, VendorFault
from tests.year.laws import budgets
from tests.year.network import Answer, Request
from tests.year.plan import DUTY, NOC, Circuit, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.receivers.slack import answers, api, receiver
from watcher.store.counters import CallCounter
from watcher.vendors.http import account, errors

pytestmark = pytest.mark.timeout(300)

MANY = tuple(Circuit(id=f"2{n:03}", name=f"Feed {n:03}") for n in range(30))
BUSY = replace(
    MORNING,
    circuits=MANY,
    storm=100,
    end=at(1.5),
    facts=tuple(Status(at=at(1), circuit=circuit.id, state="offline") for circuit in MANY),
)
SLACK_LIMITS = replace(
    MORNING,
    facts=(
        *MORNING.facts[:1],
        Status(at=at(1) + timedelta(minutes=1), circuit="104", state="offline"),
        *MORNING.facts[1:],
    ),
    faults=(SlackFault(at=at(1), until=at(1.2), kind="limited", method="chat.postMessage"),),
)
EDIT_LIMITS = replace(  # `duty` is notified as well, and both messages are edited at the end
    MORNING,
    rules=(replace(MORNING.rules[0], escalate=timedelta(minutes=10)),),
    faults=(SlackFault(at=at(1.45), until=at(1.6), kind="limited", method="chat.update"),),
)
VENDOR_LIMITS = replace(
    BUSY, faults=(VendorFault(at=at(1) - timedelta(minutes=1), until=at(1.2), kind="limited"),)
)
POOR = replace(MORNING, calls_per_month=20)


def wrong(*, most=None, months=None, early=(), plan=MORNING):
    """Return the complaints about what was counted."""
    trace = Trace()
    trace.add(plan.end, "calls", most=most or {}, months=months or {}, early=list(early))
    return [complaint.partition(":")[0] for complaint in budgets.complaints(plan, trace)]


def test_as_many_calls_as_are_allowed_are_right():
    most = {"vyvx.invalid in 1 s": 10, f"{NOC} in 5 s": 10, f"{NOC} in 60 s": 65}
    assert wrong(most={**most, "iod.invalid in 1 s": 50}) == []
    assert wrong(months={"vyvx.invalid in 2028-02": 20}, plan=POOR) == []
    assert wrong(months={"vyvx.invalid in 2028-02": 90_000}) == []


@pytest.mark.parametrize(
    "most", [{"vyvx.invalid in 1 s": 11}, {f"{NOC} in 5 s": 11}, {f"{NOC} in 60 s": 66}]
)
def test_more_calls_in_a_span_are_found(most):
    assert wrong(most=most) == ["too many"]


def test_more_calls_in_a_month_are_found():
    assert wrong(months={"vyvx.invalid in 2028-02": 21}, plan=POOR) == ["too many"]


def test_a_call_before_its_time_is_found():
    early = {"at": at(1), "place": "chat.update", "until": at(1.1)}
    assert wrong(early=[early]) == ["too early"]


@pytest.mark.parametrize(("after", "expected"), [(0.00001, 0), (0.1, 1), (31, 0)])
def test_what_leaves_together_with_a_refusal_is_not_too_early(after, expected):
    trace, times = Trace(), iter([at(1), at(1) + timedelta(seconds=after)])
    world = SimpleNamespace(now=lambda: next(times), record=partial(trace.add, at(1)))
    counted = CallRecord(world, "slack.invalid")
    request = Request(verb="GET", url=URL("https://vyvx.invalid/status"), arguments={})
    counted.arrives(request, Answer(status=429, headers={"Retry-After": "30"}))
    counted.leaves(request)
    counted.record()
    assert len(next(trace.of("calls")).fields["early"]) == expected


@pytest.mark.parametrize("plan", [BUSY, SLACK_LIMITS, EDIT_LIMITS, VENDOR_LIMITS])
def test_limits_are_kept(plan):
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    counted = next(trace.of("calls")).fields
    assert counted["most"]["vyvx.invalid in 1 s"] > 0
    assert counted["most"][f"{NOC} in 60 s"] > 0


@pytest.mark.parametrize(
    ("method", "expected"),
    [("chat.postMessage", 0), ("chat.update", 1), ("files.completeUploadExternal", 1)],
)
def test_slack_limits_a_method_whatever_the_channel_and_messages_by_channel(method, expected):
    trace, times = Trace(), iter([at(1), at(1) + timedelta(seconds=1)])
    world = SimpleNamespace(now=lambda: next(times), record=partial(trace.add, at(1)))
    counted = CallRecord(world, "slack.invalid")
    key = "channel_id" if method.startswith("files") else "channel"
    url = URL(f"https://slack.invalid/api/{method}")
    refused, other = (Request(verb="POST", url=url, arguments={key: c}) for c in (NOC, DUTY))
    counted.arrives(refused, Answer(status=429, headers={"Retry-After": "30"}))
    counted.leaves(other)
    counted.record()
    assert len(next(trace.of("calls")).fields["early"]) == expected


def test_calls_that_wait_for_their_turn_do_not_leave_once_the_vendor_asks_to_wait():
    read_at = at(1) + timedelta(minutes=2, seconds=-0.6)  # when details of all are asked for
    fault = VendorFault(at=read_at, until=at(1.2), kind="limited")
    plan = replace(BUSY, faults=(fault,))
    trace = run(plan)
    assert next(trace.of("calls")).fields["most"]["vyvx.invalid in 1 s"] > 1
    assert list(budgets.complaints(plan, trace)) == []


def test_a_month_is_paid_for_once():
    trace = run(POOR)
    assert list(budgets.complaints(POOR, trace)) == []
    assert next(trace.of("calls")).fields["months"]["vyvx.invalid in 2028-02"] == 20


def _no_limit(*_):
    return AsyncLimiter(1_000, 1)


async def _pay(*_):
    return True


BROKEN = {
    "rate": (account, "AsyncLimiter", _no_limit, BUSY, "too many: "),
    "posts": (receiver, "AsyncLimiter", _no_limit, BUSY, "too many: "),
    "month": (CallCounter, "spend", _pay, POOR, "too many: "),
    "wait of a method": (
        answers,
        "parse_retry_after",
        lambda *_: None,
        SLACK_LIMITS,
        "too early: chat.postMessage",
    ),
    "one wait for all channels": (
        api.RateLimits,
        "_key",
        lambda _, method, channel: (method, channel),
        EDIT_LIMITS,
        "too early: chat.update",
    ),
    "wait of a vendor": (
        errors,
        "parse_retry_after",
        lambda *_: None,
        VENDOR_LIMITS,
        "too early: vyvx",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_limit_that_is_not_kept_is_found(name):
    owner, function, substitute, plan, complaint = BROKEN[name]
    with mock.patch.object(owner, function, substitute):
        wrongs = list(budgets.complaints(plan, run(plan)))
    assert wrongs
    assert wrongs[0].startswith(complaint)
