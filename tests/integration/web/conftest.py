"""The site of the web's unit tests, and a browser for it."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright

from tests.servers.programs import program
from tests.unit.web.conftest import clock, reader, serve

__all__ = ["clock", "reader", "serve"]


@pytest.fixture
async def browser():
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=program("chromium", "chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        await opened.close()


@pytest.fixture
def open_page(browser):
    """Open a page that fails the test when the browser has anything to complain about."""
    complaints: list[str] = []

    async def opened(width=1280, scheme="dark", height=800, **context):
        page = await browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, **context
        )
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    assert complaints == []
