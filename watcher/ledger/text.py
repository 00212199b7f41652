"""The ledger as people read it in a terminal, and as a spreadsheet does. Pure."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator

from watcher import model
from watcher.ledger.document import CircuitDocument, LedgerDocument, OutageDocument
from watcher.model import FaultDomain

_COLUMNS = ("CIRCUIT", "AVAILABLE", "DOWN", "DEGRADED", "PLANNED", "UNKNOWN")
_NAME, _WIDTH = 26, 80  # columns
_CSV = (
    *("month", "zone", "subject", "name", "minutes_in_service"),
    *("up", "degraded", "down", "planned", "blind", "unused"),
    *("availability", "availability_without_planned", "carrier_availability", "sla_percent"),
    *("outages", "corrected_at"),
)


def lines(ledger: LedgerDocument) -> Iterator[str]:
    """Yield the ledger as text of at most 80 columns: a table, then outages, then claims."""
    over = "" if ledger.until == ledger.end else f", up to {minute(ledger.until)}"
    yield f"{ledger.month} ({ledger.zone}){over}: {_count(len(ledger.circuits), 'circuit')}"
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
                yield from textwrap.wrap(
                    line, _WIDTH, initial_indent="  ", subsequent_indent="    "
                )


def csv_text(ledger: LedgerDocument) -> str:
    """Return one line for each circuit, in minutes and percent, with a heading."""
    written = io.StringIO()
    writer = csv.DictWriter(written, _CSV, lineterminator="\n")
    writer.writeheader()
    for circuit in ledger.circuits:
        row = {name: getattr(circuit, name, "") for name in _CSV} | circuit.minutes
        row |= {"month": ledger.month, "zone": ledger.zone, "outages": len(circuit.outages)}
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
    for outage in circuit.outages:
        yield f"  {_when(outage)}"
        yield f"    {_what(outage)}"
        for record in outage.recorded:
            message = f", {record.message}" if record.message else ""
            yield f"    on the vendor's record: {record.state}{message}"


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


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _cell(value: object) -> object:
    """Keep a spreadsheet from taking a vendor's text for a formula."""
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula else value
