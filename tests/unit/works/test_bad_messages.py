"""What is not a notice gets a sentence of its own, whatever it is."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fakes import carrier_messages as carrier
from tests.fakes.fuzzing import examples
from watcher import model
from watcher.works.entries import NoticeError
from watcher.works.notice_worker import parse

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN = datetime(2026, 3, 10, 7, tzinfo=UTC)
END = BEGIN + timedelta(hours=5)
LISTED = carrier.circuits(("1-AAA", "Outage"))
PAGE = carrier.lumen_page("21266034", (carrier.window(BEGIN, END), LISTED))


def archive():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("notice.ics", "BEGIN:VCALENDAR")
    return packed.getvalue()


def event(*args, **fields):
    return carrier.calendar(carrier.event(*args, **fields))


BAD = {
    "nothing": (b" \r\n", "it is empty"),
    "a mail that is no notice": (
        carrier.mail(text="Lunch?", page="<p>Lunch?</p>", subject="Lunch on Friday"),
        "the mail ('Lunch on Friday') is not a notice of planned works",
    ),
    "an invitation": (
        carrier.mail(ics=event(BEGIN, END).replace(b"X-MAINTNOTE", b"X-OTHER")),
        "is not a notice of planned works: its calendar has no event with X-MAINTNOTE properties",
    ),
    "a zip": (archive(), "it is a ZIP archive, not a mail, a calendar or an HTML page"),
    "a mail with a zip": (
        carrier.mail(text="See attachment", attached=("n.zip", archive()), subject="Works"),
        "the mail ('Works') is not a notice of planned works",
    ),
    "a pdf": (b"%PDF-1.7 ...", "it is a PDF, not a mail"),
    "no end": (event(BEGIN, None), "WO-31415: it has no end (DTEND)"),
    "no begin": (event(None, END), "WO-31415: it has no begin (DTSTART)"),
    "an end before its start": (
        event(END, BEGIN),
        "WO-31415: its window ends at 2026-03-10 07:00 UTC, which is not after its begin, 2026-03-",
    ),
    "a window in the past": (
        event(BEGIN - timedelta(days=30), END - timedelta(days=30)),
        "WO-31415 is in the past: its last window ended at 2026-02-08 12:00 UTC, and it was read",
    ),
    "an unknown zone": (
        event(None, None, more=("DTSTART;TZID=Mars/Olympus:20260310T070000", "DURATION:PT1H")),
        "WO-31415: its time zone 'Mars/Olympus' is not known",
    ),
    "a time that is none": (
        event(None, END, more=("DTSTART:soon",)),
        "WO-31415: its DTSTART is not a time: 'soon'",
    ),
    "a year that is none": (
        event(None, END, more=("DTSTART:00010101T000000Z",)),
        "WO-31415: its DTSTART is in the year 1",
    ),
    "a status that nobody knows": (
        event(BEGIN, END, status="PERHAPS"),
        "WO-31415: its status 'PERHAPS' is not known",
    ),
    "no circuit": (event(BEGIN, END, circuits=()), "WO-31415 names no circuit"),
    "no id": (
        event(BEGIN, END, identity=""),
        "an event of the calendar has no X-MAINTNOTE-MAINTENANCE-ID",
    ),
    "half a calendar": (event(BEGIN, END)[:200], "it is cut off, or has no end (END:VCALENDAR)"),
    "a calendar without its end": (
        event(BEGIN, END).replace(b"END:VCALENDAR\r\n", b""),
        "it is cut off, or has no end (END:VCALENDAR)",
    ),
    "a calendar of garbage": (b"BEGIN:VCALENDAR\r\n\xff\xfe\r\n", "not a valid iCalendar file: "),
    "a page without windows": (
        carrier.lumen_page("21266034", ("", LISTED)).encode(),
        "21266034 names no window",
    ),
    "a page whose window ends first": (
        carrier.lumen_page("21266034", (carrier.window(END, BEGIN), LISTED)).encode(),
        "21266034: its window ends at 2026-03-10 07:00 UTC",
    ),
    "a page in an unknown zone": (
        carrier.lumen_page(
            "21266034", (carrier.window(BEGIN, END, gmt=False, local="XYZ"), LISTED)
        ).encode(),
        "21266034: the time zone XYZ of its window is not known",
    ),
    "a page of another kind": (b"<html><h1>News</h1></html>", "it is neither a mail, nor"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", "it is neither a mail, nor"),
}


def read(content):
    return parse(content, origin="standard input", now=NOW, zone=ZoneInfo("UTC"))


@pytest.mark.parametrize("name", BAD)
def test_each_bad_message_gets_its_own_sentence(name):
    content, sentence = BAD[name]
    with pytest.raises(NoticeError) as caught:
        read(content)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hostile_page_is_text_that_is_cleaned_and_bounded():
    hostile = PAGE.replace(
        "Lumen intends", "<script>alert(1)</script><!--x--><style>*{}</style>\x1b[2J&#8238;<b>Lumen"
    ).replace("1-AAA", "1-AAA<img src=x onerror=alert(1)>" + "A" * 9_000)
    (notice,) = read(hostile.encode())
    shown = (notice.summary, notice.account, notice.id, *(c.id for c in notice.circuits))
    assert all(text.isprintable() and len(text) <= 1_000 for text in shown)
    assert "alert" not in "".join(shown)
    assert notice.circuits[0].id.startswith("1-AAAAAA")


@pytest.mark.parametrize(
    "flood",
    ["<table>" * 100_000, "<td>" * 200_000, "<div>" * 300_000, "&#x;" * 200_000, "<" * 500_000],
)
def test_no_nesting_costs_more_than_its_length(flood):
    (notice,) = read((PAGE + flood).encode())
    assert notice.id == "21266034"


def test_a_mail_of_very_many_parts_is_refused_in_words():
    parts = b"".join(b"--b\r\n\r\nx\r\n" for _ in range(20_000))
    mail = b'Subject: x\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts + b"--b--"
    with pytest.raises(NoticeError, match="the mail has more than 200 parts"):
        read(mail)


GOOD = [
    event(BEGIN, END),
    PAGE.encode(),
    carrier.mail(page=PAGE),
    carrier.mail(ics=event(BEGIN, END)),
]
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "put", "double", "drop"]),
        st.integers(0, 6_000),
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [b"\r\n", b"=", b"<table>", b"</td>", b"GMT", b";TZID=", b"9999", b"\x00", b"END:"]
            ),
        ),
    ),
    max_size=8,
)


def mutate(content, mutations):
    for kind, place, text in mutations:
        at = place % (len(content) + 1)
        match kind:
            case "cut":
                content = content[:at] + content[at + 20 :]
            case "put":
                content = content[:at] + text + content[at:]
            case "double":
                content = content[:at] + content[max(0, at - 60) : at] + content[at:]
            case "drop":
                content = content[:at]
    return content


@pytest.mark.fuzz
@examples(60)
@given(content=st.one_of(st.binary(max_size=300), st.sampled_from(GOOD)), mutations=MUTATIONS)
@example(content=b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT", mutations=[])
@example(content=b"Subject: =?utf-99?b?AAAA?=\r\nDate: Mon, 99 Foo 2026\r\n\r\n", mutations=[])
def test_whatever_comes_is_notices_or_a_sentence(content, mutations):
    try:
        notices = read(mutate(content, mutations))
    except NoticeError as error:
        sentence = str(error)
    else:
        sentence, checked = "none", [check(notice) for notice in notices]
        assert checked
    assert 0 < len(sentence) < 1_500


def check(notice):
    assert notice.provider
    assert notice.id
    assert isinstance(notice.status, model.WorkStatus)
    for window in notice.windows:
        assert window.begin < window.end
        assert window.begin.utcoffset() == timedelta(0)
    names = [circuit.id for circuit in notice.circuits]
    assert len(set(names)) == len(names)
