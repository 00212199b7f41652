"""The rules of each source, sorted once by what can change their conditions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from msgspec import Struct

from watcher import model
from watcher.engine.rules import thresholds as windows
from watcher.engine.rules.rule import (
    Blind,
    Candidates,
    Expression,
    NoData,
    Rule,
    Ruleset,
    Threshold,
    Transition,
)

RECORDED = "state"  # the field that a vendor's alarm record gives


class RuleIndex(Struct, frozen=True, kw_only=True):
    """The rules of one source, by kind of condition, each in the order of the files."""

    transitions: tuple[tuple[Rule, Transition], ...] = ()
    recorded: tuple[tuple[Rule, Transition], ...] = ()  # those on what the vendor records
    paging: frozenset[model.Phase] = frozenset()  # in which any of these may fire
    # The same by field and by each value in `to`: most changes concern no rule.
    entering: Mapping[str, Mapping[model.Scalar, tuple[tuple[Rule, Transition], ...]]]
    thresholds: tuple[tuple[Rule, Threshold], ...] = ()
    expressions: tuple[tuple[Rule, Expression], ...] = ()
    candidates: Candidates  # among the expressions
    blinds: tuple[tuple[Rule, Blind], ...] = ()
    no_datas: tuple[tuple[Rule, NoData], ...] = ()
    keep: timedelta  # how long samples are needed
    places: Mapping[str, int]  # of the transitions, by the rule's name

    def with_alerts(
        self, entering: Iterable[tuple[Rule, Transition]], alerts: Iterable[str]
    ) -> list[tuple[Rule, Transition]]:
        """Return rules, and those on a transition that have alerts, in the order of the files."""
        names = {*alerts, *[rule.name for rule, _ in entering]}
        places = sorted([self.places[name] for name in names if name in self.places])
        return [self.transitions[place] for place in places]


def index_rules(ruleset: Ruleset) -> dict[str, RuleIndex]:
    """Sort the rules by source and by kind of condition."""
    indexes = {}
    for name, traits in ruleset.sources.items():
        rules = [rule for rule in ruleset.rules if name in rule.sources]
        thresholds = tuple(
            (rule, rule.condition) for rule in rules if isinstance(rule.condition, Threshold)
        )
        reaches = [windows.reach(threshold, traits.granularity) for _, threshold in thresholds]
        no_datas = tuple(
            (rule, rule.condition) for rule in rules if isinstance(rule.condition, NoData)
        )
        transitions = tuple(
            (rule, rule.condition) for rule in rules if isinstance(rule.condition, Transition)
        )
        recorded = tuple(
            (rule, condition)
            for rule, condition in transitions
            if traits.history and condition.field == RECORDED
        )
        expressions = tuple(
            (rule, rule.condition) for rule in rules if isinstance(rule.condition, Expression)
        )
        indexes[name] = RuleIndex(
            transitions=transitions,
            places={rule.name: place for place, (rule, _) in enumerate(transitions)},
            recorded=recorded,
            paging=frozenset(phase for rule, _ in recorded for phase in rule.during),
            entering=_by_value(transitions),
            thresholds=thresholds,
            expressions=expressions,
            candidates=ruleset.candidates([condition.holds for _, condition in expressions]),
            blinds=tuple(
                (rule, rule.condition) for rule in rules if isinstance(rule.condition, Blind)
            ),
            no_datas=no_datas,
            keep=traits.settle
            + max(
                [
                    windows.GAP * traits.granularity,
                    *reaches,
                    *(2 * no_data.after for _, no_data in no_datas),
                ]
            ),
        )
    return indexes


def keep_samples(ruleset: Ruleset) -> timedelta:
    """Return how old samples may be that a restart has to load."""
    return max((index.keep for index in index_rules(ruleset).values()), default=timedelta(0))


def _by_value(
    transitions: tuple[tuple[Rule, Transition], ...],
) -> dict[str, dict[model.Scalar, tuple[tuple[Rule, Transition], ...]]]:
    by_field: dict[str, dict[model.Scalar, tuple[tuple[Rule, Transition], ...]]] = {}
    for rule, condition in transitions:
        by_value = by_field.setdefault(condition.field, {})
        for value in condition.to:
            by_value[value] = (*by_value.get(value, ()), (rule, condition))
    return by_field
