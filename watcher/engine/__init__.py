"""What follows from an event: pure, so that live, replay, rule tests and restart are one path."""

from watcher.engine.drive import Answer, Drive, Step
from watcher.engine.phases import DURING, PRE_ROLL
from watcher.engine.rule import (
    Blind,
    Condition,
    Context,
    Expression,
    ExpressionError,
    Extra,
    Inventory,
    Predicate,
    Rule,
    Ruleset,
    SourceTraits,
    Template,
    Threshold,
    Transition,
)
from watcher.engine.scene import Scene
from watcher.engine.state import (
    REOPEN_WITHIN,
    IllegalCommand,
    State,
    keep_samples,
    next_deadline,
    pending_sources,
    restore,
    saved,
)
from watcher.engine.step import Event, Reloaded, step

__all__ = [
    "DURING",
    "PRE_ROLL",
    "REOPEN_WITHIN",
    "Answer",
    "Blind",
    "Condition",
    "Context",
    "Drive",
    "Event",
    "Expression",
    "ExpressionError",
    "Extra",
    "IllegalCommand",
    "Inventory",
    "Predicate",
    "Reloaded",
    "Rule",
    "Ruleset",
    "Scene",
    "SourceTraits",
    "State",
    "Step",
    "Template",
    "Threshold",
    "Transition",
    "keep_samples",
    "next_deadline",
    "pending_sources",
    "restore",
    "saved",
    "step",
]
