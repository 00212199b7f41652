"""What is read of carriers' messages, in every form that they come in."""

from __future__ import annotations

import quopri
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.fakes import carrier_messages as carrier
from watcher.model import AffectedCircuit, WorkImpact, WorkStatus, WorkWindow
from watcher.works.notice_worker import parse

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN = datetime(2026, 3, 10, 7, tzinfo=UTC)
END = BEGIN + timedelta(hours=5)
WINDOW = WorkWindow(begin=BEGIN, end=END)
OUTAGE = WorkImpact.OUTAGE


def read(content, zone="UTC", origin="file x", now=NOW):
    return parse(content, origin=origin, now=now, zone=ZoneInfo(zone))


def page(*blocks, number="21266034", **options):
    return carrier.lumen_page(number, *blocks, **options).encode()


def ids(notice):
    return {circuit.id: circuit.impact.value for circuit in notice.circuits}


def test_a_calendar_of_the_bcop_form_is_read_whole():
    (notice,) = read(
        carrier.calendar(carrier.event(BEGIN, END, at=NOW, circuits=("1-AAA", "1-BBB")))
    )
    assert (notice.key, notice.status, notice.sequence) == (
        "example.com/WO-31415",
        WorkStatus.CONFIRMED,
        1,
    )
    assert notice.windows == (WINDOW,)
    assert notice.circuits == tuple(
        AffectedCircuit(id=name, impact=OUTAGE) for name in ("1-AAA", "1-BBB")
    )
    assert (notice.stamp, notice.received_at, notice.origin) == (NOW, NOW, "file x")
    assert (notice.summary, notice.account) == ("Fibre is moved", "137.035999173")


def test_a_circuit_may_have_an_impact_of_its_own_and_escapes_are_undone():
    named = (
        "X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=DEGRADED:A\\, B",
        "X-MAINTNOTE-OBJECT-ID;VALUE=TEXT:C\\\\\\, D",
    )
    (notice,) = read(carrier.calendar(carrier.event(BEGIN, END, more=named)))
    assert ids(notice) == {"1-AAA": "outage", "A, B": "degraded", "C\\, D": "outage"}


def test_an_impact_that_is_left_out_or_unheard_of_is_none():
    for impact in ("", "MAYBE"):
        (notice,) = read(carrier.calendar(carrier.event(BEGIN, END, impact=impact)))
        assert ids(notice) == {"1-AAA": "no-impact"}


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("TENTATIVE", WorkStatus.TENTATIVE),
        ("CANCELLED", WorkStatus.CANCELLED),
        ("in-process", WorkStatus.IN_PROCESS),
        ("COMPLETED", WorkStatus.COMPLETED),
        ("RE-SCHEDULED", WorkStatus.RESCHEDULED),
        ("", WorkStatus.CONFIRMED),
    ],
)
def test_each_status_of_the_bcop_is_read(written, status):
    (notice,) = read(carrier.calendar(carrier.event(BEGIN, END, status=written)))
    assert notice.status is status


def test_a_calendar_that_cancels_cancels_whatever_its_events_say():
    (notice,) = read(carrier.calendar(carrier.event(BEGIN, END), head=("METHOD:CANCEL",)))
    assert notice.status is WorkStatus.CANCELLED


def test_the_end_may_be_a_duration_and_times_may_name_a_zone_or_none():
    events = [
        carrier.event(None, None, more=(f"DTSTART{zone}:20260310T080000", "DURATION:PT5H"))
        for zone in (";TZID=Europe/Paris", ";TZID=Romance Standard Time", "")
    ]
    for event in events:
        (notice,) = read(carrier.calendar(event), zone="Europe/Paris")
        assert notice.windows == (WINDOW,)


def test_two_windows_of_one_id_are_one_notice_with_both():
    later = WorkWindow(begin=BEGIN + timedelta(days=1), end=END + timedelta(days=1))
    (notice,) = read(
        carrier.calendar(
            carrier.event(later.begin, later.end, uid="2"), carrier.event(BEGIN, END, uid="1")
        )
    )
    assert notice.windows == (WINDOW, later)


def test_an_event_for_each_circuit_is_one_notice_with_all():
    (notice,) = read(
        carrier.calendar(
            carrier.event(BEGIN, END, uid="1", circuits=("1-AAA",)),
            carrier.event(BEGIN, END, uid="2", circuits=("1-BBB",), impact="DEGRADED"),
        )
    )
    assert notice.windows == (WINDOW,)
    assert ids(notice) == {"1-AAA": "outage", "1-BBB": "degraded"}


