"""Orange EVPL Monitoring 1.0: utilisation of all lines of one operator, page by page. GET alone.

Source: developer.orange.com, "Monitoring EVPL"; the shape is ETSI NFV SOL 003 performance reports.
Unit, direction, page size and lag are not documented: nothing here converts or assumes them.

Alone:

    config = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.orange.com/oauth/v3/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with open_account(config) as account:
        url = "https://api.orange.com/api-monitoring-live/v1"
        client = EvplClient(
            VendorApi(account, url, timeout=timedelta(seconds=30)),
            operator_code="OPERATOR",
            application_id="APPLICATION",
            granularity=timedelta(seconds=300),
        )
        now = datetime.now(UTC)
        for line in (await client.utilization(now - timedelta(hours=1), now)).lines:
            print(line.instance, line.metric, line.values)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from watcher import model, off_loop, text
from watcher.http import exchange
from watcher.vendors.evpl import samples
from watcher.vendors.http.api import VendorApi
from watcher.vendors.http.paging import Paging, read_paging

MOST_PAGES = 100
MOST_ON_LOOP = 50  # entries, which have some samples each
# A page of 400 lines has 45 MB when a week is back-filled; give the Api this cap.
PAGE_CAP = 50 * exchange.MEGABYTE


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """One metric of one line (`objectInstanceId`); `values` are in the vendor's unit, by time."""

    instance: str
    metric: str
    pop_country: str = ""
    pop_name: str = ""
    pop_section: str = ""
    values: Mapping[datetime, float]


class Utilization(Struct, frozen=True, kw_only=True, gc=False):
    """All pages of a report. `complete` is False when lines may be missing; `doubt` says why.

    `unreadable` counts entries without an instance, `dropped` values that are none ("N/A", null),
    and `odd` those that say something which cannot be read; `example` is one of these.
    """

    lines: tuple[Line, ...]
    complete: bool = True
    doubt: str = ""
    unreadable: int = 0
    dropped: int = 0
    odd: int = 0
    example: str = ""


class EvplClient:
    """The API at `base_url`, https://api.orange.com/api-monitoring-live/v1, with OAuth 2.0.

    `operator_code` is `codeOpe`; `application_id` comes from Orange wholesale, it is not the
    portal's; `granularity` goes out in milliseconds or seconds, since the document reads `m` as
    months.
    """

    def __init__(
        self,
        api: VendorApi,
        *,
        operator_code: str,
        application_id: str,
        granularity: timedelta,
        job: str = "JOBV",
        report: str = "UTILIZATION",
    ) -> None:
        self._api = api
        self._path = f"/pm_jobs/{quote(job, safe='')}/reports/{quote(report, safe='')}"
        self._application_id = application_id
        self._operator_code = operator_code
        self._granularity = format_granularity(granularity)

    async def utilization(self, start: datetime, end: datetime) -> Utilization:
        """`GET /pm_jobs/{job}/reports/{report}`: read every page of `[start, end]`.

        Raises TemporaryError or PermanentError.
        """
        query = [
            ("codeOpe", self._operator_code),
            ("startTime", model.format_timestamp(start)),
            ("endTime", model.format_timestamp(end)),
            ("offer_type", "EVPL"),
            ("granularity", self._granularity),
            ("ctxtid", "wses"),
            ("ctxtid", "vsn"),
        ]
        pages: list[list[Any]] = []
        first, doubt = 1, ""
        for _ in range(MOST_PAGES):
            headers = {
                "ApplicationID": self._application_id,
                "pagination": str(first),
                "Accept": "application/json",
            }
            entries, paging = await _read_page(
                await self._api.get(self._path, query=query, headers=headers)
            )
            if entries and entries in pages:
                doubt = "the pages repeat"
                break
            if not entries:
                doubt = doubt or _empty_doubt(paging, len(pages))
                break
            pages.append(entries)
            first += len(entries)
            doubt = doubt or paging.doubt(len(pages))
            if not paging.promises(len(pages)):
                break
        else:
            doubt = "the pages do not end"
        return await off_loop.run_long(
            lambda: join_pages(pages, doubt=doubt, asked=(start, end)),
            is_long=sum(map(len, pages)) > MOST_ON_LOOP,
        )


def format_granularity(span: timedelta) -> str:
    """Return `300s`, or milliseconds where seconds are not enough."""
    milliseconds = round(span / timedelta(milliseconds=1))
    return f"{milliseconds}ms" if milliseconds % 1_000 else f"{milliseconds // 1_000}s"


async def _read_page(reply: exchange.Reply) -> tuple[list[Any], Paging]:
    """Return what `parse_page` returns, without holding the event loop up."""
    return await off_loop.run_long(lambda: parse_page(reply), is_long=exchange.is_long(reply))


def parse_page(reply: exchange.Reply) -> tuple[list[Any], Paging]:
    """Return one page's entries, and what it says of further pages. Raises TemporaryError."""
    page = exchange.parse_listing(reply, "entries")
    entries = page.get("entries")
    if not isinstance(entries, list):
        raise model.TemporaryError(f"{reply.place} answered 200 without entries")
    return entries, read_paging(page)


def _empty_doubt(paging: Paging, read: int) -> str:
    """Return what speaks against an empty page being the end; page 1 of 1 may be empty."""
    if paging.pages <= max(read, 1):
        return ""
    return f"{paging.pages} pages are announced, and page {read + 1} is empty"


def join_pages(
    pages: list[list[Any]], *, doubt: str = "", asked: tuple[datetime, datetime] | None = None
) -> Utilization:
    """Join the pages by instance and metric; of a value given twice the later counts.

    `asked` is the time that was asked for, which tells seconds of the epoch from milliseconds.
    """
    entries = [entry for page in pages for entry in page]
    unit = samples.epoch_unit((at for entry in entries for at, _ in samples.of(entry)), asked)
    lines: dict[tuple[str, str], Line] = {}
    values: dict[tuple[str, str], dict[datetime, float]] = {}
    unreadable = dropped = odd = 0
    example = ""
    for entry in entries:
        text = _texts(entry)
        if not text.get("objectInstanceId"):
            unreadable += 1
            continue
        key = (text["objectInstanceId"], text.get("metric_name", ""))
        series = values.setdefault(key, {})
        lines[key] = Line(
            instance=key[0],
            metric=key[1],
            pop_country=text.get("pop_country", ""),
            pop_name=text.get("pop_name", ""),
            pop_section=text.get("pop_section_name", ""),
            values=series,
        )
        for raw_time, raw_value in samples.of(entry):
            at, value = samples.parse_at(raw_time, unit), samples.parse_value(raw_value)
            if at is not None and value is not None:
                series[at] = value
                continue
            dropped += 1
            if not samples.is_missing(raw_value):
                odd += 1
                example = example or samples.describe(raw_time, raw_value)
    return Utilization(
        lines=tuple(lines.values()),
        complete=not doubt,
        doubt=doubt,
        unreadable=unreadable,
        dropped=dropped,
        odd=odd,
        example=example,
    )


def _texts(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict):
        return {}
    return {key: text.clean(text.as_text(value), 100) for key, value in entry.items()}
