"""Mails of several notices, and notices that end a maintenance in few words."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

import pytest

from tests.fakes import carrier_messages as carrier
from tests.unit.works.test_reading import BEGIN, END, NOW, WINDOW, ids, page, read
from watcher.model import WorkStatus
from watcher.works.entries import NoticeError


def forwarded(*pages, text=""):
    """A mail with pages as parts of its own."""
    message = EmailMessage()
    message["From"], message["Message-ID"] = "ann@northwind.example", "<f@northwind.example>"
    message["Date"] = format_datetime(NOW)
    message.set_content(text or "Two notices of Lumen.")
    for number, source in enumerate(pages):
        message.add_attachment(source, subtype="html", filename=f"notice{number}.html")
    return message.as_bytes()


BLOCK = (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))


def test_each_page_of_a_mail_is_read():
    pages = [carrier.lumen_page(number, BLOCK) for number in ("21266034", "21266035")]
    assert [notice.id for notice in read(forwarded(*pages))] == ["21266034", "21266035"]


def test_of_pages_about_one_maintenance_the_one_that_was_written_last_counts():
    announced = carrier.lumen_page("21266034", BLOCK, updated_at="2026-03-01 10:00:00")
    cancelled = carrier.lumen_page(
        "21266034",
        BLOCK,
        updated_at="2026-03-01 11:00:00",
        update="This maintenance has been cancelled.",
    )
    for pages in ((announced, cancelled), (cancelled, announced)):
        (notice,) = read(forwarded(*pages))
        assert notice.status is WorkStatus.CANCELLED
        assert notice.stamp == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_a_text_that_says_what_the_page_says_adds_nothing():
    source = carrier.lumen_page("21266034", BLOCK)
    (notice,) = read(forwarded(source, text=source))
    assert (notice.windows, ids(notice)) == ((WINDOW,), {"1-AAA": "outage"})


@pytest.mark.parametrize(
    ("update", "status"),
    [
        ("This maintenance has been cancelled.", WorkStatus.CANCELLED),
        ("This maintenance is completed.", WorkStatus.COMPLETED),
        ("This maintenance was postponed.", WorkStatus.RESCHEDULED),
    ],
)
def test_a_page_that_ends_a_maintenance_needs_no_tables(update, status):
    (notice,) = read(page(update=update))
    assert (notice.key, notice.status) == ("lumen/21266034", status)
    assert (notice.windows, notice.circuits) == ((), ())


def test_a_text_that_cancels_a_maintenance_is_read_line_by_line():
    text = (
        "Scheduled Maintenance #: 21266034\n\nUpdates:\n"
        "2026-03-01 10:00:00 GMT - This maintenance is scheduled.\n{}"
        "Call us before you cancel an order.\n"
    )
    cancelled = text.format("2026-03-01 11:00:00 GMT - This maintenance has been cancelled.\n")
    (notice,) = read(carrier.mail(text=cancelled))
    assert (notice.id, notice.status) == ("21266034", WorkStatus.CANCELLED)
    with pytest.raises(NoticeError, match="is not a notice of planned work"):
        read(carrier.mail(text=text.format("")))


@pytest.mark.parametrize("status", ["CANCELLED", "COMPLETED"])
@pytest.mark.parametrize(
    "more",
    [
        ("DTSTART;TZID=Nowhere/Land:20260310T124500", "DTEND;TZID=Nowhere/Land:20260310T134500"),
        ("DTSTART:tomorrow",),
        ("DTSTAMP;TZID=Nowhere/Land:20260302T124500",),
        ("DTSTART:20260310T070000Z", "DURATION:soon"),
    ],
)
def test_a_window_that_nobody_can_read_keeps_no_maintenance_from_being_over(status, more):
    (notice,) = read(carrier.calendar(carrier.event(None, None, status=status, more=more)))
    assert (notice.id, notice.status.value, notice.windows) == ("WO-31415", status.lower(), ())


def test_a_page_whose_window_nobody_can_read_ends_a_maintenance_all_the_same():
    unread = (carrier.window(BEGIN, END, gmt=False, local="XYZ"), BLOCK[1])
    (notice,) = read(page(unread, update="This maintenance has been cancelled."))
    assert (notice.status, notice.windows) == (WorkStatus.CANCELLED, ())
    with pytest.raises(NoticeError, match="the time zone XYZ of its window is not known"):
        read(page(unread))
