"""The health of a receiver, when the machine's clock is set."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher import model
from watcher.delivery.receiver_health import FailedDelivery, Fallback, ReceiverHealth

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_fallback_stands_in_after_the_same_elapsed_time(by):
    fallback = Fallback(receiver="duty", after=timedelta(minutes=10))
    health = ReceiverHealth(jitter=lambda: 0.0, fallback=fallback)
    before = model.Receipt(incident="i1", receiver="noc")
    health.failed(before, model.TemporaryError("429", delay=60), NOW)
    health.failed_deliveries["i1"] = FailedDelivery(NOW, NOW + timedelta(minutes=1))
    health.move(by)
    now = NOW + by
    assert health.active_fallback(now + timedelta(minutes=9)) is None
    assert health.active_fallback(now + timedelta(minutes=10)).receiver == "duty"
    assert health.failed_deliveries["i1"] == FailedDelivery(now, now + timedelta(minutes=1))
    assert health.waits_until == now + timedelta(minutes=1)
