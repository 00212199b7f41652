"""The replies in an incident's thread: one timeline entry, or a digest of a backlog.

Pure. An entry that is posted long after it happened shows both times, and why it came late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from watcher import model
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.triage import render_diagnosis

LATE = timedelta(minutes=2)
MOST_LINES = 40

# These only edit the parent, unless they notify people; every other entry is a post of its own.
_FOLDED = {model.EntryKind.OPENED, model.EntryKind.DETAILED, model.EntryKind.DIAGNOSING}


class LastFailure(Struct, frozen=True, kw_only=True, gc=False):
    """The channel's last failure, which explains late posts; `until` is None while it lasts."""

    error: str = ""
    until: datetime | None = None

    def reason(self, at: datetime) -> str:
        """Return the reason why an entry of the time `at` came late; empty if this is not it."""
        if not self.error or (self.until is not None and self.until < at):
            return ""
        return f": {escape(self.error.partition(':')[0], 100)}"


def late_notice(incident: model.Incident, now: datetime, last_failure: LastFailure) -> str:
    """Return the note that the parent was posted late, and why; empty when it was not."""
    pending_since = incident.told_at or incident.opened_at
    if now - pending_since <= LATE:
        return ""
    return f"posted {model.format_time(now, seconds=False)}{last_failure.reason(pending_since)}"


def is_posted(entry: model.Entry) -> bool:
    """Whether an entry is a post of its own; the others only change the parent."""
    if entry.kind is model.EntryKind.OPENED:
        return False  # the parent itself
    return entry.notify or entry.kind not in _FOLDED


def render_reply(
    view: model.IncidentView,
    entries: Sequence[model.Entry],
    *,
    now: datetime,
    mention: str = "",
    duplicate: bool = False,
    reason: str = "",
) -> SlackMessage:
    """Return one entry, or a digest of several; `mention` notifies people if it is given.

    The notification stands alone. The message in the thread leaves out the circuit, unless it
    mentions people, because then the channel shows it without its thread. `duplicate` says that the
    same post may have been made before, `reason` why it is late.
    """
    again = " _(possible duplicate)_" if duplicate else ""
    if len(entries) > 1:
        title = _digest_title(entries, now, reason) + again
        newest = _entry_line(view, entries[-1], longest=notification.FACT)
        text = notification.digest_text(view, entries, f"{title}. The last: {newest}")
        first, lines = title, list(_digest_lines(view, entries, now))
    else:
        entry, late = entries[0], _late(entries[0], now, reason) + again
        fact = notification.entry_fact(view, entry, notification.FACT) + late
        text = notification.entry_text(view, entry, fact)
        first = _entry_line(view, entry, longest=1_500) + late
        lines = _diagnosis_lines(view, entry)
    if mention:
        first = f"{mention} {text}"
    return SlackMessage(text=notification.fit(text, mention), blocks=_sections([first, *lines]))


def _late(entry: model.Entry, now: datetime, reason: str) -> str:
    """Return when it happened and when it was posted, where that is not about the same time."""
    if now - entry.at <= LATE:
        return ""
    posted = model.format_time(now, seconds=False)
    return f" _(occurred {model.format_time(entry.at, now)}, posted {posted}{reason})_"


def _diagnosis_lines(view: model.IncidentView, entry: model.Entry) -> list[str]:
    """Return the findings of the diagnostics run that the entry is about."""
    run = entry.data.get("run")
    runs = [diagnosis for diagnosis in view.incident.diagnostics if diagnosis.run == run]
    return render_diagnosis(runs[0])[1:] if runs else []


def _digest_title(entries: Sequence[model.Entry], now: datetime, reason: str) -> str:
    first, last = model.format_time(entries[0].at, now), model.format_time(entries[-1].at, now)
    posted = model.format_time(now, seconds=False)
    return f"*{len(entries)} entries*, occurred {first} to {last}, posted {posted}{reason}"


def _digest_lines(
    view: model.IncidentView, entries: Sequence[model.Entry], now: datetime
) -> Iterator[str]:
    left_out = len(entries) - MOST_LINES
    if left_out > 0:
        yield f"_the {left_out} earliest are omitted_"
    for entry in entries[-MOST_LINES:]:
        yield f"{model.format_time(entry.at, now)} {_entry_line(view, entry, longest=220)}"


def _entry_line(view: model.IncidentView, entry: model.Entry, *, longest: int) -> str:
    """Return an entry as its thread shows it, where the circuit is known."""
    fact = notification.entry_fact(view, entry, longest)
    return f"{notification.entry_mark(view, entry)} {fact}"


def _sections(lines: Sequence[str]) -> list[blocks.Block]:
    """Put lines into sections, as many as fit into one message."""
    sections: list[blocks.Block] = []
    room = blocks.MESSAGE
    texts = list(blocks.paragraphs(lines))
    for number, text in enumerate(texts, start=1):
        room -= len(text)
        if room < 0:
            left_out = len(texts) - number + 1
            sections.append(blocks.context(f"truncated: {left_out} parts omitted"))
            break
        sections.append(blocks.section(text))
    return sections
