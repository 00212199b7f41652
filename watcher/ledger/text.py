"""The ledger as people read it in a terminal, and as a spreadsheet does. Pure."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator

from watcher import model
from watcher.ledger.document import (
    BookedTimeDocument,
    CircuitDocument,
    LedgerDocument,
    OutageDocument,
    RecordDocument,
)
from watcher.model import FaultDomain

_COLUMNS = ("CIRCUIT", "AVAILABLE", "DOWN", "DEGRADED", "PLANNED", "UNKNOWN")
_NAME, _WIDTH = 26, 80  # columns
_CSV = (
    *("month", "zone", "subject", "name", "minutes_in_service"),
    *("up", "degraded", "down", "planned", "blind", "unused"),
    *("availability", "availability_without_planned", "carrier_availability", "sla_percent"),
    *("outages", "corrected_at"),
)
_SIDES = tuple(side for side in FaultDomain if side is not FaultDomain.NONE)
_LOST = (
    *(("down", "down"), ("degraded", "degraded"), ("planned", "planned"), ("blind", "unknown")),
)  # conditions, and the words for them
_OUTAGES_CSV = (
    *("month", "zone", "subject", "name", "start", "end", "minutes", "planned_minutes", "worst"),
    *("likely_side", "states", "recorded", "tickets", "goes_on", "unseen_end"),
)


def lines(ledger: LedgerDocument) -> Iterator[str]:
    """Yield the ledger as text of at most 80 columns: a table, then outages, then claims."""
    over = "" if ledger.until == ledger.end else f", up to {minute(ledger.until)}"
    circuits = model.format_count(len(ledger.circuits), "circuit")
    yield f"{ledger.month} ({ledger.zone}){over}: {circuits}"
    if not ledger.circuits:
        yield "Nothing is recorded of this month."
        return
    yield ""
    yield _row(*_COLUMNS)
    for circuit in ledger.circuits:
        spent = [circuit.minutes[name] for name in ("down", "degraded", "planned", "blind")]
        yield _row(circuit.name, percent(circuit.availability), *map(minutes, spent))
    for circuit in ledger.circuits:
        yield from _outages(circuit)
    for circuit in ledger.circuits:
        if circuit.claim:
            yield ""
            yield f"May be claimed for {circuit.name}:"
            for line in circuit.claim.splitlines():
                yield from _wrapped(line, "  ")


def csv_text(ledger: LedgerDocument) -> str:
    """Return one line for each circuit, in minutes and percent, with a heading."""
    written = io.StringIO()
    columns = (*_CSV, *(f"bad_{side}" for side in _SIDES))
    writer = csv.DictWriter(written, columns, lineterminator="\n")
    writer.writeheader()
    for circuit in ledger.circuits:
        row = {name: getattr(circuit, name, "") for name in _CSV} | circuit.minutes
        row |= {"month": ledger.month, "zone": ledger.zone, "outages": len(circuit.outages)}
        row |= {f"bad_{side}": circuit.bad_minutes_by_side.get(side, 0.0) for side in _SIDES}
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return written.getvalue()


def outages_csv(ledger: LedgerDocument) -> str:
    """Return one line for each outage, with the vendor's own record of it and the tickets."""
    written = io.StringIO()
    writer = csv.DictWriter(written, _OUTAGES_CSV, lineterminator="\n")
    writer.writeheader()
    for circuit in ledger.circuits:
        for outage in circuit.outages:
            row = {name: getattr(outage, name, "") for name in _OUTAGES_CSV}
            row |= {"month": ledger.month, "zone": ledger.zone}
            row |= {"subject": circuit.subject, "name": circuit.name}
            row |= {
                "states": ", ".join(outage.states),
                "recorded": "; ".join(map(describe_record, outage.recorded)),
                "tickets": ", ".join(outage.tickets),
            }
            writer.writerow({name: _cell(value) for name, value in row.items()})
    return written.getvalue()


