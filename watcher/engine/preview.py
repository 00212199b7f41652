"""What a silence matches now, for the person who is about to add it. Changes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from watcher.engine.incidents import silences
from watcher.engine.rules import matching
from watcher.engine.rules.rule import Blind, Context, ExpressionError, Predicate, Rule
from watcher.engine.state import State
from watcher.model import IncidentStatus, Matcher, Silence, SilencePreview, Subject

_OF_RULE = ("rule", "severity")  # what a matcher on one of these says of all subjects at once

MOST_EXAMINED = 2_000  # subjects of one rule, for its `where`

_Set = tuple[tuple[Matcher, ...], list[Rule], bool]


class _Subject:
    """What matchers look at of one subject; cheaper than a view of it, for 100,000 of them."""

    __slots__ = ("_state", "_subject", "key", "source")

    def __init__(self, state: State, subject: Subject) -> None:
        self._state = state
        self._subject = subject
        self.key = subject.key
        self.source = subject.source

    @property
    def labels(self) -> Mapping[str, str]:
        """The vendor's labels and the inventory's over them."""
        entries = self._state.subject_index.inventory_entries
        entry = entries.get(self.key)
        if entry is None:
            entry = self._state.ruleset.inventory.entry(self.key, self._subject.labels)
            entries[self.key] = entry
        own = self._subject.labels
        return {**own, **entry.labels} if entry.labels else own


def preview(state: State, silence: Silence, now: datetime) -> SilencePreview:
    """Return what a silence would match now, and why it cannot be added, if it cannot."""
    objection = silences.objection(state, silence, now)
    if objection:
        return SilencePreview(objection=objection)
    rules = {
        source: [
            rule
            for rule in state.ruleset.rules
            if source in rule.sources and not isinstance(rule.condition, Blind)
        ]
        for source in state.ruleset.sources
    }
    sets = {source: _reduce(silence.sets, of_source) for source, of_source in rules.items()}
    matched = total = 0
    whole = True
    for subject in state.subjects.values():
        of_source = rules.get(subject.source)
        if not of_source:
            continue
        count = _count_matched(sets[subject.source], _Subject(state, subject), len(of_source))
        total += 1
        matched += count > 0
        whole = whole and count == len(of_source)
    return SilencePreview(
        subjects=matched,
        incidents=_incidents(state, silence, now),
        everything=bool(total) and whole and not silences.named_subjects(silence),
        unknown=tuple(_describe_unknown(state, silence.sets)),
    )


def _reduce(sets: Iterable[tuple[Matcher, ...]], rules: Sequence[Rule]) -> list[_Set]:
    """Return of each set what is left to compare with subjects, and for which rules.

    The last part says whether a rule adds a label that the set names, so that rules differ.
    """
    reduced = []
    for matchers in sets:
        of_rule = [matcher for matcher in matchers if matcher.name in _OF_RULE]
        rest = tuple(matcher for matcher in matchers if matcher.name not in _OF_RULE)
        fitting = [rule for rule in rules if _fits_rule(of_rule, rule)]
        labels = {matcher.name.removeprefix(matching.LABELS) for matcher in rest}
        if fitting:
            reduced.append((rest, fitting, any(labels & rule.labels.keys() for rule in fitting)))
    return reduced


def _fits_rule(matchers: Iterable[Matcher], rule: Rule) -> bool:
    return all(
        matching.fits(matcher, rule.name if matcher.name == "rule" else str(rule.severity))
        for matcher in matchers
    )


def _count_matched(sets: Iterable[_Set], subject: _Subject, most: int) -> int:
    """Return for how many rules an alert on a subject would be silenced."""
    names: set[str] = set()
    for matchers, rules, differ in sets:
        if differ:
            names.update(rule.name for rule in rules if matching.match(matchers, rule, subject))
        elif matching.match(matchers, rules[0], subject):
            names.update(rule.name for rule in rules)
        if len(names) == most:
            break
    return len(names)


def _incidents(state: State, silence: Silence, now: datetime) -> tuple[str, ...]:
    """Return the unresolved incidents with a firing alert that the silence matches."""
    matched = []
    for identity, incident in state.incidents.items():
        if incident.status is IncidentStatus.RESOLVED:
            continue
        for _, subject, name in state.firing(identity):
            rule = state.rules.get(name)
            view = state.subject_view(subject, now)
            if rule is not None and matching.match_any(silence.sets, rule, view):
                matched.append(identity)
                break
    return tuple(sorted(matched))


def unmatched(state: State) -> tuple[str, ...]:
    """Return what the rules in force name and nothing has: in maintenance, and in `equal`.

    Empty while no subject is known.
    """
    if not state.subjects:
        return ()
    of_windows = (
        f"maintenance {window.name}: {what}"
        for window in state.ruleset.maintenance
        for what in _describe_unknown(state, (window.matchers,))
    )
    labels = dict.fromkeys(
        (rule.name, name.removeprefix(matching.LABELS))
        for rule in state.ruleset.rules
        for name in rule.equal
        if name.startswith(matching.LABELS)
    )
    of_rules = (
        f"{rule}.equal: nothing has a label {label}"
        for rule, label in labels
        if not _label_values(state, label)
    )
    return (*of_windows, *of_rules)


def _describe_unknown(state: State, sets: Iterable[tuple[Matcher, ...]]) -> Iterable[str]:
    """Yield what is wrong with matchers that fit nothing that there is."""
    for matcher in dict.fromkeys(matcher for matchers in sets for matcher in matchers):
        if matcher.name.startswith(matching.LABELS):
            label = matcher.name.removeprefix(matching.LABELS)
            values = _label_values(state, label)
            if not values:
                yield f"{matcher}: nothing has a label {label}"
                continue
        else:
            values = _values(state, matcher.name)
        positive = Matcher(name=matcher.name, value=matcher.value)
        if not any(matching.fits(positive, value) for value in values):
            near = difflib.get_close_matches(matcher.value, sorted(values), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{matcher}: there is no such {matcher.name.removeprefix(matching.LABELS)}{hint}"


def _values(state: State, name: str) -> set[str]:
    match name:
        case "rule":
            return set(state.rules)
        case "severity":
            return {str(rule.severity) for rule in state.rules.values()}
        case "source":
            return set(state.ruleset.sources)
        case _:
            return {*state.subjects, *state.ruleset.sources}


def _label_values(state: State, label: str) -> set[str]:
    added = {rule.labels[label] for rule in state.rules.values() if label in rule.labels}
    values = (_Subject(state, subject).labels.get(label) for subject in state.subjects.values())
    return added | {value for value in values if value is not None}


def rule_matches(state: State, now: datetime) -> dict[str, bool]:
    """Return of each rule whether it matches a subject that there is: a source, and its `where`.

    A rule is left out while one of its sources has not been seen. One with more than MOST_EXAMINED
    subjects counts as matching.
    """
    by_source: dict[str, list[str]] = {}
    for subject in state.subjects.values():
        by_source.setdefault(subject.source, []).append(subject.key)
    seen = {name for name, health in state.health.items() if health.last_success is not None}
    return {
        rule.name: _matches_any(state, rule, by_source, now)
        for rule in state.ruleset.rules
        if rule.sources <= seen or isinstance(rule.condition, Blind)
    }


def _matches_any(
    state: State, rule: Rule, by_source: Mapping[str, list[str]], now: datetime
) -> bool:
    if isinstance(rule.condition, Blind):
        return bool(rule.sources)
    if rule.where is None:
        return any(by_source.get(source) for source in rule.sources)
    keys = [key for source in sorted(rule.sources) for key in by_source.get(source, ())]
    if rule.now is not None or not keys:
        return bool(keys)  # what matches none now may match some at another time
    return len(keys) > MOST_EXAMINED or any(
        _holds(rule.where, state.subject_view(key, now).context) for key in keys
    )


def _holds(predicate: Predicate, context: Context) -> bool:
    try:
        return predicate(context) is True
    except ExpressionError:
        return True  # as it counts where alerts are evaluated
