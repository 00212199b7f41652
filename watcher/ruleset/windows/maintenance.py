"""Maintenance windows: what they mute, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from watcher import engine, model
from watcher.ruleset import schema_types
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.windows import schema
from watcher.ruleset.windows.cron import parse_cron
from watcher.ruleset.windows.once_and_cron import Cron, Once, objection, once
from watcher.ruleset.windows.weekly import Weekly, Window
from watcher.ruleset.yaml_document import Document

_CHECKED_FROM = datetime(2026, 1, 1, tzinfo=UTC)  # from when cron's beginnings are looked at
_MATCHED = ("rule", "subject", "source", "severity")


def compile_window(
    written: schema.Maintenance, document: Document, number: int, problems: Problems
) -> engine.Maintenance:
    """Compile one window; add what is wrong to `problems`."""
    matchers = []
    for name, value in written.match.items():
        if name not in _MATCHED and not name.startswith("labels."):
            place = document.place(("maintenance", number, "match", name), of_key=True)
            hint = suggest(name, (*_MATCHED, "labels.NAME"))
            problems.add(place, f"{written.name}.match.{name}", f"cannot be matched{hint}")
        matchers.append(model.Matcher(name=name, value=value))
    times = _compile_times(written)
    if isinstance(times, Cron) and (why := objection(times, _CHECKED_FROM)):
        problems.add(document.place(("maintenance", number, "cron")), f"{written.name}.cron", why)
    return engine.Maintenance(
        name=written.name,
        matchers=tuple(matchers),
        is_open=times.is_open,
        next_edge=times.next_edge,
        action=written.action,
    )


def _compile_times(written: schema.Maintenance) -> Weekly | Once | Cron:
    zone = ZoneInfo(written.zone)
    if written.cron is not None and written.for_ is not None:
        return Cron(parse_cron(written.cron), zone, written.for_)
    if isinstance(written.from_, datetime) and isinstance(written.to, datetime):
        return once(zone, written.from_, written.to)
    days = written.days or schema_types.WEEK
    start, end = written.from_, written.to
    if not isinstance(start, int) or not isinstance(end, int):
        raise TypeError("a window without cron has from and to of one kind")
    window = Window(
        zone=zone, days=frozenset(map(schema_types.WEEK.index, days)), start=start, end=end
    )
    return Weekly((window,))
