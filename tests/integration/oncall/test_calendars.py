"""Calendars of rotas: read from files and addresses, in a process of their own."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from aiohttp import test_utils, web
from msgspec.structs import replace

from watcher import model
from watcher.http.exchange import open_session
from watcher.oncall import examine, reader
from watcher.oncall.calendar_worker import parse_shifts
from watcher.oncall.rota import Person, Rota
from watcher.oncall.schedules import Schedules

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def ics(*events):
    lines = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t\r\n{lines}END:VCALENDAR\r\n"
    return text.encode()


WEEKS = ics(
    "UID:1\r\nDTSTART;TZID=Europe/Paris:20260316T090000\r\nDTEND;TZID=Europe/Paris:20260323T090000"
    "\r\nRRULE:FREQ=WEEKLY;INTERVAL=2\r\nSUMMARY:ann",
    "UID:2\r\nDTSTART;TZID=Europe/Paris:20260323T090000\r\nDTEND;TZID=Europe/Paris:20260330T090000"
    "\r\nRRULE:FREQ=WEEKLY;INTERVAL=2\r\nSUMMARY:bob",
)
PEOPLE = {name: Person(name=name) for name in ("ann", "bob")}


def shifts(calendar, days=30):
    return [
        (f"{shift.begin:%m-%d %H:%M}", f"{shift.end:%m-%d %H:%M}", shift.person)
        for shift in parse_shifts(calendar, NOW, NOW + timedelta(days=days), PARIS)
    ]


def test_repeated_events_keep_their_time_on_the_clocks_there():
    assert shifts(WEEKS) == [
        ("03-16 08:00", "03-23 08:00", "ann"),
        ("03-23 08:00", "03-30 07:00", "bob"),
        ("03-30 07:00", "04-06 07:00", "ann"),
        ("04-06 07:00", "04-13 07:00", "bob"),
        ("04-13 07:00", "04-20 07:00", "ann"),
    ]


def test_days_and_times_without_a_zone_are_on_the_clocks_of_the_rota():
    calendar = ics(
        "UID:1\r\nDTSTART;VALUE=DATE:20260317\r\nDTEND;VALUE=DATE:20260318\r\nSUMMARY:ann",
        "UID:2\r\nDTSTART:20260401T080000\r\nDURATION:PT12H\r\nSUMMARY:bob",
        "UID:3\r\nDTSTART:20260402T080000Z\r\nDURATION:PT1H\r\nSUMMARY:x\r\nSTATUS:CANCELLED",
        "UID:4\r\nDTSTART:20260403T080000Z\r\nDURATION:PT1H",
    )
    assert shifts(calendar) == [
        ("03-16 23:00", "03-17 23:00", "ann"),
        ("04-01 06:00", "04-01 18:00", "bob"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<html>no</html>",
        b"\xff\xfe\x00",
        ics("UID:1\r\nSUMMARY:ann"),
        ics("UID:1\r\nDTSTART:soon\r\nSUMMARY:ann"),
        ics("UID:1\r\nDTSTART:20260316T000000Z\r\nRRULE:FREQ=NEVER\r\nSUMMARY:ann"),
    ],
)
def test_what_is_not_a_calendar_is_refused_in_a_sentence(broken):
    with pytest.raises(ValueError, match="not a valid iCalendar file"):
        parse_shifts(broken, NOW, NOW + timedelta(days=30), PARIS)


class Reading:
    """A reader of one calendar, its clock, and what the engine was given."""

    def __init__(self, location, session):
        self.now, self.elapsed = NOW, 0.0
        self.rota = Rota(name="net", zone=PARIS, calendar=location, people=PEOPLE)
        self.schedules = Schedules({"net": self.rota}, lambda: self.now)
        self.submitted = []
        self.leads = True
        self.reader = reader.CalendarReader(
            schedules=self.schedules,
            session=session,
            clock=SimpleNamespace(now=lambda: self.now, monotonic=lambda: self.elapsed),
            submit=self.submit,
        )

    async def submit(self, event):
        if self.leads:
            self.submitted.append(event.calendar)
        return self.leads

    async def after(self, **span):
        self.now += timedelta(**span)
        self.elapsed += timedelta(**span).total_seconds()
        await self.reader.make_pass()
        return str(self.schedules.who("net"))


async def test_a_file_is_read_and_what_changes_in_it_counts_soon(tmp_path):
    file = tmp_path / "net.ics"
    file.write_bytes(WEEKS)
    async with open_session() as session:
        reading = Reading(str(file), session)
        assert await reading.after() == "ann until Mon 23 Mar 08:00 UTC, then bob"
        await reading.after(minutes=6)
        assert len(reading.submitted) == 1  # nothing has changed
        file.write_bytes(WEEKS.replace(b"SUMMARY:ann", b"SUMMARY:bob"))
        assert (await reading.after(minutes=6)).startswith("bob until")
        assert len(reading.submitted) == 2


async def test_a_clock_that_is_set_back_holds_no_calendar_back(tmp_path):
    file = tmp_path / "net.ics"
    file.write_bytes(WEEKS)
    async with open_session() as session:
        reading = Reading(str(file), session)
        await reading.after()
        file.write_bytes(WEEKS.replace(b"SUMMARY:ann", b"SUMMARY:bob"))
        reading.now -= timedelta(hours=1)
        assert (await reading.after(minutes=6)).startswith("bob until")


async def test_a_calendar_that_does_not_load_leaves_the_last_good_one(tmp_path):
    file = tmp_path / "net.ics"
    file.write_bytes(WEEKS)
    async with open_session() as session:
        reading = Reading(str(file), session)
        await reading.after()
        file.write_bytes(b"<html>please log in</html>")
        answer = await reading.after(minutes=6)
        assert answer.startswith("ann until Mon 23 Mar 08:00 UTC, then bob; its calendar cannot be")
        file.unlink()
        assert "No such file" in await reading.after(minutes=6)
        assert reading.submitted[-1].shifts == reading.submitted[0].shifts
        file.write_bytes(WEEKS)
        assert await reading.after(minutes=6) == "ann until Mon 23 Mar 08:00 UTC, then bob"


async def test_what_a_standby_has_read_is_submitted_once_it_leads(tmp_path):
    (tmp_path / "net.ics").write_bytes(WEEKS)
    async with open_session() as session:
        reading = Reading(str(tmp_path / "net.ics"), session)
        reading.leads = False
        await reading.after()
        reading.leads = True
        await reading.after(seconds=30)
    assert len(reading.submitted) == 1


async def test_an_address_is_asked_for_what_is_new_and_is_in_no_error():
    asked, answers = [], []

    async def serve(request):
        asked.append(request.headers.get("If-None-Match", ""))
        if answers:
            return web.Response(status=answers.pop(0))
        return web.Response(body=WEEKS, headers={"ETag": '"1"'})

    app = web.Application()
    app.router.add_get("/secret-token/x.ics", serve)
    async with test_utils.TestServer(app) as server, open_session() as session:
        reading = Reading(str(server.make_url("/secret-token/x.ics")), session)
        assert (await reading.after()).startswith("ann")
        answers += [304, 500, 302]
        assert (await reading.after(minutes=6)) == "ann until Mon 23 Mar 08:00 UTC, then bob"
        answer = await reading.after(minutes=6)
        assert "answered 500" in answer
        assert "secret-token" not in answer
        assert "answered 302" in await reading.after(minutes=6)
        assert asked == ["", '"1"', '"1"', '"1"']


async def test_a_calendar_that_would_take_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(reader, "PARSE_SECONDS", 0.5)
    endless = ics("UID:1\r\nDTSTART:20200101T000000Z\r\nRRULE:FREQ=SECONDLY\r\nSUMMARY:ann")
    rota = Rota(name="net", calendar="x")
    begin = asyncio.get_running_loop().time()
    with pytest.raises(model.TemporaryError, match=r"took more than 0\.5 s"):
        await reader.expand(endless, rota, NOW)
    assert asyncio.get_running_loop().time() - begin < 10


async def test_gaps_unknown_people_and_unreadable_calendars_are_named_ahead(tmp_path):
    (tmp_path / "net.ics").write_bytes(
        WEEKS.replace(b"INTERVAL=2\r\nSUMMARY:bob", b"INTERVAL=9\r\nSUMMARY:zed")
    )
    net = Rota(name="net", zone=PARIS, calendar=str(tmp_path / "net.ics"), people=PEOPLE)
    gone = replace(net, name="gone", calendar=str(tmp_path / "gone.ics"))
    away = replace(net, name="away", calendar="https://cal.example/x")
    problems = await examine.problems_ahead({"net": net, "gone": gone, "away": away}, NOW)
    assert problems == [
        f"rota gone: its calendar cannot be read: {tmp_path}/gone.ics: No such file or directory",
        "rota net: nobody is on call from 2026-04-06 07:00 UTC until 2026-04-13 07:00 UTC",
        "rota net: 'zed' in its calendar is not among the people",
    ]
