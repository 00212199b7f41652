"""What the vendor's own triage says first, and how far each receiver is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from watcher import model
from watcher.operations import documents

_CONCLUSIVE = (model.DiagnosisStatus.DONE, model.DiagnosisStatus.NO_REPORT)


def first_finding(incident: model.Incident) -> str:
    """Return the verdict of the newest run that found something out, with its worst finding."""
    for run in reversed(incident.diagnostics):
        if run.status in _CONCLUSIVE:
            to_read, _ = model.split_passed(run.findings)
            says = [text for text in (run.disposition, *to_read[:1]) if text]
            if says:
                return f"{run.service_id}: {'; '.join(says)}"
    return ""


def notified_until(receipt: model.Receipt, timeline: Sequence[model.Entry]) -> model.Entry | None:
    """Return the last entry that a receiver was notified of."""
    entries = [entry for entry in timeline if entry.number <= receipt.told_through]
    return entries[-1] if entries else None


def notifications(
    delivered: Sequence[model.Notification], receipts: Sequence[model.Receipt]
) -> list[model.Notification]:
    """Return what was delivered and what is under way, in the order of the first attempts."""
    under_way = [receipt.notification for receipt in receipts if receipt.notification]
    return sorted([*delivered, *under_way], key=lambda made: (made.first_attempt_at, made.receiver))


def describe_entries(notification: model.Notification, timeline: Sequence[model.Entry]) -> str:
    """Return which entries it tells of: `opened, joined 3 times`; under way: all since the last."""
    last = notification.last_entry or len(timeline)
    counted = Counter(
        entry.kind.replace("_", " ")
        for entry in timeline
        if notification.first_entry <= entry.number <= last
    )
    entries = ", ".join(
        kind if count == 1 else f"{kind} {count} times" for kind, count in counted.items()
    )
    return entries or "nothing new"


def took(start: datetime, end: datetime) -> str:
    """Return how long it took; what took seconds has one decimal."""
    seconds = (end - start).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else model.format_duration(end - start)


def thread(receipt: model.Receipt) -> str:
    """Return the address of its Slack thread; empty where there is none."""
    return documents.thread_link(receipt.handle)
