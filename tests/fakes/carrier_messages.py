"""Messages as carriers send them: calendars of NANOG's BCOP form, and Lumen's HTML mails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

EASTERN = timedelta(hours=-5)


def stamp(moment: datetime) -> str:
    """Return a time as a calendar writes it."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def event(
    begin: datetime | None,
    end: datetime | None,
    *,
    identity: str = "WO-31415",
    circuits=("1-AAA",),
    impact: str = "OUTAGE",
    status: str = "CONFIRMED",
    sequence: int | None = 1,
    provider: str = "example.com",
    at: datetime | None = None,
    uid: str = "42",
    more: tuple[str, ...] = (),
) -> list[str]:
    """Return the lines of an event; what is empty or None is left out."""
    lines = [
        "BEGIN:VEVENT",
        "SUMMARY:Fibre is moved",
        f"UID:{uid}",
        "X-MAINTNOTE-ACCOUNT:137.035999173",
        'ORGANIZER;CN="Example NOC":mailto:noc@example.com',
    ]
    written = {
        "DTSTART;VALUE=DATE-TIME": begin and stamp(begin),
        "DTEND;VALUE=DATE-TIME": end and stamp(end),
        "DTSTAMP": at and stamp(at),
        "SEQUENCE": None if sequence is None else str(sequence),
        "X-MAINTNOTE-PROVIDER": provider,
        "X-MAINTNOTE-MAINTENANCE-ID": identity,
        "X-MAINTNOTE-IMPACT": impact,
        "X-MAINTNOTE-STATUS": status,
    }
    lines += [f"{name}:{value}" for name, value in written.items() if value]
    lines += [f"X-MAINTNOTE-OBJECT-ID:{circuit}" for circuit in circuits]
    return [*lines, *more, "END:VEVENT"]


def calendar(*events: list[str], head: tuple[str, ...] = ()) -> bytes:
    """Return an iCalendar file of these events."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Maint Note//test//", *head]
    lines += [line for lines in events for line in lines]
    return "".join(f"{line}\r\n" for line in (*lines, "END:VCALENDAR")).encode()


HEAD = (
    *("Customer Name", "Circuit ID", "Alt Circuit ID", "Bandwidth", "A Location", "Z Location"),
    *("Impact Type", "Maximum Duration", "Order Number"),
)


def table(*rows: tuple[str, ...]) -> str:
    """Return a table as Lumen writes it."""
    written = "".join(
        "<tr>" + "".join(f"<td>{cell or '&nbsp;'}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table border=1 cellspacing=0 cellpadding=5>{written}</table>"


def window(begin: datetime, end: datetime, *, gmt: bool = True, local: str = "EST") -> str:
    """Return the table of a window, in GMT and in local time."""
    rows = [("Start", "End")]
    if gmt:
        rows.append(tuple(f"{t:%Y-%m-%d %H:%M} GMT (Greenwich Mean Time)" for t in (begin, end)))
    rows.append(tuple(f"{t + EASTERN:%Y-%m-%d %H:%M} {local} (local)" for t in (begin, end)))
    return table(*rows)


def circuits(*rows: tuple[str, str], status: str = "", alt: str = "N/A") -> str:
    """Return the table of circuits: (id, impact)."""
    head = (*HEAD, "Status") if status else HEAD
    return table(
        head,
        *(
            (
                *("Northwind Sports", circuit, alt, "100 GIG", "SAN JOSE CA USA", "DENVER CO USA"),
                *(impact, "1 hour ", ""),
                *((status,) if status else ()),
            )
            for circuit, impact in rows
        ),
    )


def lumen_page(
    number: str,
    *blocks: tuple[str, str],
    update: str = "This maintenance is scheduled.",
    updated_at: str = "2026-03-01 15:45:38",
    form: str = "#",
) -> str:
    """Return a mail's HTML; a block is the tables of one window and of its circuits."""
    written = "".join(
        f'<p><span class="windowHeader"><span class="windowLabel">{number}-{place}</span> <br/>'
        f"{when}<br/><span>Maintenance Location(s): </span>PROVO, UT USA<br/></span></p>"
        f'<div class="impactMatrix">{which}</div>'
        for place, (when, which) in enumerate(blocks, start=1)
    )
    return (
        '<div><img alt="Lumen" src="data:image/png;base64,iVBORw0KGgo="></div><br>\n'
        f'<span class="bodyHeading">\nScheduled Maintenance {form}: {number}\n</span>'
        '<span class="bodyHeading"><br><br>\nSummary:\n</span><br><br>\n'
        "Lumen intends to carry out internal maintenance.\n<br><br><b>Lumen would like to"
        " apologize</b>.<br><br>"
        '<span class="bodyHeading">\nUpdates:\n</span><br><br>\n'
        f"{updated_at} GMT - {update}<br/>\n<br>"
        '<span class="bodyHeading">\nCustomer Impact:\n</span><br><br>\n'
        f"{written}<br><br>Click <a href='https://example.com'>here</a> for more."
    )


def mail(
    *,
    page: str = "",
    text: str = "",
    ics: bytes = b"",
    sender: str = "Lumen <smc@lumen.com>",
    subject: str = "Scheduled Maintenance",
    message_id: str = "<1@lumen.com>",
    date: datetime = datetime(2026, 3, 1, 15, 46, tzinfo=UTC),
    attached: tuple[str, bytes] | None = None,
) -> bytes:
    """Return a mail with these parts, as it travels."""
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = sender, subject, message_id
    message["To"] = "noc@northwind.example"
    message["Date"] = format_datetime(date)
    message.set_content(text or "This mail is in HTML.")
    if page:
        message.add_alternative(page, subtype="html", cte="quoted-printable")
    if ics:
        message.add_attachment(ics, maintype="text", subtype="calendar", filename="notice.ics")
    if attached:
        name, content = attached
        message.add_attachment(content, maintype="application", subtype="zip", filename=name)
    return message.as_bytes()