def _outages(circuit: CircuitDocument) -> Iterator[str]:
    if not circuit.outages and not circuit.corrected_at:
        return
    yield ""
    corrected = ""
    if circuit.corrected_at:
        corrected = f" (corrected by the vendor's record on {circuit.corrected_at[:10]})"
    yield f"{circuit.name}{corrected}"
    if len(circuit.outages) > 1 and (sides := describe_sides(circuit)):
        yield from _wrapped(sides, "  ")
    for outage in circuit.outages:
        yield f"  {_when(outage)}"
        yield f"    {_what(outage)}"
        for record in outage.recorded:
            yield from _wrapped(f"on the vendor's record: {describe_record(record)}", "    ")
    for booking in lossy(circuit):
        yield from _wrapped(f"booking {describe_booking(booking)}", "  ")


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")


def _what(outage: OutageDocument) -> str:
    parts = [", ".join(outage.states) or outage.worst]
    if outage.worst == "planned":
        parts.append("announced")
    elif outage.planned_minutes:
        parts.append(f"{minutes(outage.planned_minutes)} min of it announced")
    if outage.likely_side not in {FaultDomain.NONE, FaultDomain.UNDETERMINED}:
        parts.append(model.format_side(FaultDomain(outage.likely_side)))
    if outage.tickets:
        parts.append(f"ticket {', '.join(outage.tickets)}")
    return "; ".join(parts)


def describe_outage(outage: OutageDocument) -> str:
    """Return an outage as a sentence: begin, end, minutes, what was seen, whose side."""
    return f"{_when(outage)}: {_what(outage)}"


def describe_record(record: RecordDocument) -> str:
    """Return what the vendor recorded: state, its own words, begin and end."""
    message = f", {record.message}" if record.message else ""
    start = _second(record.start) if record.start else "an unknown time"
    end = _second(record.end) if record.end else "now"
    return f"{record.state}{message}, {start} to {end}"


def describe_sides(circuit: CircuitDocument) -> str:
    """Return how long each side was likely at fault: `likely Lumen side: 60.0 min`."""
    return ", ".join(
        f"{model.format_side(FaultDomain(side))}: {minutes(spent)} min"
        for side, spent in circuit.bad_minutes_by_side.items()
        if side != FaultDomain.NONE and spent
    )


def lossy(circuit: CircuitDocument) -> list[BookedTimeDocument]:
    """Return the bookings that were not good from begin to end."""
    return [
        booking for booking in circuit.bookings if any(booking.minutes[name] for name, _ in _LOST)
    ]


def describe_booking(booking: BookedTimeDocument) -> str:
    """Return a booking as a line: its id, begin and end, and what was lost of it."""
    lost = [
        f"{minutes(booking.minutes[name])} min {word}"
        for name, word in _LOST
        if booking.minutes[name]
    ]
    span = f"{minute(booking.start)} to {minute(booking.end)}"
    return f"{booking.id}, {span}: {', '.join(lost) or 'nothing was lost'}"


def _when(outage: OutageDocument) -> str:
    end = _second(outage.end)
    if outage.end[:10] == outage.start[:10]:
        end = end[11:]
    span = f"{_second(outage.start)} to {'the end' if outage.goes_on else end}"
    at_least = "at least " if outage.unseen_end else ""
    return f"{span}, {at_least}{minutes(outage.minutes)} min"


def _second(timestamp: str) -> str:
    return timestamp[:19].replace("T", " ")


def _row(name: str, *cells: str) -> str:
    short = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
    return f"{short:<{_NAME}}" + "".join(f"{cell:>10}" for cell in cells)


def percent(share: float | None) -> str:
    """Return a share in percent; unknown where nothing is known."""
    return "unknown" if share is None else f"{share:.3f} %"


def minutes(number: float) -> str:
    """Return minutes to the tenth: `1,440.0`."""
    return f"{number:,.1f}"


def minute(timestamp: str) -> str:
    """Return the minute of a timestamp: `2026-11-21 03:10`."""
    return timestamp[:16].replace("T", " ")


def _cell(value: object) -> object:
    """Keep a spreadsheet from taking a vendor's text for a formula."""
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula else value
