"""The ledger as programs and people read it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

from msgspec.structs import replace

from tests.fakes.sample_data import incident
from tests.unit.ledger.test_ledger import (
    DAY,
    HOUR,
    MINUTE,
    START,
    announced,
    built,
    failed,
    polled,
    record,
    started,
)
from watcher import engine, model, ports
from watcher.ledger import document, page, period, text

NOVEMBER = period.parse_month("2026-11")
AGREED = engine.InventoryEntry(labels={"name": "USA East", "site": "NYC"}, sla_percent=99.95)


def read(*records, **more):
    return document.document(built(*records, vyvx_a=AGREED, **more), NOVEMBER)


def reported(*records, **more):
    (circuit,) = read(*records, **more).circuits
    return circuit


def test_minutes_are_by_condition_and_sum_to_the_month():
    circuit = reported(
        polled(timedelta(0), a="online"), polled(DAY, a="offline"), polled(DAY + HOUR, a="online")
    )
    assert circuit.minutes["down"] == 60
    assert sum(circuit.minutes.values()) == 30 * 1440
    assert circuit.availability == 99.8611


def test_each_day_has_its_worst_condition():
    circuit = reported(
        polled(DAY, a="online"),
        polled(2 * DAY, a="offline"),
        polled(3 * DAY + HOUR, a="online"),
        failed(10 * DAY),
        polled(11 * DAY, a="online"),
    )
    days = ["blind", "up", "down", "down"] + ["up"] * 6 + ["blind"] + ["up"] * 19
    assert list(circuit.days) == days


def test_a_month_that_is_not_over_has_as_many_days_as_it_has_had():
    circuit = reported(polled(timedelta(0), a="online"), end=START + 3 * DAY + HOUR)
    assert circuit.days == ("up",) * 4


def test_a_claim_lists_what_counts_with_the_vendors_own_record():
    window = (START + 5 * DAY, START + 5 * DAY + HOUR)
    circuit = reported(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        polled(DAY + HOUR, a="online"),
        record(2 * DAY, "vyvx/a", timedelta(0), 2 * DAY, ("offline", DAY - MINUTE, DAY + HOUR)),
        polled(3 * DAY, a={"state": "offline", "ingress_state": "offline"}),
        polled(3 * DAY + HOUR, a="online"),
        polled(5 * DAY, a="offline"),
        polled(5 * DAY + HOUR, a="online"),
        started(7 * DAY, last=6 * DAY),
        polled(7 * DAY, a="online"),
        planned=announced(window),
    )
    assert circuit.claim.splitlines() == [
        "USA East (a) was down for 60.0 min in 2026-11: 99.856 % available, 99.95 % agreed.",
        "- 2026-11-02 00:00:00 to 2026-11-02 01:00:00 UTC: offline",
        "  your own record: offline, 2026-11-01 23:59:00 to 2026-11-02 01:00:00 UTC",
        "Left out as announced works: 60.0 min.",
        "Not observed, and not counted: 1,440.0 min.",
    ]


def test_an_outage_names_the_tickets_of_its_time_and_a_claim_does_as_well():
    opened = incident(
        began_at=START + DAY + MINUTE,
        ended_at=START + DAY + HOUR,
        resolved_at=START + DAY + HOUR,
        status=model.IncidentStatus.RESOLVED,
        ticket=model.Ticket(number="4711", by="ana", at=START + DAY),
    )
    later = incident(began_at=START + 9 * DAY, ticket=replace(opened.ticket, number="4712"))
    ledger = built(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        polled(DAY + HOUR, a="online"),
        vyvx_a=AGREED,
    )
    ticketed = [("vyvx/a", opened), ("vyvx/a", later), ("vyvx/b", later)]
    (circuit,) = document.document(ledger, NOVEMBER, ticketed=ticketed).circuits
    assert circuit.outages[0].tickets == ("4711",)
    assert "UTC: offline; your ticket 4711" in circuit.claim


def booked(after, *bookings):
    details = model.Details(
        bookings=tuple(
            model.Booking(
                id=name,
                scheduled=model.Window(start=START + begin, end=START + end),
                terminal=True,
            )
            for name, begin, end in bookings
        )
    )
    what = model.DetailsRead(subject="vyvx/a", details=details)
    return ports.Recorded(at=START + after, what=what)


def test_each_booking_has_the_minutes_that_were_lost_on_air():
    ledger = read(
        booked(
            timedelta(0),
            ("7-2", 2 * DAY, 2 * DAY + HOUR),
            ("7-1", DAY, DAY + 2 * HOUR),
            ("7-0", -2 * DAY, -DAY),
            ("7-9", -HOUR, HOUR),
        ),
        polled(timedelta(0), a="online"),
        polled(DAY + HOUR, a="offline"),
        polled(DAY + 3 * HOUR, a="online"),
    )
    (circuit,) = ledger.circuits
    assert [
        (booking.id, booking.minutes["up"], booking.minutes["down"]) for booking in circuit.bookings
    ] == [("7-9", 60, 0), ("7-1", 60, 60), ("7-2", 60, 0)]
    total = sum(minutes for booking in circuit.bookings for minutes in booking.minutes.values())
    assert total == circuit.minutes_in_service
    (line,) = [line for line in text.lines(ledger) if "booking" in line]
    assert line == "  booking 7-1, 2026-11-02 00:00 to 2026-11-02 02:00: 60.0 min down"
    assert "booking 7-1, 2026-11-02 00:00" in page.html(ledger)


def test_the_spreadsheet_of_outages_has_the_vendors_record_and_the_side():
    ledger = read(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        polled(DAY + HOUR, a="online"),
        record(2 * DAY, "vyvx/a", timedelta(0), 2 * DAY, ("offline", DAY - MINUTE, DAY + HOUR)),
        polled(3 * DAY, a={"state": "offline", "ingress_state": "offline"}),
        polled(3 * DAY + HOUR, a="online"),
    )
    first, second = csv.DictReader(io.StringIO(text.outages_csv(ledger)))
    assert (first["start"], first["minutes"]) == ("2026-11-02T00:00:00.000Z", "60.0")
    assert first["recorded"] == "offline, 2026-11-01 23:59:00 to 2026-11-02 01:00:00"
    assert (first["likely_side"], second["likely_side"]) == ("lumen", "source")
    (row,) = csv.DictReader(io.StringIO(text.csv_text(ledger)))
    assert (row["bad_lumen"], row["bad_source"], row["bad_orange"]) == ("60.0", "60.0", "0.0")
    assert "  likely Lumen side: 60.0 min, likely source side: 60.0 min" in text.lines(ledger)


def test_nothing_is_claimed_where_the_target_is_met_or_the_fault_was_the_sources():
    source = {"state": "offline", "ingress_state": "offline"}
    circuit = reported(
        polled(timedelta(0), a="online"), polled(DAY, a=source), polled(2 * DAY, a="online")
    )
    assert circuit.minutes["down"] == 1440
    assert circuit.claim == ""


def test_the_text_fits_80_columns_and_says_what_is_unknown():
    ledger = read(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        failed(DAY + HOUR),
        polled(2 * DAY, a="online"),
    )
    lines = list(text.lines(ledger))
    assert all(len(line) <= 80 for line in lines)
    assert lines[:4] == [
        "2026-11 (UTC): 1 circuit",
        "",
        "CIRCUIT                    AVAILABLE      DOWN  DEGRADED   PLANNED   UNKNOWN",
        "USA East                    99.856 %      60.0       0.0       0.0   1,380.0",
    ]
    assert lines[6:8] == [
        "  2026-11-02 00:00:00 to 01:00:00, at least 60.0 min",
        "    offline; likely Lumen side",
    ]


def test_an_empty_month_says_that_nothing_is_recorded():
    assert list(text.lines(read())) == [
        "2026-11 (UTC): 0 circuits",
        "Nothing is recorded of this month.",
    ]


def test_the_csv_has_a_line_for_each_circuit_and_no_formula():
    named = engine.InventoryEntry(labels={"name": "=HYPERLINK(1)"})
    ledger = document.document(built(polled(timedelta(0), a="online"), vyvx_a=named), NOVEMBER)
    (row,) = csv.DictReader(io.StringIO(text.csv_text(ledger)))
    assert row["subject"] == "vyvx/a"
    assert row["name"] == "'=HYPERLINK(1)"
    assert (row["up"], row["outages"], row["availability"]) == ("43200.0", "0", "100.0")


def test_the_page_escapes_what_a_vendor_sends():
    named = engine.InventoryEntry(labels={"name": "<script>alert(1)</script>"})
    ledger = document.document(built(polled(timedelta(0), a="offline"), vyvx_a=named), NOVEMBER)
    html = page.html(ledger)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
