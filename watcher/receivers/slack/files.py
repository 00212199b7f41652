"""Brings reports with their first pages, charts, and the list of a storm into the thread, once.

Law: the upload's three steps are three receipts, so a crash repeats none that is done. Only the
last one shows anything to people. Source: docs.slack.dev, files.getUploadURLExternal.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from watcher import model, ports
from watcher.receivers import chart
from watcher.receivers.slack import blocks
from watcher.receivers.slack.message import triage_title
from watcher.receivers.slack.session import FILE, SlackSession

# How far a file is, with its id: "asked ID LENGTH URL", "sent ID", "done ID"; or "missing".
_ASKED, _SENT, _DONE, _MISSING = "asked", "sent", "done", "missing"
_PDF, _PREVIEW = "pdf", "preview"
MOST_CHARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What is brought: `key` is its name in the receipt, `content` reads its bytes."""

    key: str
    name: str
    comment: str
    content: Callable[[], Awaitable[bytes]]


async def share(visit: SlackSession) -> None:
    """Bring what is not there yet. Raises TemporaryError, PermanentError or GoneError."""
    for file in _files(visit):
        if _step(visit, file.key) not in {_DONE, _MISSING}:
            await _bring(visit, file)


def _files(visit: SlackSession) -> Iterator[_File]:
    told = visit.view.incident
    if told.accepts_until is not None:

        async def list_all() -> bytes:
            return csv_of(await visit.delivery.all_alerts(told.id))

        comment = "Everything in this storm, as it was told"
        yield _File(key="alerts/csv", name=f"{told.id}.csv", comment=comment, content=list_all)
    else:
        for alert in visit.view.alerts[:MOST_CHARTS]:
            breach = chart.of(alert, told)
            if breach is not None:
                yield _chart(visit, alert, breach)
    for run in told.diagnostics:
        if run.report is not None:
            yield _paper(visit, run, run.report, _PDF)
            if run.report.preview:
                yield _paper(visit, run, run.report, _PREVIEW)


def _chart(visit: SlackSession, alert: model.IncidentAlert, breach: chart.Breach) -> _File:
    async def draw() -> bytes:
        samples = await visit.delivery.series(alert.subject, alert.metric, breach.start, breach.end)
        return await asyncio.to_thread(chart.draw, breach, samples)

    when = "until it was over" if visit.view.incident.resolved_at else "before it was told"
    return _File(
        key=f"chart/{alert.rule}/{alert.subject}/{model.format_timestamp(breach.end)}",
        name=f"{blocks.plain(alert.name, 80)}-{alert.metric}.png",
        comment=f"{blocks.say(alert.metric)} of {blocks.say(alert.name, 100)}, {when}",
        content=draw,
    )


def _paper(visit: SlackSession, run: model.Diagnosis, report: model.Report, part: str) -> _File:
    async def read() -> bytes:
        return _content(await visit.delivery.report_files(report.run), part)

    name, comment = blocks.plain(report.filename, 100), triage_title(run, report)
    if part == _PREVIEW:
        name, comment = f"{name.removesuffix('.pdf')}-page-1.png", ""
    return _File(key=f"{report.run}/{part}", name=name, comment=comment, content=read)


async def _bring(visit: SlackSession, file: _File) -> None:
    if _step(visit, file.key) != _SENT:
        await _send(visit, file)
    if _step(visit, file.key) == _SENT:
        await _show(visit, file.key, file.name, file.comment)


async def _send(visit: SlackSession, file: _File) -> None:
    """Announce the file and send its bytes; nobody sees it yet."""
    content = await file.content()
    if not content:
        await visit.keep_file(file.key, _MISSING)
        return
    if _step(visit, file.key) != _ASKED:
        identity, url = await visit.api.upload_url(file.name, len(content))
        await visit.keep_file(file.key, f"{_ASKED} {identity} {len(content)} {url}")
    _, identity, length, url = visit.receipt.files[file.key].split(" ", 3)
    # Slack takes as many bytes as were announced; a list that has grown meanwhile is sent anew.
    if length != str(len(content)) or not await visit.api.send_bytes(url, content):
        await visit.keep_file(file.key, "")
        raise model.TemporaryError(
            f"Slack ({visit.api.channel}) took the bytes of {file.name} no more: asking for a new"
            " address"
        )
    await visit.keep_file(file.key, f"{_SENT} {identity}")


async def _show(visit: SlackSession, key: str, filename: str, comment: str) -> None:
    """Put the file into the thread."""
    _, file = visit.receipt.files[key].split(" ", 1)
    channel, ts = visit.thread
    intent = f"{FILE} {key}"
    if visit.unsure == intent:
        comment = f"{comment} (possible duplicate)".lstrip()
    try:
        await visit.act(
            intent,
            lambda: visit.api.share(
                file, title=filename, comment=comment, channel=channel, thread=ts
            ),
        )
    except model.PermanentError:
        await visit.keep_file(key, "")  # whatever became of the file, the next try sends it anew
        raise
    await visit.keep_file(key, f"{_DONE} {file}")


def _step(visit: SlackSession, key: str) -> str:
    return visit.receipt.files.get(key, "").partition(" ")[0]


def _content(report_files: ports.ReportFiles | None, part: str) -> bytes:
    if report_files is None:
        return b""
    return report_files.pdf if part == _PDF else report_files.preview


HEAD = ("subject", "name", "rule", "state", "from", "to", "value", "since")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(alerts: Iterable[model.IncidentAlert]) -> bytes:
    """Write alerts as CSV in UTF-8, one row each below a head."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEAD)
    for alert in alerts:
        writer.writerow(
            [
                _plain(alert.subject),
                _plain(alert.name),
                alert.rule,
                alert.state,
                _plain(alert.from_ or ""),
                _plain(alert.to or ""),
                "" if alert.value is None else f"{alert.value:g}",
                model.format_timestamp(alert.since),
            ]
        )
    return file.getvalue().encode("utf-8", "replace")


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
