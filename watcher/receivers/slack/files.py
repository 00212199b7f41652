"""Uploads diagnostics reports, their first pages, charts and a storm's alert list to the thread.

Each of the three steps of an upload is recorded in the receipt, so a crash repeats none that is
done. Only the last step shows anything to people.
Source: docs.slack.dev, files.getUploadURLExternal.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from watcher import model, off_loop, ports
from watcher.model import EntryKind
from watcher.receivers import chart
from watcher.receivers.slack import notification, refusals
from watcher.receivers.slack.blocks import escape, section
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.refusals import RefusedError
from watcher.receivers.slack.session import FILE, UNTAKEN, SlackSession
from watcher.receivers.slack.triage import report_title
from watcher.text import clean

# States of an upload in the receipt: "asked ID LENGTH URL", "sent ID", "done ID"; or "missing", or
# "refused CODE" and then "untaken", when the thread says so.
_ASKED, _SENT, _DONE, _MISSING, _REFUSED = "asked", "sent", "done", "missing", "refused"
_LOST = {"file_not_found"}  # a new upload cures it
_PDF, _PREVIEW = "pdf", "preview"
_LIST = "alerts/csv"
MOST_CHARTS = 3
MOST_LISTS = 3  # of one storm, however often it grows
_SETTLED = timedelta(seconds=1)  # after the last time at which another alert could join
MOST_ON_LOOP = 200  # alerts of a list that is written there
MOST_ALT_TEXT = 1_000  # characters, by Slack's page


class _File(Struct, frozen=True, kw_only=True):
    """One file: `key` is its name in the receipt, `content` reads its bytes."""

    key: str
    name: str
    comment: str
    content: Callable[[], Awaitable[bytes]]
    alt_text: str = ""  # of a picture, for who hears it instead


async def share_files(session: SlackSession) -> None:
    """Upload the files that are missing. Raises TemporaryError, PermanentError or GoneError.

    A file that Slack does not take is named in the thread; the others are uploaded all the same.
    """
    for file in _files(session):
        state = _state(session, file.key)
        if state in {_DONE, _MISSING, UNTAKEN}:
            continue
        if state != _REFUSED:
            try:
                await _upload(session, file)
                continue
            except RefusedError as refusal:
                if not refusal.is_of_one_act or refusal.code in _LOST:
                    raise
                await session.save_file(file.key, f"{_REFUSED} {refusal.code}")
        await _name_refused(session, file)


async def _name_refused(session: SlackSession, file: _File) -> None:
    """Say in the thread which file Slack does not take, and why."""
    code = session.receipt.files[file.key].partition(" ")[2]
    about = file.comment or escape(file.name, 100)
    text = f"{about}: Slack did not take the file ({escape(code, 60)})"
    message = SlackMessage(text=text, blocks=[section(text)])
    _, ts = session.thread
    payload = session.payload(file=file.key)
    await session.perform(
        f"{UNTAKEN} {file.key}",
        lambda: refusals.send(
            message, lambda form: session.api.post(form, payload=payload, thread=ts)
        ),
    )
    await session.save_file(file.key, UNTAKEN)


def _files(session: SlackSession) -> Iterator[_File]:
    incident = session.view.incident
    if incident.accepts_until is not None:
        yield _list_file(session)
    else:
        for alert in session.view.alerts[:MOST_CHARTS]:
            breach = chart.breach_of(alert, incident)
            if breach is not None:
                yield _chart_file(session, alert, breach)
    for run in incident.diagnostics:
        if run.report is not None:
            yield _report_file(session, run, run.report, _PDF)
            if run.report.preview:
                yield _report_file(session, run, run.report, _PREVIEW)


def next_list_at(session: SlackSession) -> datetime | None:
    """Return when a storm that has grown gets its list again: once no other alert can join.

    None where the newest list has them all, where there have been MOST_LISTS, or it is over.
    """
    incident, lists = session.view.incident, _lists(session)
    if incident.accepts_until is None or incident.status is model.IncidentStatus.RESOLVED:
        return None
    if not 0 < len(lists) < MOST_LISTS or _count_listed(session) >= _count_alerts(session):
        return None
    return incident.accepts_until + _SETTLED


def _lists(session: SlackSession) -> list[str]:
    """Return the keys of a storm's lists, each of which ends in how many alerts it names."""
    return [key for key in session.receipt.files if key.startswith(_LIST)]


def _count_listed(session: SlackSession) -> int:
    """Return how many alerts the newest list names; one of an earlier version counts as whole."""
    count = _lists(session)[-1].removeprefix(_LIST).removeprefix("/")
    return int(count) if count else _count_alerts(session)


def _count_alerts(session: SlackSession) -> int:
    return sum(session.view.alert_counts.values())


def _list_file(session: SlackSession) -> _File:
    """Return a storm's newest list, or the next one where that is due."""
    incident, lists, again_at = session.view.incident, _lists(session), next_list_at(session)
    if not lists or (again_at is not None and session.now >= again_at):
        lists = [*lists, f"{_LIST}/{_count_alerts(session)}"]

    async def list_all() -> bytes:
        alerts = await session.delivery.all_alerts(incident.id)
        return await off_loop.run_long(
            lambda: alerts_csv(alerts), is_long=len(alerts) > MOST_ON_LOOP
        )

    number = f"-{len(lists)}" if len(lists) > 1 else ""
    return _File(
        key=lists[-1],
        name=f"{incident.id}{number}.csv",
        comment=f"{escape(notification.circuit(session.view))}: all alerts",
        content=list_all,
    )


