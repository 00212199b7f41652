"""Receivers that are told in the place of one that has been failing for long.

Law: that it fails is an incident's, so it is one truth for every incident, and outlives a restart;
who is told as well is on the timeline of what they are told of.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher import model
from watcher.engine import wording
from watcher.engine.state import State
from watcher.engine.turn import Turn


def call(turn: Turn, identity: str) -> tuple[str, ...]:
    """Name who is to be told of an incident as well, and say so where it is new."""
    incident = turn.state.incidents[identity]
    found = _find(turn.state, incident.receivers)
    for name, about in found.items():
        if name not in incident.notify:
            text = wording.fallback(name, about, turn.now)
            turn.write(identity, model.EntryKind.FALLBACK, text)
    fallbacks = tuple(dict.fromkeys((*incident.fallbacks, *found)))
    if fallbacks != incident.fallbacks:
        turn.keep_incident(turn.state.incidents[identity], fallbacks=fallbacks)
    return tuple(found)


def _find(state: State, receivers: Sequence[str]) -> dict[str, model.Incident]:
    """Find fallbacks, those of failing fallbacks too; each with the incident about who fails."""
    found: dict[str, model.Incident] = {}
    told = list(receivers)
    for name in told:  # it grows meanwhile
        about = state.incidents.get(state.failing.get(name, ""))
        if about is not None and about.fallback and about.fallback.receiver not in told:
            found[about.fallback.receiver] = about
            told.append(about.fallback.receiver)
    return found
