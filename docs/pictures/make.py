"""Takes the README's pictures from the running demo, in Chromium: `make pictures`."""

from __future__ import annotations

import asyncio
import html
import sys
from asyncio import StreamReader
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Error, Page, async_playwright, expect

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHROMIUM = "/usr/bin/chromium"
SPAN = "43s"
PATIENCE = 40_000  # ms: the outage takes that long
TERMINAL = """
<body style="margin:0;background:#10202d;color:#dbe7ef;font:14px/1.6 'DejaVu Sans Mono',monospace">
<pre style="margin:0;padding:18px 22px;white-space:pre-wrap"><b style="color:#7fd1a8">$ make demo
</b>{text}</pre></body>
"""


async def main() -> None:
    """Run the demo and photograph it on the way; once more to press on a phone."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        async with _demo() as output:
            lines = await _addresses(output)
            board, address = (line.split()[-1] for line in lines[-2:])
            async with asyncio.TaskGroup() as group:
                group.create_task(_photograph_board(browser, board))
                group.create_task(_photograph_slack(browser, address))
                group.create_task(_photograph_mqtt(browser, address))
                group.create_task(_collect(output, lines))
            await _photograph_terminal(browser, lines)
        async with _demo() as output:
            await _photograph_phone(browser, (await _addresses(output))[-1].split()[-1])
        await browser.close()


async def _addresses(output: StreamReader) -> list[str]:
    """Return the lines up to the address of Slack; the one before has the board's."""
    lines = [await _line(output)]
    while "Slack, as a person sees it" not in lines[-1]:
        lines.append(await _line(output))
    return lines


@asynccontextmanager
async def _demo() -> AsyncIterator[StreamReader]:
    """Run the demo; yield its output."""
    watcher = Path(sys.executable).with_name("watcher").relative_to(ROOT)  # it prints its own name
    demo = await asyncio.create_subprocess_exec(
        watcher, "demo", "--for", SPAN, stdout=PIPE, stderr=STDOUT, cwd=ROOT
    )
    if demo.stdout is None:
        sys.exit("the demo prints nothing")
    try:
        yield demo.stdout
    finally:
        if demo.returncode is None:
            demo.terminate()
            await demo.wait()


async def _line(output: StreamReader) -> str:
    line = (await output.readline()).decode()
    if not line:
        sys.exit("the demo ended before it printed its addresses")
    return line


async def _collect(output: StreamReader, lines: list[str]) -> None:
    lines.append((await output.read()).decode())


async def _photograph_board(browser: Browser, address: str) -> None:
    """Wait for the incidents of two vendors, and show the board as a screen on a wall has it."""
    page = await browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
    async with asyncio.timeout(PATIENCE / 1000):
        while True:  # the daemon starts after its address is printed
            try:
                await page.goto(address)
                break
            except Error:
                await asyncio.sleep(0.2)
    await expect(page.locator(".incident")).to_have_count(2, timeout=PATIENCE)
    await page.screenshot(path=HERE / "board.png", full_page=True)


async def _photograph_slack(browser: Browser, address: str) -> None:
    page = await browser.new_page(viewport={"width": 1480, "height": 940})
    await page.goto(address)
    thread = page.locator(".replies").first
    await thread.click(timeout=PATIENCE)
    picture = page.locator("#thread .f-image img").first
    await expect(picture).to_be_visible(timeout=PATIENCE)
    await _wait_for_rest(page)
    await page.screenshot(path=HERE / "slack-report.png")
    await page.locator("#thread").evaluate("list => { list.scrollTop = 0; }")
    # A line may go over its threshold before this recovers: look at the first message alone.
    parent = page.locator("#messages .message").first
    light = parent.locator(".b-header [aria-label=large_green_circle]")
    await expect(light).to_be_visible(timeout=PATIENCE)
    await _wait_for_rest(page)
    await page.locator("#messages").evaluate("list => { list.scrollTop = 0; }")
    await page.screenshot(path=HERE / "slack-resolved.png")


async def _photograph_phone(browser: Browser, address: str) -> None:
    """Open the menu of a message, and the forms for a silence and a ticket, as people do."""
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    await page.goto(address)
    menu = page.get_by_label("More actions").first
    await menu.click(timeout=PATIENCE)
    await page.locator(".options button").last.scroll_into_view_if_needed()
    await _wait_for_rest(page)
    await page.screenshot(path=HERE / "slack-phone-menu.png")
    await menu.click()
    await page.locator("#messages").get_by_role("button", name="Silence").first.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await page.wait_for_timeout(500)
    await page.screenshot(path=HERE / "slack-phone-silence.png")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    await menu.click()
    await page.get_by_role("button", name="Carrier's ticket").first.click()
    await dialog.get_by_label("Number").fill("TT-20481733")
    await dialog.get_by_label("Address").fill("https://carrier.example/tickets/TT-20481733")
    await dialog.get_by_label("State").select_option("inProgress")
    await page.wait_for_timeout(500)
    await page.screenshot(path=HERE / "slack-phone-ticket.png")


async def _photograph_mqtt(browser: Browser, address: str) -> None:
    page = await browser.new_page(viewport={"width": 1480, "height": 760})
    await page.goto(f"{address}mqtt")
    await expect(page.locator(".tag.pdf").first).to_be_visible(timeout=PATIENCE)
    await _wait_for_rest(page)
    await page.screenshot(path=HERE / "mqtt.png")


async def _photograph_terminal(browser: Browser, lines: list[str]) -> None:
    page = await browser.new_page(viewport={"width": 1180, "height": 300})
    await page.set_content(TERMINAL.format(text=html.escape("".join(lines))))
    await page.screenshot(path=HERE / "terminal.png", full_page=True)


async def _wait_for_rest(page: Page) -> None:
    """Let pictures load and highlights of new parts fade, with the mouse over nothing."""
    await page.mouse.move(1, 1)
    await page.wait_for_timeout(2_000)


if __name__ == "__main__":
    asyncio.run(main())
