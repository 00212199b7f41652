"""What the vendor's own triage says first, and how far each receiver is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

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


def thread(receipt: model.Receipt) -> str:
    """Return the address of its Slack thread; empty where there is none."""
    return documents.thread_link(receipt.handle)
