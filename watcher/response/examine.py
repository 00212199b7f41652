"""Runs Service Diagnostics for one service: asks, reads the findings, decodes the PDF, draws it.

Law: whatever the reply holds, its findings are told; a missing or broken PDF costs a sentence.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from watcher import model, ports
from watcher.response import drawing, findings, pdf, settings
from watcher.vendors import diagnostics

MAX_RAW = 2 * pdf.MAX_BYTES  # bytes of a reply that are kept; a larger one is not worth its room


class DiagnosticsExaminer:
    """The vendor's triage of one service; implements ports.Examiner."""

    def __init__(
        self, client: diagnostics.Client, keys: settings.Diagnostics, easel: drawing.Easel
    ) -> None:
        self._client = client
        self._timeout = keys.timeout.total_seconds()
        self._easel = easel

    async def examine(self, *, run: str, service_id: str) -> ports.Examination:
        """Run it once, without retries. Raises TemporaryError or PermanentError.

        While its account is held back it waits for its turn: nobody will ask again. The timeout is
        the vendor's; drawing the PDF has one of its own, so that a report that came late is not
        lost for its picture.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(service_id)
        except TimeoutError as error:
            raise model.TemporaryError(
                f"Service Diagnostics gave no answer about {service_id} within {self._timeout:g} s"
            ) from error
        found = findings.read(answer.content)
        raw = answer.raw if len(answer.raw) <= MAX_RAW else b""
        without = ports.Examination(
            status=model.DiagnosisStatus.NO_REPORT,
            disposition=found.disposition,
            findings=found.findings,
            actions=found.actions,
            paper=ports.Paper(run=run, raw=raw),
        )
        try:
            content = _report(answer.content)
        except pdf.UnusableError as error:
            return replace(without, message=str(error))
        page = await self._easel.draw(content)
        return replace(
            without,
            status=model.DiagnosisStatus.DONE,
            message=f"no preview: {page.fault}" if page.fault else "",
            report=pdf.describe(
                content, run=run, service_id=service_id, pages=page.pages, preview=bool(page.png)
            ),
            paper=ports.Paper(run=run, pdf=content, preview=page.png, raw=raw),
        )

    async def _ask(self, service_id: str) -> diagnostics.Answer:
        while True:
            try:
                return await self._client.detail(service_id)
            except model.HeldBackError as error:
                if error.delay is None or error.delay > self._timeout:
                    raise
                await asyncio.sleep(error.delay)


def _report(reply: object) -> bytes:
    encoded = findings.find_pdf(reply)
    if encoded is None:
        raise pdf.UnusableError("the vendor's reply holds no PDF")
    return pdf.decode(encoded)
