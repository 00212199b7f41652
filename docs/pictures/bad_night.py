"""Takes pictures of a bad night in Slack, at desktop and phone width: `make pictures`.

The night is the one that tests/integration/bad_night plays; it needs Mosquitto and Chromium.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.integration.bad_night.night import nightfall, play

CHROMIUM = "/usr/bin/chromium"
DESKTOP, PHONE = {"width": 1480, "height": 1000}, {"width": 400, "height": 860}
SIZES = {"storm": {"desktop": DESKTOP, "phone": PHONE}, "end": {"phone": PHONE}}


async def main() -> None:
    """Play the night once, and photograph its channel when the storm is over and at its end."""
    with tempfile.TemporaryDirectory() as home:
        async with nightfall(Path(home)) as night, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )

            async def watch(moment: str) -> None:
                if moment != "silenced":
                    await _photograph(browser, night.slack.page_url, moment)

            await play(night, watch=watch)
            await browser.close()


async def _photograph(browser: Browser, address: str, moment: str) -> None:
    for name, viewport in SIZES[moment].items():
        page = await browser.new_page(viewport=viewport)
        await page.goto(address)
        await page.locator("#messages .message").first.wait_for()
        if name == "desktop":
            await page.locator(".replies").first.click()
            await page.locator("#thread .message").first.wait_for()
        await _wait_for_rest(page)
        await page.screenshot(path=HERE / f"bad-night-{moment}-{name}.png")
        await page.close()


async def _wait_for_rest(page: Page) -> None:
    await page.mouse.move(1, 1)
    await page.wait_for_timeout(2_000)  # highlights of new parts fade


if __name__ == "__main__":
    asyncio.run(main())
