"""The calendar that Watcher serves is a notice that a second Watcher can read."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from tests.unit.operations.test_works import NOW, window, work
from watcher import model
from watcher.operations import works_calendar
from watcher.works import reader

DAY = timedelta(days=1)


async def read(*shown):
    body = works_calendar.calendar(shown, NOW, lambda _: {})
    return await reader.read_notices(body, origin="file works.ics", now=NOW)


async def test_windows_circuits_and_impacts_are_those_of_the_first():
    first = work("CHG-1", window(NOW + DAY), window(NOW + 2 * DAY))
    (notice,) = await read(first)
    assert (notice.key, notice.windows) == (first.key, first.notice.windows)
    assert notice.circuits == first.notice.circuits
    assert notice.status is model.WorkStatus.CONFIRMED


async def test_dismissed_works_and_windows_that_are_gone_plan_nothing_there_either():
    (notice,) = await read(work("CHG-1", window(NOW + DAY), dismissed_by="ann"))
    assert notice.status is model.WorkStatus.CANCELLED
    first = work("CHG-2", window(NOW + DAY), window(NOW + 2 * DAY))
    newer = replace(first.notice, windows=(window(NOW + 5 * DAY),), sequence=4)
    notices = await read(replace(first, notice=newer, history=(first.notice,)))
    planned = {
        begin_to_end
        for notice in notices
        if notice.status is not model.WorkStatus.CANCELLED
        for begin_to_end in notice.windows
    }
    assert planned == {window(NOW + 5 * DAY)}
