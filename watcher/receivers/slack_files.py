"""Brings each report's PDF and the picture of its first page into the incident's thread, once.

Law: the upload's three steps are three receipts, so a crash repeats none that is done. Only the
last one shows anything to people. Source: docs.slack.dev, files.getUploadURLExternal.
"""

from __future__ import annotations

from collections.abc import Iterator

from watcher import model, ports
from watcher.receivers import triage, words
from watcher.receivers.slack_visit import FILE, Visit

# How far a file is, with its id: "asked ID URL", "sent ID", "done ID"; or "missing".
_ASKED, _SENT, _DONE, _MISSING = "asked", "sent", "done", "missing"
_PDF, _PREVIEW = "pdf", "preview"


async def share(visit: Visit) -> None:
    """Bring what is not there yet. Raises TemporaryError, PermanentError or GoneError."""
    for run, report, part in _parts(visit.dossier.incident):
        key = f"{report.run}/{part}"
        if _step(visit, key) not in {_DONE, _MISSING}:
            await _bring(visit, key, run, report, part)


def _parts(
    incident: model.Incident,
) -> Iterator[tuple[model.Diagnosis, model.Report, str]]:
    for run in incident.diagnostics:
        if run.report is not None:
            yield run, run.report, _PDF
            if run.report.preview:
                yield run, run.report, _PREVIEW


async def _bring(
    visit: Visit, key: str, run: model.Diagnosis, report: model.Report, part: str
) -> None:
    filename = words.plain(report.filename, 100)
    comment = triage.title(run, report)
    if part == _PREVIEW:
        filename = f"{filename.removesuffix('.pdf')}-page-1.png"
        comment = ""
    if _step(visit, key) != _SENT:
        await _send(visit, key, report.run, part, filename)
    if _step(visit, key) == _SENT:
        await _show(visit, key, filename, comment)


async def _send(visit: Visit, key: str, run: str, part: str, filename: str) -> None:
    """Announce the file and send its bytes; nobody sees it yet."""
    content = _content(await visit.telling.paper(run), part)
    if not content:
        await visit.keep_file(key, _MISSING)
        return
    if _step(visit, key) != _ASKED:
        file, url = await visit.api.upload_url(filename, len(content))
        await visit.keep_file(key, f"{_ASKED} {file} {url}")
    _, file, url = visit.receipt.files[key].split(" ", 2)
    if not await visit.api.send_bytes(url, content):
        await visit.keep_file(key, "")
        raise model.TemporaryError(
            f"Slack ({visit.api.channel}) took the bytes of {filename} no more: asking for a new"
            " address"
        )
    await visit.keep_file(key, f"{_SENT} {file}")


async def _show(visit: Visit, key: str, filename: str, comment: str) -> None:
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


def _step(visit: Visit, key: str) -> str:
    return visit.receipt.files.get(key, "").partition(" ")[0]


def _content(paper: ports.Paper | None, part: str) -> bytes:
    if paper is None:
        return b""
    return paper.pdf if part == _PDF else paper.preview