def test_windows_with_circuits_of_their_own_plan_no_more_than_was_announced():
    day = timedelta(days=1)
    first, second = read(
        carrier.calendar(
            carrier.event(BEGIN, END, uid="1", circuits=("1-AAA",)),
            carrier.event(BEGIN + day, END + day, uid="2", circuits=("1-BBB",)),
        )
    )
    assert (first.id, ids(first), first.windows) == ("WO-31415/1", {"1-AAA": "outage"}, (WINDOW,))
    assert (second.id, ids(second)) == ("WO-31415/2", {"1-BBB": "outage"})


def test_of_an_event_that_comes_twice_the_higher_sequence_counts():
    moved = timedelta(days=1)
    (notice,) = read(
        carrier.calendar(
            carrier.event(BEGIN + moved, END + moved, sequence=2),
            carrier.event(BEGIN, END, sequence=1),
        )
    )
    assert (notice.sequence, len(notice.windows)) == (2, 1)
    assert notice.windows[0].begin == BEGIN + moved


def test_of_two_windows_one_cancelled_the_other_goes_on():
    later = BEGIN + timedelta(days=1), END + timedelta(days=1)
    (notice,) = read(
        carrier.calendar(
            carrier.event(BEGIN, END, uid="1", status="CANCELLED"),
            carrier.event(*later, uid="2"),
        )
    )
    assert notice.status is WorkStatus.CONFIRMED
    assert [window.begin for window in notice.windows] == [later[0]]


def test_two_providers_with_one_id_are_two_notices():
    notices = read(
        carrier.calendar(
            carrier.event(BEGIN, END, provider="one.example"),
            carrier.event(BEGIN, END, provider="Two.example"),
        )
    )
    assert [n.key for n in notices] == ["one.example/WO-31415", "two.example/WO-31415"]


def test_a_cancellation_needs_neither_window_nor_circuit():
    event = carrier.event(None, None, circuits=(), status="CANCELLED", impact="")
    (notice,) = read(carrier.calendar(event))
    assert (notice.status, notice.windows, notice.circuits) == (WorkStatus.CANCELLED, (), ())


def test_a_completion_may_come_after_its_window():
    event = carrier.event(BEGIN, END, status="COMPLETED")
    (notice,) = read(carrier.calendar(event), now=END + timedelta(hours=1))
    assert notice.status is WorkStatus.COMPLETED


@pytest.mark.parametrize("form", ["#", "Window #"])
def test_a_page_of_lumen_is_read_by_its_times_in_gmt(form):
    block = (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))
    (notice,) = read(page(block, form=form))
    assert (notice.key, notice.status) == ("lumen/21266034", WorkStatus.CONFIRMED)
    assert notice.windows == (WINDOW,)
    assert ids(notice) == {"1-AAA": "outage"}
    assert notice.stamp == datetime(2026, 3, 1, 15, 45, 38, tzinfo=UTC)
    assert notice.account == "Northwind Sports"
    assert notice.summary == "Lumen intends to carry out internal maintenance."


def test_circuits_whose_impact_is_no_outage_are_kept_with_their_impact():
    rows = [
        ("1-AAA", "Outage"),
        ("1-BBB", "Degradation"),
        ("1-CCC", "At Risk"),
        ("1-DDD", "No Impact"),
        ("1-EEE", "Switch Hit"),
        ("1-FFF", "Something new"),
    ]
    (notice,) = read(page((carrier.window(BEGIN, END), carrier.circuits(*rows))))
    assert ids(notice) == {
        "1-AAA": "outage",
        "1-BBB": "degraded",
        "1-CCC": "reduced-redundancy",
        "1-DDD": "no-impact",
        "1-EEE": "degraded",
        "1-FFF": "no-impact",
    }


def test_a_circuit_that_repeats_is_one_with_its_worst_impact():
    rows = [("1-AAA", "At Risk"), ("1-AAA", "Outage"), ("1-BBB", "Outage"), ("1-AAA", "Outage")]
    (notice,) = read(page((carrier.window(BEGIN, END), carrier.circuits(*rows))))
    assert ids(notice) == {"1-AAA": "outage", "1-BBB": "outage"}


def test_a_circuit_without_an_id_goes_by_its_other_id():
    table = carrier.circuits(("N/A", "Outage"), ("_", "Outage"), alt="ALT-1")
    (notice,) = read(page((carrier.window(BEGIN, END), table)))
    assert ids(notice) == {"ALT-1": "outage"}


