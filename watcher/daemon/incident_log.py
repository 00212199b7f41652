"""What happens to incidents, in the log: opened, worse, acknowledged, resolved, by whom.

The same fields each time, so that `journalctl -o json` or a log store finds one incident's lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from watcher import model, text
from watcher.model import EntryKind

log = structlog.get_logger()

_EVENTS = {
    EntryKind.OPENED: "incident opened",
    EntryKind.REOPENED: "incident reopened",
    EntryKind.WORSE: "incident got worse",
    EntryKind.BETTER: "incident got better",
    EntryKind.ESCALATED: "incident escalated",
    EntryKind.ACKNOWLEDGED: "incident acknowledged",
    EntryKind.UNACKNOWLEDGED: "acknowledgement withdrawn",
    EntryKind.RESOLVED: "incident resolved",
}


def write(effects: Sequence[model.Effect]) -> None:
    """Log what a step did to incidents; its effects are durable."""
    incidents = {of.id: of for of in effects if isinstance(of, model.Incident)}
    for entry in effects:
        if not isinstance(entry, model.Entry) or entry.kind not in _EVENTS:
            continue
        incident = incidents.get(entry.incident)
        if incident is None:
            continue
        more: dict[str, str] = {"by": entry.by} if entry.by else {}
        if entry.kind is EntryKind.RESOLVED and incident.resolution is not None:
            more["resolution"] = incident.resolution.value
        log.info(
            _EVENTS[entry.kind],
            **fields(incident),
            severity=incident.severity.value,
            title=text.clean(incident.title),
            **more,
        )


def fields(incident: model.Incident) -> dict[str, str]:
    """Return the fields that every line about an incident has."""
    return {"incident": incident.id, "rule": incident.rule, "subject": incident.group}