def _chart_file(session: SlackSession, alert: model.IncidentAlert, breach: chart.Breach) -> _File:
    async def draw() -> bytes:
        samples = await session.delivery.series(
            alert.subject, alert.metric, breach.start, breach.end
        )
        return await asyncio.to_thread(chart.draw, breach, samples)

    # What an earlier version has shared is under the time of its end, which moves with the clock.
    about = f"chart/{alert.rule}/{alert.subject}"
    earlier = f"{about}/{model.format_timestamp(breach.end)}"
    when = (
        "until it was resolved" if session.view.incident.resolved_at else "before the notification"
    )
    return _File(
        key=earlier if earlier in session.receipt.files else f"{about}/{_last_edge(session.view)}",
        name=f"{clean(alert.name, 80)}-{alert.metric}.png",
        comment=f"{escape(alert.metric)} of {escape(alert.name, 100)}, {when}",
        content=draw,
        alt_text=_chart_in_words(alert, breach),
    )


def _last_edge(view: model.IncidentView) -> int:
    """Return which entry last opened the incident, opened it again or resolved it."""
    edges = (EntryKind.OPENED, EntryKind.REOPENED, EntryKind.RESOLVED)
    return max((entry.number for entry in view.timeline if entry.kind in edges), default=0)


def _report_file(
    session: SlackSession, run: model.Diagnosis, report: model.Report, part: str
) -> _File:
    async def read() -> bytes:
        return _content(await session.delivery.report_files(report.run), part)

    circuit = escape(notification.circuit(session.view))
    name, comment = clean(report.filename, 100), f"{circuit}: {report_title(run, report)}"
    alt_text = ""
    if part == _PREVIEW:
        alt_text = clean(
            f"First page of the Service Diagnostics report for {run.service_id}:"
            f" {run.disposition or run.status}. The thread lists its findings.",
            MOST_ALT_TEXT,
        )
        name, comment = f"{name.removesuffix('.pdf')}-page-1.png", ""
    return _File(
        key=f"{report.run}/{part}", name=name, comment=comment, content=read, alt_text=alt_text
    )


def _chart_in_words(alert: model.IncidentAlert, breach: chart.Breach) -> str:
    limit = (
        ""
        if alert.limit is None
        else f"; the limit is {model.format_figure(alert.limit, alert.unit)}"
    )
    value = "" if alert.value is None else f", now {model.format_figure(alert.value, alert.unit)}"
    start, end = (model.format_time(at, breach.end) for at in (breach.start, breach.end))
    text = f"Chart of {alert.metric} of {alert.name} from {start} to {end}{value}{limit}"
    return clean(text, MOST_ALT_TEXT)


async def _upload(session: SlackSession, file: _File) -> None:
    if _state(session, file.key) != _SENT:
        await _send_bytes(session, file)
    if _state(session, file.key) == _SENT:
        await _share(session, file.key, file.name, file.comment)


async def _send_bytes(session: SlackSession, file: _File) -> None:
    """Ask for an upload address and send the bytes; nobody sees the file yet."""
    content = await file.content()
    if not content:
        await session.save_file(file.key, _MISSING)
        return
    if _state(session, file.key) != _ASKED:
        identity, url = await session.api.upload_url(
            file.name, len(content), alt_text=file.alt_text
        )
        await session.save_file(file.key, f"{_ASKED} {identity} {len(content)} {url}")
    _, identity, length, url = session.receipt.files[file.key].split(" ", 3)
    # Slack takes exactly as many bytes as were announced; a list that has grown starts again.
    if length != str(len(content)) or not await session.api.send_bytes(url, content):
        await session.save_file(file.key, "")
        raise model.TemporaryError(
            f"Slack ({session.api.channel}) no longer accepted the bytes of {file.name}:"
            " requesting a new address"
        )
    await session.save_file(file.key, f"{_SENT} {identity}")


async def _share(session: SlackSession, key: str, filename: str, comment: str) -> None:
    """Put the file into the thread."""
    _, file = session.receipt.files[key].split(" ", 1)
    channel, ts = session.thread
    intent = f"{FILE} {key}"
    if session.unconfirmed == intent:
        comment = f"{comment} (possible duplicate)".lstrip()
    try:
        await session.perform(
            intent,
            lambda: session.api.share(
                file, title=filename, comment=comment, channel=channel, thread=ts
            ),
        )
    except model.PermanentError:
        await session.save_file(key, "")  # the next try uploads the file again
        raise
    await session.save_file(key, f"{_DONE} {file}")


def _state(session: SlackSession, key: str) -> str:
    return session.receipt.files.get(key, "").partition(" ")[0]


def _content(report_files: ports.ReportFiles | None, part: str) -> bytes:
    if report_files is None:
        return b""
    return report_files.pdf if part == _PDF else report_files.preview


COLUMNS = ("subject", "name", "rule", "state", "from", "to", "value", "since")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def alerts_csv(alerts: Iterable[model.IncidentAlert]) -> bytes:
    """Return alerts as CSV in UTF-8: a row of column names, then a row for each alert."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for alert in alerts:
        writer.writerow(
            [
                _defuse_formula(alert.subject),
                _defuse_formula(alert.name),
                alert.rule,
                alert.state,
                _defuse_formula(alert.from_ or ""),
                _defuse_formula(alert.to or ""),
                "" if alert.value is None else f"{alert.value:g}",
                model.format_timestamp(alert.since),
            ]
        )
    return file.getvalue().encode("utf-8", "replace")


def _defuse_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
