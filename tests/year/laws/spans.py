"""When a rule held of a circuit, in truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tests.year.plan import Circuit, Plan, Rule


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when a circuit was down, in truth."""

    begin: datetime
    end: datetime


def outages(plan: Plan, rule: Rule, circuit: Circuit) -> list[Outage]:
    """Return when a rule held of a circuit, in the order of time."""
    spans: list[Outage] = []
    begin: datetime | None = None
    for fact in (fact for fact in plan.statuses if fact.circuit == circuit.id):
        if fact.state in rule.to:
            begin = begin or fact.at
        elif begin is not None:
            spans.append(Outage(begin, fact.at))
            begin = None
    return spans if begin is None else [*spans, Outage(begin, plan.end)]


def faults(plan: Plan) -> list[Rule]:
    """Return the rules, those of one fault as one: it goes on while the circuit is in any state."""
    merged: dict[str, Rule] = {}
    for rule in plan.rules:
        key = rule.fault or rule.name
        before = merged.get(key, rule)
        merged[key] = replace(
            before,
            to=tuple(dict.fromkeys((*before.to, *rule.to))),
            hold=max(before.hold, rule.hold),
            keep=max(before.keep, rule.keep),
        )
    return list(merged.values())
