"""Works that were imported, on the board, in the API, in a calendar and in the status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
import recurring_ical_events

from tests.e2e.test_daemon_over_http import site
from tests.e2e.test_works_import import watcher
from tests.eventually import eventually
from tests.fakes import carrier_messages as carrier

__all__ = ["site", "watcher"]
pytestmark = pytest.mark.broker


async def test_works_are_shown_to_people_programs_and_calendars(world, daemon, site, watcher):
    now = datetime.now(UTC).replace(second=0, microsecond=0)  # noqa: TID251  # the daemon runs by this clock
    begin, end = now - timedelta(minutes=5), now + timedelta(hours=2)
    mail = carrier.mail(
        page=carrier.lumen_page(
            "21266034", (carrier.window(begin, end), carrier.circuits(("SVC1", "Outage")))
        )
    )
    async with daemon():

        async def ready() -> bool:
            return (await site("/api/v1/subjects"))[1].count(b'"vyvx/1234567"') == 1

        await eventually(ready)
        assert (await watcher("works", "import", stdin=mail))[0] == 0
        (document,) = json.loads((await site("/api/v1/works"))[1])["works"]
        assert (document["key"], document["state"]) == ("lumen/21266034", "running")
        assert document["circuits"][0]["subjects"] == ["vyvx/1234567"]
        calendar = icalendar.Calendar.from_ical((await site("/works.ics"))[1])
        (event,) = recurring_ical_events.of(calendar).between(begin, end)
        assert (event["DTSTART"].dt, event["DTEND"].dt) == (begin, end)
        assert b"21266034 of Lumen" in (await site("/works"))[1]
        assert b"planned works 21266034 of Lumen until" in (await site("/"))[1]
        code, output, _ = await watcher("incidents")
        assert (code, "  21266034 of Lumen under way until" in output) == (0, True)
        code, output, _ = await watcher("status")
        assert (code, "  21266034 of Lumen under way until" in output) == (0, True)

        assert (await watcher("works", "dismiss", "2126", "--by", "ann"))[0] == 0
        (document,) = json.loads((await site("/api/v1/works?state=dismissed"))[1])["works"]
        assert document["dismissed_by"].startswith("ann")
        assert b"planned works 21266034" not in (await site("/"))[1]
