"""The carrier packet, word for word, and what it keeps to ourselves."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN
from watcher import model
from watcher.operations import carrier_packet

NOW = BEGIN + timedelta(minutes=29, seconds=30)


def test_a_packet_is_ready_for_the_carriers_ticket(builder):
    builder.diagnose()
    builder.add_entry(model.EntryKind.ACKNOWLEDGED, "acknowledged by Ana", after=60, by="Ana")
    builder.add_entry(model.EntryKind.NOTED, "the truck is on its way", after=90, by="Ana")
    builder.add_entry(model.EntryKind.CHANGED, "degraded, was offline", after=120)
    assert carrier_packet.render_packet(builder.incident_view(), NOW) == [
        "NYC Arena uplink is offline: likely Lumen side",
        "Our reference: w-7k3m. All times are UTC; written at 2026-11-21 03:39:52.",
        "Downtime: 29 min (so far), 2026-11-21 03:10:22",
        "",
        "Service ids: SVC1",
        "Circuits:",
        (
            "- vyvx/1234567 (NYC Arena uplink): offline since 2026-11-21 03:10:22, was online;"
            " ingress_state online; state offline"
        ),
        "  destination: LA Broadcast Center, Denver TOC",
        "  destination_city: Los Angeles, Denver",
        "  origin: Madison Square Garden",
        "  origin_city: New York",
        "  po_number: 4711",
        "  booked: 2026-11-21 02:00:00 to 2026-11-21 04:00:00",
        "Service Diagnostics:",
        "- SVC1 at 2026-11-21 03:10:22: Trouble found in the Lumen network",
        "  found: Port: down",
        "  found: Loss of light at NYCMNY54",
        "  found: CRC: 0",
        "  found: Power: ok",
        "  suggested: Open a ticket with Lumen repair",
        f"  report: SVC1-r-1.pdf, sha256 {'ab' * 32}",
        "",
        "Timeline:",
        "2026-11-21 03:10:22  offline since 03:10:22 UTC, was online",
        "2026-11-21 03:11:02  Service Diagnostics for SVC1: Trouble found in the Lumen network",
        "2026-11-21 03:12:22  degraded, was offline",
    ]


def test_a_run_that_came_too_soon_hides_nothing_and_is_our_own_business(builder):
    builder.diagnose()
    builder.diagnose("r-2", status=model.DiagnosisStatus.SKIPPED, message="too soon", report=None)
    text = "\n".join(carrier_packet.render_packet(builder.incident_view(), NOW))
    assert "found: Loss of light at NYCMNY54" in text
    assert "too soon" not in text
    assert text.count("Service Diagnostics for SVC1") == 1


def test_when_it_is_over_the_downtime_is_final(builder):
    builder.resolve(after=1_800)
    lines = carrier_packet.render_packet(builder.incident_view(), NOW + timedelta(hours=9))
    assert lines[2] == ("Downtime: 30 min (recovered), 2026-11-21 03:10:22 to 2026-11-21 03:40:22")


def test_a_circuit_that_is_well_again_is_not_called_well_since_it_broke(builder):
    well = replace(
        builder.alert,
        state=model.AlertState.RESOLVED,
        from_="offline",
        to="online",
        fields={"state": "online", "ingress_state": "online"},
    )
    (line,) = [
        line
        for line in carrier_packet.render_packet(builder.incident_view(well), NOW)
        if line.startswith("- vyvx")
    ]
    assert line == (
        "- vyvx/1234567 (NYC Arena uplink): affected from 2026-11-21 03:10:22,"
        " finally online, was offline; ingress_state online; state online"
    )


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        (model.EntryKind.FLAPPING, "; with recoveries in between, see the timeline"),
        (model.EntryKind.REOPENED, "; reopened, the time before that is in the timeline"),
    ],
)
def test_what_came_back_in_between_is_said(builder, kind, note):
    builder.add_entry(kind, "offline again", after=300)
    assert carrier_packet.render_packet(builder.incident_view(), NOW)[2].endswith(note)


def test_a_circuit_with_two_faces_of_a_fault_is_one_circuit(builder):
    degraded = replace(
        builder.alert,
        rule="vyvx-service-degraded",
        to="degraded",
        since=BEGIN - timedelta(minutes=2),
        until=BEGIN,
    )
    lines = carrier_packet.render_packet(builder.incident_view(builder.alert, degraded), NOW)
    (circuit,) = [line for line in lines if line.startswith("- vyvx")]
    assert "offline since 2026-11-21 03:10:22, was online" in circuit


def test_many_circuits_are_counted_once_each(builder):
    alerts = [
        replace(builder.alert, subject=f"vyvx/{number}", rule=rule)
        for number in range(12)
        for rule in ("vyvx-service-down", "vyvx-source-side")
    ]
    lines = carrier_packet.render_packet(builder.incident_view(*alerts), NOW)
    assert sum(line.startswith("- vyvx") for line in lines) == carrier_packet.MOST_CIRCUITS
    assert "- and 2 more" in lines


def test_how_a_fault_changed_is_on_the_timeline_and_whom_we_call_is_not(builder):
    builder.add_entry(model.EntryKind.WORSE, "worse: offline since 03:12:22 UTC", after=120)
    builder.add_entry(model.EntryKind.BETTER, "better: degraded, still a fault", after=180)
    builder.add_entry(
        model.EntryKind.VERDICT, "likely source side now; call Ana, +1 555 0100", after=200
    )
    text = "\n".join(carrier_packet.render_packet(builder.incident_view(), NOW))
    assert "03:12:22  worse: offline since 03:12:22 UTC" in text
    assert "03:13:22  better: degraded, still a fault" in text
    assert "+1 555" not in text


def test_who_of_us_resolved_it_is_not_shown(builder):
    builder.add_entry(model.EntryKind.RESOLVED, "resolved by Ana", after=60, by="Ana")
    text = "\n".join(carrier_packet.render_packet(builder.incident_view(), NOW))
    assert "Ana" not in text
    assert "resolved by hand" in text


def test_a_busy_line_is_not_called_down(builder):
    busy = replace(builder.alert, value=93.5, from_=None, to=None)
    lines = carrier_packet.render_packet(builder.incident_view(busy), NOW)
    assert lines[2].startswith("Duration: ")
    assert "93.5 since" in "\n".join(lines)


def test_a_long_timeline_keeps_its_beginning_and_its_end(builder):
    for number in range(100):
        builder.add_entry(model.EntryKind.CHANGED, f"change {number}", after=number + 1)
    lines = carrier_packet.render_packet(builder.incident_view(), NOW)
    lines = lines[lines.index("Timeline:") + 1 :]
    assert len(lines) == carrier_packet.MOST_ENTRIES + 1
    assert lines[carrier_packet.MOST_ENTRIES // 2] == "(61 entries omitted here)"
    assert lines[-1].endswith("change 99")
    assert lines[0].endswith("offline since 03:10:22 UTC, was online")


def test_labels_of_the_inventory_stay_at_home_unless_the_options_name_them(builder):
    builder.alert = replace(
        builder.alert,
        labels={
            **builder.alert.labels,
            "customer": "acme",
            "contract": "C-42",
            "po_number": "ours",
        },
    )
    view = builder.incident_view()
    text = "\n".join(carrier_packet.render_packet(view, NOW))
    assert "acme" not in text
    assert "C-42" not in text
    assert "ours" not in text  # it replaces what the vendor calls by that name
    named = carrier_packet.PacketOptions(labels=frozenset({"contract"}))
    lines = carrier_packet.render_packet(view, NOW, named)
    assert "  contract: C-42" in lines
    assert "acme" not in "\n".join(lines)


def test_the_number_of_the_contract_stands_below_its_circuit(builder):
    def contract(key, labels):
        return "V-20447" if (key, labels["name"]) == ("vyvx/1234567", "NYC Arena uplink") else ""

    lines = carrier_packet.render_packet(
        builder.incident_view(), NOW, carrier_packet.PacketOptions(contract=contract)
    )
    below = next(number for number, line in enumerate(lines) if line.startswith("- vyvx/1234567"))
    assert lines[below + 1] == "  contract: V-20447"
    assert not [
        line
        for line in carrier_packet.render_packet(builder.incident_view(), NOW)
        if "contract" in line
    ]


def test_the_booked_window_and_the_carriers_own_clocks_are_in_it(builder):
    booking = model.Booking(
        id="1",
        scheduled=model.Window(start=BEGIN - timedelta(hours=1), end=BEGIN + timedelta(hours=2)),
    )
    builder.subject = replace(builder.subject, bookings=(booking,))
    builder.resolve()
    denver = carrier_packet.PacketOptions(zone="America/Denver")
    lines = carrier_packet.render_packet(builder.incident_view(), NOW, denver)
    assert "  booked: 2026-11-21 02:10:22 to 2026-11-21 05:10:22" in lines
    (local,) = [line for line in lines if line.startswith("In America/Denver: ")]
    assert local == "In America/Denver: 2026-11-20 20:10:22 MST to 2026-11-20 20:40:22 MST"


def booked(builder, *spans):
    """The bookings in the packet of a circuit that has these, in hours since the outage began."""
    bookings = [
        model.Booking(
            id=str(number),
            scheduled=model.Window(
                start=BEGIN + timedelta(hours=start),
                end=None if end is None else BEGIN + timedelta(hours=end),
            ),
        )
        for number, (start, end) in enumerate(spans)
    ]
    builder.subject = replace(builder.subject, bookings=tuple(bookings))
    lines = carrier_packet.render_packet(builder.incident_view(), NOW)
    return [line.strip() for line in lines if line.startswith("  booked: ")]


def test_the_booking_that_was_affected_is_in_it_wherever_the_vendor_lists_it(builder):
    assert booked(builder, (48, 50), (24, 26), (-24, -22), (-1, 2)) == [
        "booked: 2026-11-21 02:10:22 to 2026-11-21 05:10:22"
    ]


def test_every_booking_that_was_affected_is_in_it_in_the_order_of_time(builder):
    assert booked(builder, (48, 50), (0.25, 3), (24, 26), (-1, None)) == [
        "booked: 2026-11-21 02:10:22",
        "booked: 2026-11-21 03:25:22 to 2026-11-21 06:10:22",
    ]


def test_where_none_was_affected_the_nearest_one_is_in_it(builder):
    assert booked(builder, (48, 50), (24, 26), (-24, -22), (-9, -7)) == [
        "booked: 2026-11-20 18:10:22 to 2026-11-20 20:10:22"
    ]


def test_the_carriers_own_works_are_on_the_timeline_and_whom_we_call_is_not(builder):
    builder.add_entry(
        model.EntryKind.SUPPRESSED,
        "planned by works CHG-1 of Lumen until 04:00 UTC: nobody is called",
        planned="planned works CHG-1 of Lumen until 04:00 UTC",
    )
    why = "still there after planned works CHG-1 of Lumen, which were to end at 04:00 UTC"
    builder.add_entry(
        model.EntryKind.RELEASED, f"notifications resumed: {why}", after=3_600, planned=why
    )
    lines = carrier_packet.render_packet(builder.incident_view(), NOW)
    assert lines[-2:] == [
        "2026-11-21 03:10:22  planned works CHG-1 of Lumen until 04:00 UTC",
        f"2026-11-21 04:10:22  {why}",
    ]
