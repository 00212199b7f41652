"""2,000 services and 200 incidents, as a browser shows them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.fakes import sample_data
from tests.integration.web.test_pages_in_chromium import FAINT, OUTSIDE

pytestmark = pytest.mark.browser

WALL = 1920


@pytest.fixture
async def house(serve, reader):
    reporter = sample_data.bad_night(reader)
    sample_data.full_house(reader)
    async with serve(reporter=reporter) as site:
        yield site


@pytest.mark.parametrize(("width", "scheme"), [(WALL, "dark"), (390, "light")])
async def test_two_thousand_services_can_be_read_and_nothing_sticks_out(
    house, open_page, width, scheme
):
    page = await open_page(width, scheme)
    await page.goto(f"{house.url}/subjects")
    await expect(page.locator(".service")).to_have_count(240)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate(FAINT) == []


async def test_a_search_is_in_the_address_and_survives_the_refresh(house, open_page):
    page = await open_page()
    await page.clock.install()
    await page.goto(f"{house.url}/subjects")
    await page.get_by_label("Source").select_option("vyvx")
    await page.get_by_label("Search").fill("arena")
    await page.clock.run_for(6_000)  # what is typed stays, and so does the place in it
    await expect(page.get_by_label("Search")).to_be_focused()
    await expect(page.get_by_label("Search")).to_have_value("arena")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{house.url}/subjects?q=arena&source=vyvx&site=&phase=&works=")
    await expect(page.locator(".service")).to_have_count(240)
    await page.get_by_role("link", name="later").click()
    await expect(page).to_have_url(f"{house.url}/subjects?q=arena&source=vyvx&page=2")
    await expect(page.get_by_text("page 2 of 3")).to_be_visible()


async def test_services_are_found_without_scripts_too(house, open_page):
    page = await open_page(java_script_enabled=False)
    await page.goto(f"{house.url}/subjects")
    await page.get_by_role("combobox", name="Site").select_option("NYC")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".service")).to_have_count(1)
    await page.get_by_role("link", name="NYC Arena uplink").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("NYC Arena uplink")


async def test_a_wall_shows_forty_of_sixty_incidents_and_counts_the_rest(serve, reader, open_page):
    reporter = sample_data.bad_night(reader)
    sample_data.full_house(reader, incidents=56)
    async with serve(reporter=reporter) as site:
        page = await open_page(WALL, height=1080)
        await page.goto(site.url)
        whole = await page.locator(".incident").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().bottom <= innerHeight).length"
        )
        assert whole >= 40
        await expect(page.locator(".rest")).to_be_in_viewport()
        assert await page.evaluate(OUTSIDE) == []
        assert await page.evaluate(FAINT) == []
        largest = await page.evaluate(
            """() => [...document.querySelectorAll("body *")].reduce((a, b) =>
            parseFloat(getComputedStyle(a).fontSize) >= parseFloat(getComputedStyle(b).fontSize)
              ? a : b).tagName"""
        )
        assert largest == "H1"


async def test_a_page_is_refreshed_as_soon_as_something_changes(serve, reader, open_page):
    async with serve(reporter=sample_data.bad_night(reader)) as site:
        page = await open_page()
        await page.clock.install()  # no interval passes: only an event refreshes the page
        async with page.expect_response("**/events"):
            await page.goto(site.url)
        await page.evaluate("new Promise(done => live.addEventListener('open', done))")
        reader.open(sample_data.incident("w-new", title="Boston return is offline"))
        heading = page.get_by_role("heading", name="Boston return is offline")
        await expect(heading).to_be_visible(timeout=10_000)