def test_several_windows_of_one_mail_are_one_notice():
    day = timedelta(days=1)
    table = carrier.circuits(("1-AAA", "Outage"))
    (notice,) = read(
        page((carrier.window(BEGIN, END), table), (carrier.window(BEGIN + day, END + day), table))
    )
    assert notice.id == "21266034"
    assert [window.begin for window in notice.windows] == [BEGIN, BEGIN + day]


def test_windows_of_one_mail_with_other_circuits_go_by_lumens_own_names():
    day = timedelta(days=1)
    first, second = read(
        page(
            (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage"))),
            (carrier.window(BEGIN + day, END + day), carrier.circuits(("1-BBB", "Outage"))),
        )
    )
    assert (first.id, ids(first)) == ("21266034-1", {"1-AAA": "outage"})
    assert (second.id, ids(second)) == ("21266034-2", {"1-BBB": "outage"})


def test_local_times_count_where_there_are_none_in_gmt():
    table = carrier.circuits(("1-AAA", "Outage"))
    (notice,) = read(page((carrier.window(BEGIN, END, gmt=False), table)))
    assert notice.windows == (WINDOW,)


@pytest.mark.parametrize(
    ("update", "status"),
    [
        ("This maintenance is scheduled.", WorkStatus.CONFIRMED),
        ("The scheduled maintenance work has begun.", WorkStatus.IN_PROCESS),
        ("The scheduled maintenance work has been cancelled.", WorkStatus.CANCELLED),
        ("The maintenance was completed successfully.", WorkStatus.COMPLETED),
        ("This maintenance has been rescheduled.", WorkStatus.RESCHEDULED),
        ("The work could not be completed and was postponed.", WorkStatus.RESCHEDULED),
        ("A word of greeting.", WorkStatus.CONFIRMED),
    ],
)
def test_the_status_is_what_the_newest_update_says(update, status):
    block = (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))
    (notice,) = read(page(block, update=update))
    assert notice.status is status
    older = f"{update}<br>2026-02-27 10:00:00 GMT - The scheduled maintenance work has begun."
    (notice,) = read(page(block, update=older))
    assert notice.status is status


@pytest.mark.parametrize(
    ("column", "status"),
    [
        ("Completed", WorkStatus.COMPLETED),
        ("Postponed", WorkStatus.RESCHEDULED),
        ("Alternate Night", WorkStatus.RESCHEDULED),
        ("Not Completed", WorkStatus.CANCELLED),
        ("Cancelled", WorkStatus.CANCELLED),
    ],
)
def test_the_circuits_own_column_says_how_a_window_ended(column, status):
    table = carrier.circuits(("1-AAA", "Outage"), status=column)
    (notice,) = read(page((carrier.window(BEGIN, END), table)))
    assert notice.status is status


def test_a_page_that_is_still_quoted_printable_or_laid_out_in_tables_reads_the_same():
    block = (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))
    plain = page(block)
    laid_out = b"<html><table><tr><td><p>Dear customer</p>" + plain + b"</td></tr></table>"
    for other in (quopri.encodestring(plain), laid_out, b"<body>" + plain):
        assert read(other) == read(plain)


def test_a_mail_is_read_by_its_calendar_or_else_by_its_page():
    block = (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))
    html = carrier.lumen_page("21266034", block)
    ics = carrier.calendar(carrier.event(BEGIN, END))
    (by_page,) = read(carrier.mail(page=html), origin="")
    assert (by_page.key, by_page.origin) == ("lumen/21266034", "mail <1@lumen.com>")
    (by_calendar,) = read(carrier.mail(page=html, ics=ics))
    assert by_calendar.key == "example.com/WO-31415"


def test_a_mail_that_was_forwarded_as_an_attachment_is_read():
    block = (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))
    inner = carrier.mail(page=carrier.lumen_page("21266034", block))
    outer = (
        b"From: ann@northwind.example\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
    )
    assert [notice.key for notice in read(outer)] == ["lumen/21266034"]


def test_a_calendar_that_names_no_provider_is_its_senders():
    event = [
        line for line in carrier.event(BEGIN, END, provider="") if not line.startswith("ORGANIZER")
    ]
    mail = carrier.mail(ics=carrier.calendar(event), sender="NOC <noc@zayo.com>")
    assert [notice.provider for notice in read(mail)] == ["zayo.com"]
