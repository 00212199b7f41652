"""Has a page of a PDF rendered by the process of preview_worker.py, one at a time.

Law: a preview never fails a report. Whatever the worker does (crash, hang, flood), the outcome is
a picture or a reason, within the timeout and within bounds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from watcher import model
from watcher.sandbox.worker import run

MAX_OUTPUT = 8_000_000  # bytes of the worker's answer
TIMEOUT = timedelta(seconds=20)
# What the worker is asked, and its exit codes; any other one means that the drawing failed.
WITHOUT_FORMS = "without-forms"
CANNOT_OPEN, NEEDS_PASSWORD = 3, 4
_FINAL = (0, CANNOT_OPEN, NEEDS_PASSWORD)  # exit codes after which forms make no difference
WORKER = (sys.executable, "-I", "-m", "watcher.vendors.diagnostics.preview_worker")


class Preview(Struct, frozen=True, kw_only=True):
    """The PDF's number of pages and a PNG of one; `error` says why there is none."""

    pages: int = 0
    png: bytes = b""
    error: str = ""


class PdfPreviewer:
    """Renders one PDF at a time, so that no flood of reports can fill the memory."""

    def __init__(self, *, worker: Sequence[str] = WORKER, timeout: timedelta = TIMEOUT) -> None:
        self._worker = worker
        self._timeout = timeout.total_seconds()
        self._lock = asyncio.Lock()

    async def render(self, pdf: bytes, page: int = 1) -> Preview:
        """Return the preview of a page; the timeout includes the wait and a second try.

        When the drawing fails, it may be for the sake of a form: it is tried without.
        """
        try:
            async with asyncio.timeout(self._timeout), self._lock:
                worker = (*self._worker, *([str(page)] if page > 1 else []))
                preview, exit_code = await self._render(pdf, *worker)
                if preview.error and exit_code not in _FINAL:
                    preview, _ = await self._render(pdf, *worker, WITHOUT_FORMS)
                return preview
        except TimeoutError:
            return Preview(error=f"rendering the PDF took more than {self._timeout:g} s")
        except model.WatcherError as error:
            return Preview(error=f"the PDF cannot be rendered: {error}")

    async def _render(self, pdf: bytes, *worker: str) -> tuple[Preview, int]:
        answer = await run(worker, pdf, largest=MAX_OUTPUT)
        if answer.too_large:
            return Preview(error="the picture of the PDF is too large"), 0
        exit_code = answer.exit_code
        if exit_code == 0:
            return _parse(answer.output), exit_code
        reason = "needs a password" if exit_code == NEEDS_PASSWORD else "cannot be opened"
        return Preview(error=f"the PDF {reason}"), exit_code


def _parse(answer: bytes) -> Preview:
    pages, _, png = answer.partition(b"\n")
    if not pages.isdigit() or len(pages) > 9 or not png.startswith(b"\x89PNG\r\n"):
        return Preview(error="the PDF cannot be rendered")
    return Preview(pages=int(pages), png=png)
