"""What people get to know of an incident beside its alerts: whom to call, whose side.

Pure. Programs that show an incident to people read it, and need not build the sentences again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from watcher import model
from watcher.model import reservation
from watcher.operations.documents.document import Timestamp, timestamp_or_none


class ContactDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call when the fault is on this side, as the inventory says."""

    side: str
    text: str


class SideDocument(msgspec.Struct, frozen=True, kw_only=True):
    """On whose side the fault is likely to be, in words, and what says so; an estimate."""

    side: model.FaultDomain
    text: str
    why: list[str]


class BookingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The booking of the one subject that the incident is about, and its `phase` at `at`."""

    id: str
    start: Timestamp | None
    end: Timestamp | None
    phase: model.Phase
    at: Timestamp


_CONCLUSIVE = (model.DiagnosisStatus.DONE, model.DiagnosisStatus.NO_REPORT)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_ON_AIR = (model.Phase.ON_AIR, model.Phase.OVERRUN, model.Phase.PRE_ROLL)


def contacts(incident: model.Incident) -> tuple[ContactDocument, ...]:
    """Return whom to call, the likely side first."""
    return tuple(
        ContactDocument(side=contact.domain, text=contact.text) for contact in incident.contacts
    )


def likely_side(view: model.IncidentView) -> SideDocument:
    """Return the likely side, with the vendor's fields and the triage that it is judged by."""
    side = view.incident.fault_domain
    return SideDocument(side=side, text=model.format_side(side), why=list(_reasons(view)))


def _reasons(view: model.IncidentView) -> Iterator[str]:
    for alert in view.by_subject[:1]:
        if alert.fields:
            yield ", ".join(
                f"{name} {model.format_value(value)}" for name, value in alert.fields.items()
            )
    for run in view.incident.diagnostics[-1:]:
        if run.status in _CONCLUSIVE and run.disposition:
            yield f"{run.service_id}: {run.disposition}"


def booking(view: model.IncidentView, now: datetime | None) -> BookingDocument | None:
    """Return the booking that is on air, or else the next; None of several subjects, or of none."""
    subjects = {alert.subject for alert in view.by_subject}
    subject = view.subjects.get(next(iter(subjects))) if len(subjects) == 1 else None
    if now is None or subject is None or not subject.bookings:
        return None
    phases = [(reservation.phase((booking,), now), booking) for booking in subject.bookings]
    current = next((pair for pair in phases if pair[0] in _ON_AIR), None)
    phase, chosen = current or max(phases, key=lambda pair: _start(pair[1]) or _LONG_AGO)
    return BookingDocument(
        id=chosen.id,
        start=timestamp_or_none(_start(chosen)),
        end=timestamp_or_none(chosen.scheduled.end or chosen.reserved.end),
        phase=phase,
        at=model.format_timestamp(now),
    )


def _start(booking: model.Booking) -> datetime | None:
    return booking.scheduled.start or booking.reserved.start
