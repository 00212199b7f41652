"""Each delivery is counted, with why it failed in one word."""

from __future__ import annotations

import pytest

from tests.fakes.virtual_time import run
from tests.unit.delivery.test_worker import DeliveryHarness, in_turn
from watcher import model
from watcher.metrics import Metrics
from watcher.model import FailureReason


def wrapped(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


REVOKED = model.PermanentError("token_revoked").because(FailureReason.AUTH)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (model.TemporaryError("no answer"), "unreachable"),
        (model.AmbiguousError("no answer came"), "unreachable"),
        (model.PermanentError("channel_not_found"), "refused"),
        (REVOKED, "auth"),
        (wrapped(model.PermanentError("cannot post"), REVOKED), "auth"),
        (model.TemporaryError("429").because(FailureReason.RATE_LIMITED), "rate_limited"),
    ],
)
def test_a_failure_has_a_reason_in_one_word(error, reason):
    assert model.failure_reason(error) == reason


def test_the_loop_counts_each_delivery_and_each_failure():
    counted = []

    async def scenario():
        harness = DeliveryHarness("noc")
        harness.build(count=lambda receiver, reason: counted.append((receiver, reason)))
        harness.receivers["noc"].faults = in_turn(model.TemporaryError("no answer"))
        harness.outbox.happen("a")
        async with harness.running():
            await harness.settled(within=400)

    run(scenario())
    assert counted == [("noc", FailureReason.UNREACHABLE), ("noc", None)]


def test_deliveries_are_counted_by_outcome_and_reason():
    metrics = Metrics(version="1", sources=[], receivers=["noc"])
    metrics.count_delivery("noc", None)
    metrics.count_delivery("noc", FailureReason.AUTH)
    metrics.count_delivery("noc", FailureReason.AUTH)
    text = metrics.exposition().decode()
    counted = 'watcher_deliveries_total{outcome="%s",reason="%s",receiver="noc"} %s'
    assert counted % ("ok", "", "1.0") in text
    assert counted % ("failed", "auth", "2.0") in text
    assert counted % ("failed", "rate_limited", "0.0") in text  # there from the start, for rate()
