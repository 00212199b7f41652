"""What suppresses an incident, for its readers: who did it, and until when.

Pure. `suppression.py` decides; this names what it has found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from watcher import model
from watcher.engine.state import State
from watcher.model import SuppressionKind

_BEFORE_NAME = {
    "silence ": SuppressionKind.SILENCE,
    "maintenance ": SuppressionKind.MAINTENANCE,
    "inhibited by ": SuppressionKind.INHIBITION,
}


def describe(state: State, reasons: Iterable[str], now: datetime) -> tuple[model.Suppression, ...]:
    """Return what the reasons of an incident's suppression are, in the same order."""
    return tuple(suppression for why in reasons for suppression in _describe(state, why, now))


def _describe(state: State, why: str, now: datetime) -> Iterator[model.Suppression]:
    for lead, kind in _BEFORE_NAME.items():
        if not why.startswith(lead):
            continue
        name = why.removeprefix(lead)
        match kind:
            case SuppressionKind.SILENCE:
                silence = state.silences.get(name.partition(" ")[0])
                if silence is not None:
                    yield model.Suppression(
                        kind=kind,
                        name=silence.id,
                        by=silence.by,
                        comment=silence.comment,
                        until=silence.end,
                    )
            case SuppressionKind.MAINTENANCE:
                windows = [window for window in state.ruleset.maintenance if window.name == name]
                until = windows[0].next_edge(now) if windows else None
                yield model.Suppression(kind=kind, name=name, until=until)
            case SuppressionKind.INHIBITION:
                yield model.Suppression(kind=kind, name=name)
