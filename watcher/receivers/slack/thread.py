"""The replies in an incident's thread: one timeline entry, or a digest of a backlog.

Pure. An entry that is posted long after it happened shows both times, and why it came late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher import model
from watcher.receivers.slack import blocks
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.message import SlackMessage, render_diagnosis

LATE = timedelta(minutes=2)
MOST_LINES = 40

# These only edit the parent, unless they notify people; every other entry is a post of its own.
_FOLDED = {model.EntryKind.OPENED, model.EntryKind.DETAILED, model.EntryKind.DIAGNOSING}
_SIGNS = {
    model.EntryKind.REOPENED: "\N{LARGE RED CIRCLE}",
    model.EntryKind.JOINED: "\N{HEAVY PLUS SIGN}",
    model.EntryKind.CHANGED: "\N{ANTICLOCKWISE DOWNWARDS AND UPWARDS OPEN CIRCLE ARROWS}",
    model.EntryKind.DIAGNOSED: "\N{LEFT-POINTING MAGNIFYING GLASS}",
    model.EntryKind.ALTERNATIVES: "\N{TWISTED RIGHTWARDS ARROWS}",
    model.EntryKind.REMEDY_PROPOSED: "\N{UPWARDS BLACK ARROW}",
    model.EntryKind.REMEDY_APPROVED: "\N{THUMBS UP SIGN}",
    model.EntryKind.REMEDY_REFUSED: "\N{THUMBS DOWN SIGN}",
    model.EntryKind.REMEDY_WAITING: "\N{HOURGLASS WITH FLOWING SAND}",
    model.EntryKind.REMEDY_PENDING: "\N{HOURGLASS WITH FLOWING SAND}",
    model.EntryKind.REMEDY_STUCK: "\N{HOURGLASS WITH FLOWING SAND}",
    model.EntryKind.REMEDY_APPLIED: "\N{WHITE HEAVY CHECK MARK}",
    model.EntryKind.REMEDY_REVERTED: "\N{WHITE HEAVY CHECK MARK}",
    model.EntryKind.REMEDY_FAILED: "\N{CROSS MARK}",
    model.EntryKind.REMEDY_UNKNOWN: "\N{BLACK QUESTION MARK ORNAMENT}",
    model.EntryKind.FALLBACK: "\N{TELEPHONE RECEIVER}",
    model.EntryKind.ACKNOWLEDGED: "\N{RAISED HAND}",
    model.EntryKind.UNACKNOWLEDGED: "\N{WAVING HAND SIGN}",
    model.EntryKind.NOTED: "\N{MEMO}",
    model.EntryKind.BLIND: "\N{MEDIUM WHITE CIRCLE}",
    model.EntryKind.SIGHTED: "\N{EYES}",
    model.EntryKind.VANISHED: "\N{BLACK QUESTION MARK ORNAMENT}",
    model.EntryKind.CLEARED: "\N{WHITE HEAVY CHECK MARK}",
    model.EntryKind.RESOLVED: "\N{LARGE GREEN CIRCLE}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFailure:
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

    `duplicate` says that the same post may have been made before, `reason` why it is late.
    """
    digest = len(entries) > 1
    first = (
        _digest_title(entries, now, reason) if digest else _single_entry(entries[0], now, reason)
    )
    if duplicate:
        first += " _(possible duplicate)_"
    first = f"{mention} {first}".lstrip()
    if digest:
        text = f"{first}: {_entry_line(entries[-1], longest=600)}"
        return SlackMessage(text=text, blocks=_sections([first, *_digest_lines(entries, now)]))
    lines = [first, *_diagnosis_lines(view, entries[0])]
    return SlackMessage(text=first[: blocks.FALLBACK], blocks=_sections(lines))


def _single_entry(entry: model.Entry, now: datetime, reason: str) -> str:
    line = _entry_line(entry, longest=1_500)
    if now - entry.at <= LATE:
        return line
    posted = model.format_time(now, seconds=False)
    return f"{line} _(occurred {model.format_time(entry.at, now)}, posted {posted}{reason})_"


def _diagnosis_lines(view: model.IncidentView, entry: model.Entry) -> list[str]:
    """Return the findings of the diagnostics run that the entry is about."""
    run = entry.data.get("run")
    runs = [diagnosis for diagnosis in view.incident.diagnostics if diagnosis.run == run]
    return render_diagnosis(runs[0])[1:] if runs else []


def _digest_title(entries: Sequence[model.Entry], now: datetime, reason: str) -> str:
    first, last = model.format_time(entries[0].at, now), model.format_time(entries[-1].at, now)
    posted = model.format_time(now, seconds=False)
    return f"*{len(entries)} entries*, occurred {first} to {last}, posted {posted}{reason}"


def _digest_lines(entries: Sequence[model.Entry], now: datetime) -> Iterator[str]:
    left_out = len(entries) - MOST_LINES
    if left_out > 0:
        yield f"_the {left_out} earliest are omitted_"
    for entry in entries[-MOST_LINES:]:
        yield f"{model.format_time(entry.at, now)} {_entry_line(entry, longest=220)}"


def _entry_line(entry: model.Entry, *, longest: int) -> str:
    by = f" (by {escape(entry.by, 80)})" if entry.by and entry.by not in entry.text else ""
    sign = _SIGNS.get(entry.kind, "")
    text = escape(entry.text, longest)
    command = escape(str(entry.data.get("approve", "")))
    if command:
        text = text.replace(command, f"`{command}`")
    return f"{sign} {text}{by}".lstrip()


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
