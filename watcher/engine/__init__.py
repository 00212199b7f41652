"""What follows from an event. Pure: live, replay, rule tests and restarts run the same code.

An event goes in and effects come out; the state in between is all that the engine remembers. From
the outside to the inside:

  runner.py        events in order, and every deadline between them, as steps
  step.py          one event to its handlers, and the effects that come of it
  clock_steps.py   what becomes of the times kept when the machine's clock is set
  commands.py      what people and jobs ask for
  preview.py       what a silence would match
  dry_run.py       what an alert would have done, on a state that is thrown away
  observation/     what a poll says: subjects, samples, how well a source can be seen
  alerts.py        the state machine of an alert, as a table: start reading here
  backfill/        outages that are learned late, from a vendor's own record
  faults.py        whether an alert may end: its subject, and the other alerts of its fault
  conditions.py    whether a condition is true on a subject now
  details.py       a subject's details, and how long an alert waits for them
  works/           planned works: what carriers and people say about them
  incidents/       opened, joined, suppressed, notified, remedied and resolved
  context.py       one step: the only place that changes a state
  changes.py       what a step has changed, and what is left to do in it
  marks.py         which of the times kept are Watcher's own, and move with the clock
  state.py         nouns, indexes and timers; how a restart builds them again
  indexes.py, timers.py
  rules/           what a rule and a subject are; knows no state

Each may import those below it, and no other.
"""

from watcher.engine.preview import preview, rule_matches, unmatched
from watcher.engine.rules.counted import counted
from watcher.engine.rules.hours import Hours, Now
from watcher.engine.rules.hours import describe as describe_time
from watcher.engine.rules.index import keep_samples
from watcher.engine.rules.reservation import DURING, PRE_ROLL
from watcher.engine.rules.rule import (
    Bandwidth,
    Blind,
    Candidates,
    Condition,
    Context,
    Escalation,
    Expression,
    ExpressionError,
    Flapping,
    Inventory,
    InventoryEntry,
    Maintenance,
    NoData,
    Predicate,
    Rule,
    Ruleset,
    SourceTraits,
    Storm,
    Template,
    Threshold,
    Transition,
    WindowAction,
    WorksPolicy,
)
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.rules.works import (
    circuit_key,
    circuits_of,
    is_by_carrier,
    is_credible,
    is_fraction,
    is_newer,
    wholes_of,
)
from watcher.engine.runner import Notification, Outcome, Responder, Runner, StepResult
from watcher.engine.state import (
    REOPEN_WITHIN,
    IllegalCommand,
    State,
    next_deadline,
    pending_sources,
    restore,
    saved,
)
from watcher.engine.step import Event, Reloaded, step
from watcher.engine.works.notices import with_notice

__all__ = [
    "DURING",
    "PRE_ROLL",
    "REOPEN_WITHIN",
    "Bandwidth",
    "Blind",
    "Candidates",
    "Condition",
    "Context",
    "Escalation",
    "Event",
    "Expression",
    "ExpressionError",
    "Flapping",
    "Hours",
    "IllegalCommand",
    "Inventory",
    "InventoryEntry",
    "Maintenance",
    "NoData",
    "Notification",
    "Now",
    "Outcome",
    "Predicate",
    "Reloaded",
    "Responder",
    "Rule",
    "Ruleset",
    "Runner",
    "SourceTraits",
    "State",
    "StepResult",
    "Storm",
    "SubjectView",
    "Template",
    "Threshold",
    "Transition",
    "WindowAction",
    "WorksPolicy",
    "circuit_key",
    "circuits_of",
    "counted",
    "describe_time",
    "is_by_carrier",
    "is_credible",
    "is_fraction",
    "is_newer",
    "keep_samples",
    "next_deadline",
    "pending_sources",
    "preview",
    "restore",
    "rule_matches",
    "saved",
    "step",
    "unmatched",
    "wholes_of",
    "with_notice",
]
