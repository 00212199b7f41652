"""What came of many steps: the incidents, and what people were told of them, and when.

Law: a message counts when people get it. While an incident waits to be told, or is suppressed, its
messages wait with it; one that is over before then is never told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from watcher import model
from watcher.engine.drive import Step


@dataclass(frozen=True, slots=True)
class Message:
    """A timeline entry that people had to notice, and when they got it."""

    at: datetime
    entry: model.Entry


@dataclass(slots=True)
class Account:
    """Follow it through the steps of a drive."""

    incidents: dict[str, model.Incident] = field(default_factory=dict)  # in order of opening
    members: dict[str, dict[tuple[str, str], model.IncidentAlert]] = field(default_factory=dict)
    told: list[Message] = field(default_factory=list)
    _waiting: dict[str, list[model.Entry]] = field(default_factory=dict)

    def follow(self, steps: Iterable[Step]) -> None:
        """Take in what came of some steps."""
        for step in steps:
            touched: dict[str, None] = {}
            for effect in step.effects:
                match effect:
                    case model.Incident():
                        self.incidents[effect.id] = effect
                        touched[effect.id] = None
                    case model.IncidentAlert():
                        members = self.members.setdefault(effect.incident, {})
                        members[effect.rule, effect.subject] = effect
                    case model.Entry() if effect.notify:
                        self._waiting.setdefault(effect.incident, []).append(effect)
                    case _:
                        pass
            for identity in touched:
                if _is_told(self.incidents[identity]):
                    waiting = self._waiting.pop(identity, ())
                    self.told += [Message(step.at, entry) for entry in waiting]


def _is_told(incident: model.Incident) -> bool:
    """Whether people are told now; the end of what they were told of is never held back."""
    is_over = incident.status is model.IncidentStatus.RESOLVED
    return incident.told_at is not None and (is_over or not incident.suppressed_by)
