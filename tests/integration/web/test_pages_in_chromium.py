"""The pages as a browser shows them: on a wall and on a phone, in the dark and in the light."""

from __future__ import annotations

import io

import pytest
from playwright.async_api import expect
from reportlab.pdfgen.canvas import Canvas

from tests.fakes import sample_data
from tests.servers import node
from watcher import model, ports

pytestmark = pytest.mark.browser

PATHS = ("/", "/incidents/w-7k3mq2xd", "/subjects/vyvx/1234567", "/subjects")

EVERY = (
    *PATHS,
    *("/incidents", "/incidents?drills=only", "/incidents/w-1a1a1a1a", "/works", "/availability"),
    "/subjects?q=nothing",
)

AXE = "axe-core@4.14.1"

HEADLINE = (
    "3 open, 1 acknowledged, evpl and iod cannot be seen for 13 min, "
    "1 silence until 05:00 UTC by grace"
)

# Every text on its ground, as far as colours say: WCAG's contrast below 4.5.
FAINT = """() => {
  const luminance = colour => {
    const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.slice(0, 3).map(v => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter(node => node.nodeType === 3 && node.data.trim());
    if (!texts.length || getComputedStyle(element).visibility === "hidden") continue;
    const ink = luminance(parse(getComputedStyle(element).color));
    const paper = luminance(ground(element));
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(1)}: ${texts[0].data.trim()}`);
  }
  return found;
}"""

# What sticks out of the window, or of its own box.
OUTSIDE = """() => [...document.querySelectorAll("body *")]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1
    || (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0
      && getComputedStyle(one).display !== "inline"))
  .map(one => `${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`)"""


