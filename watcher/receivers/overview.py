"""What is open, in words for a slash command: the worst first, and what cannot be seen.

Law: pure. A source that is blind is named, because nothing open is then no all clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from watcher import model
from watcher.receivers import render, words

MOST = 20


def write(
    incidents: Sequence[model.Incident], health: Iterable[model.SourceHealth], now: datetime
) -> list[str]:
    """Write a line for each incident, at most MOST, and for each source that is blind."""
    worst_first = sorted(incidents, key=lambda one: (-one.severity.rank, one.opened_at))
    are = "incident is" if len(incidents) == 1 else "incidents are"
    lines = [f"*{len(incidents)} {are} open*" if incidents else "*Nothing is open*"]
    lines += [_line(one, now) for one in worst_first[:MOST]]
    if len(incidents) > MOST:
        lines.append(f"and {len(incidents) - MOST} more")
    for source in health:
        if source.sight is model.Sight.BLIND:
            begun = source.failing_since
            since = f" since {words.clock(begun, now)}" if begun else ""
            unseen = f"*{words.say(source.source, 60)}* cannot be seen{since}"
            lines.append(f"\N{MEDIUM WHITE CIRCLE} {unseen}: what fails there is not known")
    return lines


def _line(told: model.Incident, now: datetime) -> str:
    parts = [
        f"*{words.say(render.headline(told), 200)}*",
        f"{model.format_duration(now - told.opened_at)}, since {words.clock(told.opened_at, now)}",
    ]
    if told.acknowledged_by:
        parts.append(f"taken by {words.say(told.acknowledged_by, 80)}")
    parts += [str(flag) for flag in told.flags]
    return " · ".join([*parts, words.say(told.id, 60)])
