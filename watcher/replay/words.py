"""What a replay found, as lines to read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from watcher import model
from watcher.replay.again import Told
from watcher.replay.compare import Pair, Sum, Verdict, add_up, differing, pair


def heading(since: datetime, until: datetime, what: str) -> str:
    """Say what was read."""
    span = model.format_duration(until - since)
    return f"{_stamp(since)} to {_stamp(until)} UTC ({span}), {what}"


def told(found: Sequence[Told], since: datetime, until: datetime) -> Iterator[str]:
    """Say what would have been told under one ruleset: each message in order."""
    messages = [(each.at, one, each.entry) for one in found for each in one.messages]
    for at, one, entry in sorted(messages, key=lambda each: (each[0], each[2].event_id)):
        incident = one.incident
        yield (
            f"{_stamp(at)}  {incident.severity:<8}  {incident.id}  {incident.rule}  "
            f"{incident.title}: {entry.text}"
        )
    yield f"these rules: {_sum(add_up(found, since, until))}"


def compared(
    old: Sequence[Told], new: Sequence[Told], since: datetime, until: datetime
) -> Iterator[str]:
    """Say how what would have been told differs between the rules in force and others."""
    pairs = pair(old, new)
    different = list(differing(pairs))
    for each in different:
        yield _line(each)
    before, after = add_up(old, since, until), add_up(new, since, until)
    counts = [
        f"{sum(verdict in each.verdicts for each in pairs)} {verdict}"
        for verdict in Verdict
        if any(verdict in each.verdicts for each in pairs)
    ]
    yield f"incidents: {', '.join(counts) or 'none'}"
    yield f"rules in force: {_sum(before)}"
    yield f"new rules:      {_sum(after)}"


def _line(each: Pair) -> str:
    incident = each.one.incident
    what = ", ".join(map(_said(each).__getitem__, each.verdicts))
    when = _stamp(incident.opened_at)
    return f"{when}  {what}: {incident.rule}  {incident.title}  {_span(incident)}"


def _said(each: Pair) -> dict[Verdict, str]:
    words = {verdict: str(verdict) for verdict in Verdict}
    if each.old is not None and each.new is not None:
        moved = abs(each.new.incident.opened_at - each.old.incident.opened_at)
        counts = f"{len(each.new.messages)} messages instead of {len(each.old.messages)}"
        for verdict in (Verdict.EARLIER, Verdict.LATER):
            words[verdict] = f"{verdict} by {model.format_duration(moved)}"
        for verdict in (Verdict.NOISIER, Verdict.QUIETER):
            words[verdict] = f"{verdict} ({counts})"
    return words


def _span(incident: model.Incident) -> str:
    if incident.resolved_at is None:
        return f"({incident.group}, still open)"
    lasted = model.format_duration(incident.resolved_at - incident.opened_at)
    return f"({incident.group}, {lasted})"


def _sum(total: Sum) -> str:
    return (
        f"{total.incidents} incidents, {total.pages} messages that people must notice,"
        f" {total.pages_per_day:.1f} pages per day"
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
