"""Each notification is kept with its times, and with the attempts at it that failed."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.virtual_time import START, run
from tests.unit.delivery.test_worker import DeliveryHarness, in_turn
from watcher import model, ports
from watcher.delivery import notifications


def deliver(*faults, happen=1, within=2000):
    """Let one receiver deliver `happen` entries of an incident, failing in turn."""
    kept = []

    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].faults = in_turn(*faults)
        for _ in range(happen):
            harness.outbox.happen("a")
        async with harness.running():
            await harness.settled(within=within)
            harness.outbox.happen("a")
            harness.wakeup.set()
            await harness.settled(within=within)
        kept.extend(harness.outbox.notifications)
        assert harness.outbox.rows["a", "noc"].receipt.notification is None

    run(scenario())
    return kept


def test_a_notification_says_which_entries_it_was_about():
    first, second = deliver(happen=3)
    assert (first.receiver, first.first_entry, first.last_entry) == ("noc", 1, 3)
    assert (second.first_entry, second.last_entry) == (4, 4)
    assert (
        first.pending_since <= first.first_attempt_at <= first.delivered_at < second.pending_since
    )
    assert first.failures == ()


def test_attempts_that_fail_for_one_reason_are_merged_and_the_first_attempt_stays_the_first():
    refused = model.PermanentError("channel_not_found")
    first, second = deliver(
        model.TemporaryError("no answer"), refused, model.TemporaryError("503 from Slack")
    )
    unreachable, refusals = first.failures
    assert (unreachable.reason, unreachable.count) == ("unreachable", 2)
    assert unreachable.error == "503 from Slack"
    assert (refusals.reason, refusals.count, refusals.error) == (
        "refused",
        1,
        "channel_not_found",
    )
    assert first.first_attempt_at == unreachable.first_at < refusals.first_at < unreachable.last_at
    assert unreachable.last_at < first.delivered_at
    assert second.failures == ()


def test_what_was_half_done_is_one_notification():
    (first, _) = deliver(None, model.TemporaryError("no answer"), happen=3)
    assert (first.first_entry, first.last_entry) == (1, 3)
    assert first.failures[0].count == 1


def pending(owed_since=START, **receipt):
    return ports.PendingDelivery(
        receipt=model.Receipt(incident="a", receiver="noc", **receipt),
        token=1,
        owed_since=owed_since,
    )


def view(*minutes):
    entries = tuple(
        model.Entry(
            incident="a",
            number=number,
            kind=model.EntryKind.NOTED,
            at=START + timedelta(minutes=at),
            text="",
        )
        for number, at in enumerate(minutes, start=1)
    )
    return model.IncidentView(incident=None, alerts=(), alert_counts={}, timeline=entries)


def test_what_was_silenced_is_pending_once_the_silence_is_over():
    ended = START + timedelta(minutes=30)
    started = notifications.begin(pending(ended), view(0), START + timedelta(minutes=31))
    assert started.pending_since == ended


def test_what_happens_during_a_delivery_is_pending_only_from_then_on():
    started = notifications.begin(pending(told_through=1), view(0, 5), START + timedelta(minutes=6))
    assert (started.first_entry, started.pending_since) == (2, START + timedelta(minutes=5))


def test_a_clock_that_is_behind_makes_no_notification_pending_from_the_future():
    started = notifications.begin(pending(), view(9), START)
    assert started.pending_since == START


def test_an_edit_without_anything_new_is_no_notification():
    started = notifications.begin(pending(told_through=1), view(0), START)
    done = pending(told_through=1).receipt
    assert notifications.delivered(started, done, START) is None
    failed = notifications.failed(started, model.TemporaryError("503"), START)
    assert notifications.delivered(failed, done, START).failures[0].count == 1
