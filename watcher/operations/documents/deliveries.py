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


class ReceiptsDocument(Document, frozen=True, kw_only=True):
    """The receivers of one incident."""

    incident: str
    receipts: list[ReceiptDocument]


def receipts(incident: model.Incident, kept: Iterable[model.Receipt]) -> ReceiptsDocument:
    """Return what each receiver has of an incident."""
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
