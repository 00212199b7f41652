"""The timeline in words for an incident's thread: one entry, or a digest of what was missed.

Law: pure. What happened long before it is told says so, with both times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher import model
from watcher.receivers.slack import blocks as words
from watcher.receivers.slack.message import SlackMessage, triage_full

LATE = timedelta(minutes=2)
MOST_LINES = 40

# What only edits the parent; everything else is a post, and so is what people must notice.
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
class Trouble:
    """The channel's last failure, which is why something is told late; `until` None: it lasts."""

    error: str = ""
    until: datetime | None = None

    def why(self, at: datetime) -> str:
        """Say what kept back what had happened at `at`; empty when this did not."""
        if not self.error or (self.until is not None and self.until < at):
            return ""
        return f": {words.say(self.error.partition(':')[0], 100)}"


def late_parent(told: model.Incident, now: datetime, trouble: Trouble) -> str:
    """Say that an incident is told late, and why; empty when it is not."""
    owed_since = told.told_at or told.opened_at
    if now - owed_since <= LATE:
        return ""
    return f"told {words.clock(now, now, seconds=False)}{trouble.why(owed_since)}"


def is_posted(entry: model.Entry) -> bool:
    """Whether an entry is a post of its own; the parent's edit tells the others."""
    if entry.kind is model.EntryKind.OPENED:
        return False  # the parent itself
    return entry.notify or entry.kind not in _FOLDED


def reply(
    view: model.IncidentView,
    entries: Sequence[model.Entry],
    *,
    now: datetime,
    mention: str = "",
    duplicate: bool = False,
    why: str = "",
) -> SlackMessage:
    """Write one entry, or a digest of several; `mention` calls people if it is given.

    `duplicate` says that the same post may have been made before, `why` what kept it back.
    """
    first = _title(entries, now, why) if len(entries) > 1 else _single(entries[0], now, why)
    if duplicate:
        first += " _(possible duplicate)_"
    first = f"{mention} {first}".lstrip()
    if len(entries) > 1:
        text = f"{first}: {_line(entries[-1], longest=600)}"
        return SlackMessage(text=text, blocks=_sections([first, *_digest(entries, now)]))
    lines = [first, *_findings(view, entries[0])]
    return SlackMessage(text=first[: words.FALLBACK], blocks=_sections(lines))


def _single(entry: model.Entry, now: datetime, why: str) -> str:
    line = _line(entry, longest=1_500)
    if now - entry.at <= LATE:
        return line
    told = words.clock(now, now, seconds=False)
    return f"{line} _(occurred {words.clock(entry.at, now)}, told {told}{why})_"


def _findings(view: model.IncidentView, entry: model.Entry) -> list[str]:
    """Tell what the run found that this entry is about."""
    run = entry.data.get("run")
    runs = [one for one in view.incident.diagnostics if one.run == run]
    return triage_full(runs[0])[1:] if runs else []


def _title(entries: Sequence[model.Entry], now: datetime, why: str) -> str:
    first, last = words.clock(entries[0].at, now), words.clock(entries[-1].at, now)
    told = words.clock(now, now, seconds=False)
    return f"*{len(entries)} entries*, occurred {first} to {last}, told {told}{why}"


def _digest(entries: Sequence[model.Entry], now: datetime) -> Iterator[str]:
    left_out = len(entries) - MOST_LINES
    if left_out > 0:
        yield f"_the {left_out} earliest are left out_"
    for entry in entries[-MOST_LINES:]:
        yield f"{words.clock(entry.at, now)} {_line(entry, longest=220)}"


def _line(entry: model.Entry, *, longest: int) -> str:
    by = f" (by {words.say(entry.by, 80)})" if entry.by and entry.by not in entry.text else ""
    sign = _SIGNS.get(entry.kind, "")
    text = words.say(entry.text, longest)
    command = words.say(str(entry.data.get("approve", "")))
    if command:
        text = text.replace(command, f"`{command}`")
    return f"{sign} {text}{by}".lstrip()


def _sections(lines: Sequence[str]) -> list[words.Block]:
    """Put lines into sections, as many as a message takes."""
    blocks: list[words.Block] = []
    room = words.MESSAGE
    texts = list(words.paragraphs(lines))
    for number, text in enumerate(texts, start=1):
        room -= len(text)
        if room < 0:
            blocks.append(words.context(f"cut here: {len(texts) - number + 1} parts are left out"))
            break
        blocks.append(words.section(text))
    return blocks
