"""What could be ordered as a backup: asked when an incident opens, told when the answer is there.

Law: it is asked once for an incident and an address, and nobody waits for it.
"""

from __future__ import annotations

from watcher import model
from watcher.engine import wording
from watcher.engine.rule import Extra, Rule
from watcher.engine.scene import Scene
from watcher.engine.turn import Turn


def ask(turn: Turn, rule: Rule, scene: Scene, identity: str) -> None:
    """Ask for an incident that has just opened; details that are awaited may bring the address."""
    if not rule.alternatives:
        return
    subject = turn.state.subjects.get(scene.key)
    if scene.extra.address:
        turn.want(model.AlternativesNeeded(incident=identity, address=scene.extra.address))
    elif subject is None or subject.asked_at is None:
        _say_no_address(turn, scene, identity)


def ask_late(
    turn: Turn, rule: Rule, scene: Scene, identity: str, *, had: Extra, waited: bool
) -> None:
    """Ask once the details have brought an address, or say that they have brought none."""
    if not rule.alternatives or had.address:
        return
    if scene.extra.address:
        turn.want(model.AlternativesNeeded(incident=identity, address=scene.extra.address))
    elif waited:
        _say_no_address(turn, scene, identity)


def told(turn: Turn, event: model.AlternativesRead) -> None:
    """Put the answer on the timeline, also of an incident that is over."""
    incident = turn.state.incident(event.incident, turn.now)
    text = wording.alternatives(event)
    turn.write(incident.id, model.EntryKind.ALTERNATIVES, text)


def _say_no_address(turn: Turn, scene: Scene, identity: str) -> None:
    turn.write(identity, model.EntryKind.ALTERNATIVES, wording.no_address(scene.name))
