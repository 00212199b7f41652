"""The calendar of planned works as a browser shows it, on a wall, a desktop and a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.fakes import sample_data
from tests.integration.web.test_pages_in_chromium import FAINT, OUTSIDE
from tests.unit.operations.test_works import window, work
from watcher.model import WorkStatus

pytestmark = pytest.mark.browser

NOW, DAY = sample_data.NOW, timedelta(days=1)
LONG = "W" * 300


@pytest.fixture
async def month(serve, reader):
    """A site with works of every kind, and more on one day than it shows."""
    reader.kept_works = [
        work("CHG-1", window(NOW - timedelta(hours=1)), window(NOW + 6 * DAY)),
        work("CHG-2", window(NOW + 2 * DAY), status=WorkStatus.CANCELLED),
        work("CHG-3", window(NOW + 3 * DAY), dismissed_by="ann", extra={"summary": LONG}),
        work(LONG, window(NOW - 9 * DAY, hours=50), provider=LONG),
        *(work(f"BUSY-{number}", window(NOW + 8 * DAY)) for number in range(9)),
    ]

    async def find():
        return lambda _: {"2-DEF": ("vyvx/1234567",), "1-ABC": (f"vyvx/{LONG}",)}

    async with serve(subjects_of=find) as site:
        yield site


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(("width", "height"), [(3840, 2160), (1280, 800), (390, 844)])
async def test_the_month_can_be_read_and_nothing_sticks_out(
    month, open_page, width, height, scheme
):
    page = await open_page(width, scheme, height)
    await page.goto(f"{month.url}/works")
    await page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate(FAINT) == []
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert all([(await link.inner_text()).strip() for link in await page.get_by_role("link").all()])


async def test_a_desktop_has_seven_days_in_a_row_and_a_phone_the_days_with_works(month, open_page):
    desktop = await open_page(1280)
    await desktop.goto(f"{month.url}/works")
    for name in ("Mon", "Sun"):
        await expect(desktop.get_by_role("columnheader", name=name)).to_be_visible()
    phone = await open_page(390)
    await phone.goto(f"{month.url}/works")
    days = phone.locator(".month td:visible time")
    texts = [" ".join(text.split()) for text in await days.all_inner_texts()]
    november = ("12", "13", "14", "21", "23", "24", "27", "29")
    assert [text.removesuffix(" today") for text in texts] == [f"{day} Nov" for day in november]


async def test_a_day_leads_to_what_is_said_of_each_maintenance(month, open_page):
    page = await open_page(java_script_enabled=False)
    await page.goto(f"{month.url}/works")
    await page.get_by_role("link", name="CHG-2 of Lumen").first.click()
    target = page.locator(":target")
    await expect(target).to_contain_text("cancelled")
    await expect(target).to_be_in_viewport()
    await page.get_by_role("link", name="2026-12").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Planned works in 2026-12")
    await expect(page.get_by_text("Nothing is known of this month")).to_be_visible()
