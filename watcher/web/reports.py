"""The pages of a vendor's PDF as pictures, so that they can be shown in place.

Law: a PDF is drawn by the confined process that draws its preview, never by the browser of a page
of ours. What is sent is a PNG that the content policy lets do nothing.
"""

from __future__ import annotations

from collections import OrderedDict

from aiohttp import hdrs, web

from watcher import ports
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.web import middleware, query
from watcher.web.middleware import HttpError

MOST_PAGES = 20  # of one PDF that are shown in place
_KEPT = 40  # pictures in memory
_POLICY = "default-src 'none'; sandbox"
_FOREVER = "private, max-age=86400, immutable"  # a run has one report


class ReportPages:
    """The handler that answers with pictures."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        previewer: PdfPreviewer,
        read_limit: middleware.ReadLimit,
    ) -> None:
        self._reader = reader
        self._previewer = previewer
        self._read_limit = read_limit
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the route of the pictures."""
        run = "/incidents/{id:[A-Za-z0-9_-]+}/reports/{run:[A-Za-z0-9_-]+}"
        return [web.get(run + "/{page:[0-9]{1,2}}.png", self.page)]

    async def page(self, request: web.Request) -> web.Response:
        """Send one page of the report of one run of one incident."""
        query.check_parameters(request, ())
        incident, run = request.match_info["id"], request.match_info["run"]
        number = int(request.match_info["page"])
        async with self._read_limit.slot():
            view = await self._reader.incident_view(incident)
        runs = [diagnosis.run for diagnosis in view.incident.diagnostics] if view else []
        if run not in runs or not 1 <= number <= MOST_PAGES:
            raise HttpError(404, f"{incident} has no such page of a report")
        png = self._kept.get((run, number))
        if png is None:
            png = self._kept[run, number] = await self._draw(run, number)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return web.Response(
            body=png,
            content_type="image/png",
            headers={"Content-Security-Policy": _POLICY, hdrs.CACHE_CONTROL: _FOREVER},
        )

    async def _draw(self, run: str, number: int) -> bytes:
        async with self._read_limit.slot():
            files = await self._reader.report_files(run)
        if files is None or not files.pdf:
            raise HttpError(404, f"the report of run {run} is no longer kept")
        if number == 1 and files.preview:
            return files.preview
        preview = await self._previewer.render(files.pdf, number)
        if not preview.png:
            raise HttpError(404, preview.error or "the page cannot be drawn")
        return preview.png
