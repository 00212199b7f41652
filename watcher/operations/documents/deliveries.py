"""What each receiver has of an incident, as programs read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from watcher import model
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none

_CHANNEL = re.compile(r"[A-Z0-9]{2,32}")
_TS = re.compile(r"\d{1,12}\.\d{1,9}")


class ReceiptDocument(Document, frozen=True, kw_only=True):
    """One receiver: its last entry, whether that is all, and what its last tries failed with.

    `handle` finds the message again, as `channel` and `ts` in Slack; `link` opens it in a browser.
    """

    receiver: str
    told_through: int
    entries: int
    complete: bool
    handle: dict[str, str]
    link: str | None
    failing_since: Timestamp | None
    failures: int
    error: str


class FailuresDocument(Document, frozen=True, kw_only=True):
    """Attempts that failed for one reason; `error` is of the last one."""

    reason: str
    count: int
    first_at: Timestamp
    last_at: Timestamp
    error: str


class NotificationDocument(Document, frozen=True, kw_only=True):
    """One delivery: the timeline entries `first_entry` to `last_entry`, and its times.

    While it is under way `delivered_at` is null and `last_entry` is 0.
    """

    receiver: str
    first_entry: int
    last_entry: int
    pending_since: Timestamp
    first_attempt_at: Timestamp
    delivered_at: Timestamp | None
    failures: list[FailuresDocument]


class ReceiptsDocument(Document, frozen=True, kw_only=True):
    """The receivers of one incident, and the last 200 notifications by their first attempts."""

    incident: str
    receipts: list[ReceiptDocument]
    notifications: list[NotificationDocument]


def receipts(
    incident: model.Incident,
    kept: Iterable[model.Receipt],
    notifications: Iterable[model.Notification] = (),
) -> ReceiptsDocument:
    """Return what each receiver has of an incident, and when it was notified."""
    return ReceiptsDocument(
        incident=incident.id,
        receipts=[
            ReceiptDocument(
                receiver=receipt.receiver,
                told_through=receipt.told_through,
                entries=incident.entries,
                complete=is_complete(receipt, incident),
                handle=dict(receipt.handle),
                link=thread_link(receipt.handle) or None,
                failing_since=timestamp_or_none(receipt.failing_since),
                failures=receipt.failures,
                error=receipt.error,
            )
            for receipt in kept
        ],
        notifications=[_notification(notification) for notification in notifications],
    )


def _notification(notification: model.Notification) -> NotificationDocument:
    return NotificationDocument(
        receiver=notification.receiver,
        first_entry=notification.first_entry,
        last_entry=notification.last_entry,
        pending_since=model.format_timestamp(notification.pending_since),
        first_attempt_at=model.format_timestamp(notification.first_attempt_at),
        delivered_at=timestamp_or_none(notification.delivered_at),
        failures=[
            FailuresDocument(
                reason=failures.reason.value,
                count=failures.count,
                first_at=model.format_timestamp(failures.first_at),
                last_at=model.format_timestamp(failures.last_at),
                error=failures.error,
            )
            for failures in notification.failures
        ],
    )


def is_complete(receipt: model.Receipt, incident: model.Incident) -> bool:
    """Whether the receiver has everything."""
    return receipt.told_through >= incident.entries and receipt.parent_version >= incident.version


def thread_link(handle: Mapping[str, str]) -> str:
    """Return the address that opens a Slack thread, or else its channel; empty for no thread."""
    channel, ts = handle.get("channel", ""), handle.get("ts", "")
    if not (_CHANNEL.fullmatch(channel) and _TS.fullmatch(ts)):
        return ""
    return f"https://slack.com/app_redirect?channel={channel}&message_ts={ts}"
