"""Planned works in words for a Slack channel: what the engine lists of them, line by line. Pure.

An announcement has no alert, no side at fault and nobody to call, and no template of a team's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from watcher import model
from watcher.receivers.slack import blocks
from watcher.receivers.slack.blocks import escape

_LONGEST = 500  # characters of a line


def lines(incident: model.Incident, now: datetime) -> Iterator[str]:
    """Yield the lines of the message: the works, their times, our circuits, who has confirmed."""
    first, *rest = incident.summary.split("\n")
    yield f"*{escape(first, _LONGEST)}*"
    planned, is_over = incident.planned, incident.status is model.IncidentStatus.RESOLVED
    if planned is not None and not is_over:
        begin, end = blocks.local_time(planned.begin), blocks.local_time(planned.end)
        times = f"your time {begin} to {end}"
        rest[0] = f"{escape(rest[0], _LONGEST)}, {times}" if rest else times
        yield rest.pop(0)
    yield from (escape(line, _LONGEST) for line in rest)
    if incident.acknowledged_by and incident.acknowledged_at:
        at = model.format_time(incident.acknowledged_at, now)
        yield f"Confirmed by *{escape(incident.acknowledged_by, 80)}* at {at}"
