"""Lumen Service Diagnostics v2: asks the vendor's own triage about one service. GET alone.

Law: it is not a state check and answers slowly, so it is asked once and never repeated here; the
caller keeps the cooldown. Source: Lumen API Marketplace, "Service Diagnostics".

Alone:

    config = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with open_account(config) as account:
        client = DiagnosticsClient(
            account, "https://api.lumen.com", timeout=timedelta(seconds=120)
        )
        answer = await client.detail("SVC1")
        print(answer.content["data"], len(answer.raw))
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from watcher import model, ports, text
from watcher.http import exchange
from watcher.vendors.diagnostics import settings
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.vendors.diagnostics.report import (
    MAX_BYTES,
    UnusableError,
    decode_pdf,
    describe_pdf,
    find_pdf,
    parse_findings,
)
from watcher.vendors.http.account import CallPriority, VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.http.errors import RefusedError

# A PDF of 10 MB in base64 is 13.4 MB. One of twice that size is not passed on, but the findings
# beside it are read.
REPLY_CAP = 30 * exchange.MEGABYTE


class Answer(Struct, frozen=True, kw_only=True):
    """The reply as it came, and decoded; only `data[0].pdf` of it is documented."""

    raw: bytes
    content: dict[str, Any]


class DiagnosticsClient:
    """The API at `base_url`, https://api.lumen.com, with OAuth 2.0; `timeout` is for one run."""

    def __init__(self, account: VendorAccount, base_url: str, *, timeout: timedelta) -> None:
        self._api = VendorApi(account, base_url, timeout=timeout, attempts=1, cap=REPLY_CAP)

    async def detail(self, service_id: str) -> Answer:
        """`GET /ServiceAssurance/v2/Diagnostics/service/detail?serviceId=`: run the triage.

        Raises TemporaryError, or PermanentError for a service that is unknown (404) or not
        entitled (403).
        """
        try:
            reply = await self._api.get(
                "/ServiceAssurance/v2/Diagnostics/service/detail",
                query=[("serviceId", service_id)],
                headers={"Accept": "application/json"},
                priority=CallPriority.LOOKUP,
            )
        except RefusedError as error:
            raise model.PermanentError(_in_words(error, service_id)) from error
        return Answer(raw=reply.body, content=exchange.parse_object(reply))


def _in_words(error: RefusedError, service_id: str) -> str:
    """Return what a refusal means to a person in the thread, and what to do."""
    service = text.clean(service_id, 80)
    request = f" (request {error.request_id})" if error.request_id else ""
    if error.http == 404:
        sentence = f"Lumen does not know service {service}: correct `service_ids` in the inventory"
    elif error.http == 403:
        sentence = (
            f"Lumen does not allow diagnostics of service {service}: the account is not entitled to"
            " it; have an administrator tick Service Diagnostics in Lumen Connect, or contact Lumen"
        )
    else:
        return str(error)
    return f"{sentence}{request}"


MAX_RAW = 2 * MAX_BYTES  # bytes of a reply that are kept; a larger one is not worth its room


class LumenDiagnostics:
    """The vendor's triage of one service; implements ports.DiagnosticsRunner."""

    def __init__(
        self, client: DiagnosticsClient, config: settings.Diagnostics, previewer: PdfPreviewer
    ) -> None:
        self._client = client
        self._timeout = config.timeout.total_seconds()
        self._previewer = previewer

    async def diagnose(self, *, run: str, service_id: str) -> ports.DiagnosticsResult:
        """Run it once, without retries. Raises TemporaryError or PermanentError.

        While its account is held back it waits for its turn: nobody will retry. The timeout is the
        vendor's; rendering the PDF has its own, so that a late report is not lost for its picture.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._fetch(service_id)
        except TimeoutError as error:
            raise model.TemporaryError(
                f"Service Diagnostics did not answer about {service_id} within {self._timeout:g} s"
            ) from error
        parsed = parse_findings(answer.content)
        raw = answer.raw if len(answer.raw) <= MAX_RAW else b""
        without_report = ports.DiagnosticsResult(
            status=model.DiagnosisStatus.NO_REPORT,
            disposition=parsed.disposition,
            findings=parsed.findings,
            actions=parsed.actions,
            report_files=ports.ReportFiles(run=run, raw=raw),
        )
        try:
            content = _decode_report(answer.content)
        except UnusableError as error:
            return replace(without_report, message=str(error))
        page = await self._previewer.render(content)
        return replace(
            without_report,
            status=model.DiagnosisStatus.DONE,
            message=f"no preview: {page.error}" if page.error else "",
            report=describe_pdf(
                content, run=run, service_id=service_id, pages=page.pages, preview=bool(page.png)
            ),
            report_files=ports.ReportFiles(run=run, pdf=content, preview=page.png, raw=raw),
        )

    async def _fetch(self, service_id: str) -> Answer:
        while True:
            try:
                return await self._client.detail(service_id)
            except model.HeldBackError as error:
                if error.delay is None or error.delay > self._timeout:
                    raise
                await asyncio.sleep(error.delay)


def _decode_report(reply: object) -> bytes:
    encoded = find_pdf(reply)
    if encoded is None:
        raise UnusableError("the vendor's reply contains no PDF")
    return decode_pdf(encoded)
