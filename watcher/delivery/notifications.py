"""How long a notification takes: since when it was pending, first tried, and delivered. Pure.

A notification begins with the first attempt at what a receiver lacks, and goes on in its receipt
until an attempt succeeds. So a daemon that takes over goes on with it.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from watcher import model, ports

_LONGEST_ERROR = 300


def begin(
    pending: ports.PendingDelivery, view: model.IncidentView, now: datetime
) -> model.Notification:
    """Return the notification under way, or the one that begins with an attempt at `now`.

    It is pending since the receiver lags, and no longer than there has been something to say: what
    happened during the last delivery was not pending before it happened.
    """
    receipt = pending.receipt
    if receipt.notification is not None:
        return receipt.notification
    happened = next(
        (entry.at for entry in view.timeline if entry.number > receipt.told_through), now
    )
    return model.Notification(
        incident=receipt.incident,
        receiver=receipt.receiver,
        first_entry=receipt.told_through + 1,
        pending_since=min(max(happened, pending.owed_since or happened), now),
        first_attempt_at=now,
    )


def failed(notification: model.Notification, error: Exception, now: datetime) -> model.Notification:
    """Count a failed attempt; those that failed for the same reason are merged."""
    reason = model.failure_reason(error)
    before = {failures.reason: failures for failures in notification.failures}
    existing = before.get(reason)
    before[reason] = model.FailedAttempts(
        reason=reason,
        count=1 if existing is None else existing.count + 1,
        first_at=now if existing is None else existing.first_at,
        last_at=now,
        error=str(error)[:_LONGEST_ERROR],
    )
    return replace(notification, failures=tuple(before.values()))


def delivered(
    notification: model.Notification, receipt: model.Receipt, now: datetime
) -> model.Notification | None:
    """Return the notification that succeeded; None for one that told nothing new and never failed.

    That is a message that was only edited, or a document that was only removed.
    """
    if receipt.told_through < notification.first_entry and not notification.failures:
        return None
    return replace(notification, last_entry=receipt.told_through, delivered_at=now)