@pytest.fixture
async def night(serve, reader):
    """A bad night, with a report whose pages can be drawn: else the browser complains of that."""
    pdf = io.BytesIO()
    canvas = Canvas(pdf)
    for number in range(sample_data.diagnosis().report.pages):
        canvas.drawString(100, 100, f"page {number + 1}")
        canvas.showPage()
    canvas.save()
    [(key, files)] = reader.kept_files.items()
    reader.kept_files[key] = ports.ReportFiles(
        run=files.run, pdf=pdf.getvalue(), preview=files.preview, raw=files.raw
    )
    async with serve(reporter=sample_data.bad_night(reader)) as site:
        yield site


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_every_page_can_be_read_and_nothing_sticks_out(
    night, reader, open_page, width, scheme
):
    long = "W" * 300
    reader.open(sample_data.incident("w-long", title=long, source=long))
    page = await open_page(width, scheme)
    for path in PATHS:
        await page.goto(night.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert await page.evaluate(OUTSIDE) == [], path
        assert await page.evaluate(FAINT) == [], path


async def _no_events(route):
    await route.fulfill(content_type="text/event-stream", body="")


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 800), (390, 844)])
async def test_axe_finds_nothing_on_any_page(night, open_page, width, height, scheme):
    axe = (node.modules(AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page = await open_page(width, scheme, height)
    # Pages that are left this quickly still count as listeners, and the fifth would be refused.
    await page.route("**/events", _no_events)
    for path in EVERY:
        await page.goto(night.url + path)
        await page.evaluate(axe)
        passes, violations = await page.evaluate(
            "axe.run().then(run => [run.passes.length, run.violations.map("
            "rule => `${rule.id}: ${rule.nodes[0].html}`)])"
        )
        assert passes > 10, path  # it has looked
        assert violations == [], path


async def test_dark_is_dark_and_light_is_light(night, open_page):
    for scheme, colour in (("dark", "rgb(13, 19, 23)"), ("light", "rgb(242, 244, 246)")):
        page = await open_page(scheme=scheme)
        await page.goto(night.url)
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == colour


async def test_what_is_open_is_on_the_first_screen_and_large(night, open_page):
    page = await open_page()
    await page.goto(night.url)
    title = page.get_by_role("heading", name="NYC Arena uplink is offline")
    await expect(title).to_be_in_viewport()
    assert await title.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 28


async def test_a_reader_who_does_not_see_finds_everything_by_name(night, open_page):
    page = await open_page()
    await page.goto(night.url)
    for landmark in ("banner", "main", "navigation"):
        await expect(page.get_by_role(landmark)).to_have_count(1)
    await expect(page.get_by_role("heading", level=1)).to_have_text(HEADLINE)
    for name in ("Incidents", "Sources", "Receivers", "Accounts", "Daemons", "Silences"):
        await expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    await expect(page.get_by_role("progressbar", name="calls of Orange")).to_have_count(1)
    assert await page.evaluate("document.documentElement.lang") == "en"
    for path in PATHS[1:]:
        await page.goto(night.url + path)
        await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for link in await page.get_by_role("link").all():
            picture = link.locator("img")
            drawn = await picture.get_attribute("alt") if await picture.count() else ""
            assert (await link.inner_text()).strip() or drawn


async def test_the_board_goes_on_by_itself(night, reader, clock, open_page):
    page = await open_page()
    await page.clock.install()
    await page.goto(night.url)
    await page.get_by_role("link", name="NYC Arena uplink is offline").focus()
    reader.open(sample_data.incident("w-new", title="Boston return is offline"))
    clock.at += sample_data.minutes(1)
    await page.clock.run_for(6_000)
    await expect(page.get_by_role("heading", name="Boston return is offline")).to_be_visible()
    await expect(page.locator("header time")).to_have_text("03:25:12 UTC")
    await expect(page.get_by_role("link", name="NYC Arena uplink is offline")).to_be_focused()


async def test_somebody_who_copies_something_is_not_disturbed(night, reader, open_page):
    page = await open_page()
    await page.clock.install()
    await page.goto(f"{night.url}/incidents/w-7k3mq2xd")
    await page.locator("code").select_text()
    reader.open(sample_data.incident(title="Another title"))
    await page.clock.run_for(11_000)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("NYC Arena uplink")
    assert await page.evaluate("String(getSelection())") == "watcher ack w-7k3mq2xd"


async def test_a_frozen_board_says_how_old_it_is(browser, serve, reader):
    page = await browser.new_page()  # whose console complains of the server that is gone
    async with serve(reporter=sample_data.bad_night(reader)) as site:
        await page.clock.install()
        await page.goto(site.url)
    old = page.get_by_text("This page is out of date: it shows the state at 03:24:12 UTC.")
    await expect(old).to_be_hidden()
    await page.clock.run_for(40_000)
    await expect(page.locator("#age")).to_have_text(", 40 s ago")
    await expect(page.locator("#trouble")).to_contain_text(
        "It could not be refreshed: Failed to fetch"
    )
    await page.evaluate("document.getAnimations().forEach(one => { one.currentTime = 30_010; })")
    await expect(old).to_be_visible()
    await expect(page.get_by_role("heading", name="NYC Arena uplink is offline")).to_be_visible()


async def test_a_page_that_cannot_be_read_again_stays_and_says_why(browser, serve, reader):
    page = await browser.new_page()  # whose console complains of the status 503
    async with serve(reporter=sample_data.bad_night(reader)) as site:
        await page.clock.install()
        await page.goto(f"{site.url}/incidents/w-7k3mq2xd")
        reader.broken = "database watcher.db is locked"
        await page.clock.run_for(6_000)
        await expect(page.locator("#trouble")).to_have_text(
            "It could not be refreshed: database watcher.db is locked."
        )
        await expect(page.get_by_role("heading", level=1)).to_contain_text("NYC Arena uplink")
        await page.goto(site.url)
        await expect(page.get_by_text("The database cannot be read")).to_be_visible()
        reader.broken = ""
        await page.clock.run_for(6_000)
        await expect(page.get_by_role("heading", name="NYC Arena uplink")).to_be_visible()


async def test_without_scripts_it_refreshes_and_shows_its_age_all_the_same(night, open_page):
    page = await open_page(java_script_enabled=False)
    await page.goto(night.url)
    refresh = page.locator("meta[http-equiv=refresh]")
    await expect(refresh).to_have_attribute("content", "10")
    await expect(page.get_by_role("heading", name="NYC Arena uplink is offline")).to_be_visible()
    await expect(page.get_by_text("This page is out of date")).to_be_hidden()


async def test_a_browser_that_has_the_token_as_a_password_is_let_in(serve, reader, open_page):
    async with serve(token="open-sesame", reporter=sample_data.bad_night(reader)) as site:
        page = await open_page(http_credentials={"username": "noc", "password": "open-sesame"})
        await page.clock.install()
        await page.goto(site.url)
        await expect(page.get_by_role("heading", level=1)).to_have_text(HEADLINE)
        reader.health[0] = model.SourceHealth(source="vyvx", sight=model.Visibility.BLIND)
        await page.clock.run_for(6_000)
        await expect(page.get_by_text("vyvx is blind: not polled yet")).to_be_visible()


async def test_a_display_without_a_keyboard_opens_it_with_the_token_in_the_address(
    serve, reader, open_page
):
    async with serve(token="open-sesame", reporter=sample_data.bad_night(reader)) as site:
        page = await open_page()
        await page.clock.install()
        await page.goto(site.url.replace("http://", "http://wall:open-sesame@"))
        reader.health[0] = model.SourceHealth(source="vyvx", sight=model.Visibility.BLIND)
        await page.clock.run_for(6_000)
        await expect(page.get_by_text("vyvx is blind: not polled yet")).to_be_visible()


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


async def test_hostile_text_does_nothing_in_a_browser_either(serve, reader, open_page):
    reader.open(sample_data.incident(title=HOSTILE, runbook="javascript:alert(1)"))
    async with serve() as site:
        page = await open_page()
        await page.clock.install()
        for path in PATHS[:2]:
            await page.goto(site.url + path)
            await page.clock.run_for(6_000)
            await expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
            assert not (await page.title()).startswith("owned")
            assert await page.locator("main script, main img:not(.page)").count() == 0
            assert await page.locator("a[href^=javascript]").count() == 0


async def test_on_a_phone_all_that_can_be_read_comes_before_the_pages_of_the_report(
    night, open_page
):
    page = await open_page(390, height=844)
    await page.goto(f"{night.url}/incidents/w-7k3mq2xd")
    report = await page.locator("img.page").first.bounding_box()
    for name in ("Notifications", "Timeline"):
        panel = await page.get_by_role("region", name=name).bounding_box()
        assert panel["y"] + panel["height"] < report["y"]
    await expect(page.get_by_role("link", name=".pdf").first).to_be_visible()
