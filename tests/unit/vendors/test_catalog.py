"""Each configured kind becomes its source, whole: from a real server's bytes to what is polled."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.vendor_account import NoCallCounter
from watcher import model
from watcher.clock import SystemClock
from watcher.http import exchange
from watcher.vendors import catalog, poller
from watcher.vendors.evpl.settings import EvplSource
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.vyvx.settings import VyvxSource

FIXTURES = Path(__file__).parents[2] / "data"


@pytest.fixture
async def vendor_url():
    async def answer(request: web.Request) -> web.Response:
        path = request.path
        if path == "/customer/service/_active/status":
            return web.Response(body=(FIXTURES / "vyvx/status.json").read_bytes())
        if path == "/customer/service/1234567/details":
            return web.Response(body=(FIXTURES / "vyvx/details.json").read_bytes())
        if path == "/pm_jobs/JOBV/reports/UTILIZATION":
            number = "1" if request.headers["pagination"] == "1" else "2"
            return web.Response(body=(FIXTURES / f"evpl/page_{number}.json").read_bytes())
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def account():
    session = exchange.open_session()
    yield VendorAccount("", None, session, SystemClock(), NoCallCounter())
    await session.close()


async def test_a_vyvx_section_becomes_a_source_that_polls_and_details(vendor_url, account):
    config = VyvxSource(kind="vyvx", base_url=vendor_url)
    source = catalog.build("vyvx", config, account)
    polled = poller.Differ(source.name).compare(await source.poll())
    assert {subject.key: subject.fields["state"] for subject in polled.seen} == {
        "vyvx/1234567": "offline",
        "vyvx/9999999": "online",
    }
    details = await source.details("vyvx/1234567")
    assert details.labels["name"] == "USA East"
    with pytest.raises(model.PermanentError, match="answered 404"):
        await source.details("vyvx/0")


async def test_an_evpl_section_becomes_a_source_that_polls(vendor_url, account):
    config = EvplSource(kind="evpl", base_url=vendor_url, operator_code="O", application_id="A")
    source = catalog.build("evpl", config, account)
    polled = poller.Differ(source.name).compare(await source.poll())
    assert {subject.key: subject.fields["utilization"] for subject in polled.seen} == {
        "evpl/LD100001": 80.0,
        "evpl/LD100002": 12.5,
    }
    assert len(polled.samples) == 4
