"""A diagnostics run brings findings, the checked PDF and its preview."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.vendor_account import NoCallCounter
from watcher import model
from watcher.clock import SystemClock
from watcher.http import exchange
from watcher.vendors.diagnostics.client import Answer, DiagnosticsClient, LumenDiagnostics
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.vendors.diagnostics.settings import Diagnostics
from watcher.vendors.http.account import VendorAccount


class Vendor:
    """Service Diagnostics on loopback; `reply` is what it says next, `asked` who it was asked."""

    def __init__(self):
        self.reply: object = {}
        self.status = 200
        self.hangs = False
        self.asked: list[str] = []

    async def detail(self, request):
        self.asked.append(request.query["serviceId"])
        if self.hangs:
            await asyncio.Event().wait()
        body = self.reply if isinstance(self.reply, bytes) else json.dumps(self.reply).encode()
        return web.Response(body=body, status=self.status, content_type="application/json")


@pytest.fixture
async def vendor():
    return Vendor()


@pytest.fixture
async def make_runner(vendor):
    async with AsyncExitStack() as stack:

        async def make(*, within=timedelta(seconds=10)):
            app = web.Application(client_max_size=0)
            app.router.add_get("/ServiceAssurance/v2/Diagnostics/service/detail", vendor.detail)
            server = await stack.enter_async_context(TestServer(app))
            session = await stack.enter_async_context(exchange.open_session())
            account = VendorAccount("", None, session, SystemClock(), NoCallCounter())
            keys = Diagnostics(base_url=str(server.make_url("")), timeout=within)
            client = DiagnosticsClient(account, keys.base_url, timeout=timedelta(seconds=10))
            return LumenDiagnostics(client, keys, PdfPreviewer())

        yield make


async def test_findings_pdf_and_preview_come_back(make_runner, vendor, make_pdf, encode):
    content = make_pdf(pages=2)
    vendor.reply = {"data": [{"disposition": "Power failure", "pdf": encode(content)}]}
    runner = await make_runner()
    diagnosis = await runner.diagnose(run="r1", service_id="SVC 1/Ä")
    assert vendor.asked == ["SVC 1/Ä"]
    assert (diagnosis.status, diagnosis.disposition) == (
        model.DiagnosisStatus.DONE,
        "Power failure",
    )
    assert diagnosis.message == ""
    assert diagnosis.report_files.pdf == content
    assert diagnosis.report_files.preview.startswith(b"\x89PNG")
    assert json.loads(diagnosis.report_files.raw) == vendor.reply
    assert diagnosis.report == model.Report(
        run="r1",
        filename="diagnostics-SVC-1-r1.pdf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        pages=2,
        preview=True,
    )


@pytest.mark.covers("diag/pdf-broken")
@pytest.mark.parametrize(
    ("pdf", "sentence"),
    [
        ({}, "the vendor's reply contains no PDF"),
        ({"pdf": ""}, "the vendor's reply contains no PDF"),
        ({"pdf": None}, "the vendor's reply contains no PDF"),
        ({"pdf": "%%%"}, "not valid base64"),
        ({"pdf": base64.b64encode(b"<html>").decode()}, "is not a PDF"),
        ({"pdf": "JVBERi0x" + "A" * 14_000_000}, "larger than 10 MB"),
    ],
    ids=["absent", "empty", "null", "no base64", "html", "huge"],
)
async def test_findings_are_reported_without_a_usable_pdf(make_runner, vendor, pdf, sentence):
    vendor.reply = {"data": {"disposition": "Interface down", "actions": ["Call"], **pdf}}
    diagnosis = await (await make_runner()).diagnose(run="r1", service_id="SVC1")
    assert diagnosis.status is model.DiagnosisStatus.NO_REPORT
    assert sentence in diagnosis.message
    assert (diagnosis.disposition, diagnosis.actions) == ("Interface down", ("Call",))
    assert diagnosis.report is None
    assert diagnosis.report_files.pdf == b""
    assert diagnosis.report_files.raw


@pytest.mark.covers("diag/huge")
async def test_a_reply_beyond_reason_is_read_but_not_kept(make_runner, vendor):
    vendor.reply = {"data": {"summary": "No trouble found", "pdf": "A" * 21_000_000}}
    diagnosis = await (await make_runner()).diagnose(run="r1", service_id="SVC1")
    assert diagnosis.findings == ("No trouble found",)
    assert diagnosis.report_files.raw == b""


async def test_a_pdf_that_cannot_be_drawn_is_still_reported(make_runner, vendor, make_pdf, encode):
    broken = make_pdf()[:300]
    vendor.reply = {"data": [{"summary": "No trouble found", "pdf": encode(broken)}]}
    diagnosis = await (await make_runner()).diagnose(run="r1", service_id="SVC1")
    assert diagnosis.status is model.DiagnosisStatus.DONE
    assert diagnosis.message == "no preview: the PDF cannot be opened"
    assert diagnosis.report_files.pdf == broken
    assert diagnosis.report_files.preview == b""
    assert diagnosis.report is not None
    assert (diagnosis.report.pages, diagnosis.report.preview) == (0, False)


@pytest.mark.covers("diag/slow")
async def test_silence_ends_with_the_timeout(make_runner, vendor):
    vendor.hangs = True
    runner = await make_runner(within=timedelta(milliseconds=50))
    with pytest.raises(model.TemporaryError, match=r"did not answer about SVC1 within 0.05 s"):
        await runner.diagnose(run="r1", service_id="SVC1")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, model.PermanentError, "does not know service SVC1"),
        (403, model.PermanentError, "does not allow diagnostics of service SVC1"),
        (503, model.TemporaryError, "503"),
    ],
)
async def test_a_refusal_is_raised_and_not_repeated(make_runner, vendor, status, kind, words):
    vendor.status = status
    with pytest.raises(kind, match=words):
        await (await make_runner()).diagnose(run="r1", service_id="SVC1")
    assert len(vendor.asked) == 1


async def test_a_body_that_is_no_json_is_a_fault_of_the_api(make_runner, vendor):
    vendor.reply = b"<html>gateway</html>"
    with pytest.raises(model.TemporaryError, match="HTML"):
        await (await make_runner()).diagnose(run="r1", service_id="SVC1")


class HeldBack:
    """A client whose account is held back so many times."""

    def __init__(self, times: int, delay: float) -> None:
        self.left, self.delay = times, delay

    async def detail(self, service_id: str) -> Answer:
        if self.left:
            self.left -= 1
            raise model.HeldBackError("not asked", delay=self.delay)
        return Answer(raw=b"{}", content={"data": [{"disposition": "fine"}]})


@pytest.mark.covers("http/circuit-one")
async def test_a_diagnosis_that_is_held_back_waits_for_its_turn():
    client = HeldBack(2, delay=0.01)
    runner = LumenDiagnostics(client, Diagnostics(), PdfPreviewer())
    diagnosis = await runner.diagnose(run="r1", service_id="SVC1")
    assert (diagnosis.disposition, client.left) == ("fine", 0)


@pytest.mark.covers("http/circuit-one")
async def test_a_diagnosis_whose_turn_comes_too_late_says_why():
    client = HeldBack(1, delay=3600)
    runner = LumenDiagnostics(client, Diagnostics(), PdfPreviewer())
    with pytest.raises(model.HeldBackError, match="not asked"):
        await runner.diagnose(run="r1", service_id="SVC1")
