"""Rules as they are written become rules as the engine runs them, or faults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher import engine, model
from watcher.ruleset import cel, schema, templates
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import KINDS, Kind

EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A rule and where it stands."""

    rule: schema.Rule
    document: Document
    number: int

    def blame(self, faults: Problems, key: str, what: str, *more: str | int) -> None:
        """Write down a fault at one of the rule's keys."""
        path = ("rules", self.number, *(part for part in key.split(".") if part), *more)
        where = f"{self.rule.name}.{key}" if key else self.rule.name
        faults.add(self.document.place(path), where, what)


class Compiler:
    """Compiles the rules of one ruleset; what is wrong goes to `faults`."""

    def __init__(
        self,
        sources: Mapping[str, engine.SourceTraits],
        receivers: Sequence[str],
        inventory: engine.Inventory,
        faults: Problems,
    ) -> None:
        self._sources = sources
        self._receivers = receivers
        self._inventory = inventory
        self._faults = faults
        self._environment = templates.new_environment()
        self.vocabulary = cel.Vocabulary()

    def compile(self, written: Written) -> engine.Rule | None:
        """Compile one rule; None where it cannot be."""
        before = len(self._faults.found)
        kinds = self._kinds(written)
        if kinds is None:
            return None
        rule = written.rule
        self._check_receivers(written)
        self._check_phases(written, kinds)
        self._check_remedy(written)
        condition = self._condition(written, kinds)
        where = self._predicate(written, "where", rule.where, kinds)
        if condition is None or len(self._faults.found) > before:
            return None
        bare = engine.Rule(
            name=rule.name,
            sources=self._watched(rule.source),
            condition=condition,
            where=where,
            during=rule.during,
            hold=rule.for_,
            keep_firing_for=rule.keep_firing_for,
            severity=rule.severity,
            title=lambda _: "",
            diagnose=rule.diagnose,
            alternatives=rule.alternatives,
            bandwidth=compile_remedy(rule.bandwidth),
            max_services=rule.max_services,
            notify=tuple(self._receivers) if rule.notify is None else rule.notify,
            group_by=tuple(name.removeprefix("labels.") for name in rule.group_by or ()),
            group_wait=rule.group_wait,
            repeat=rule.repeat,
            escalate=_escalation(rule),
            flapping=_flapping(rule),
            inhibited_by=rule.inhibited_by or (),
            equal=rule.equal or (),
            labels=rule.labels,
            runbook=rule.runbook,
            digest=hashlib.sha256(rule.model_dump_json().encode()).hexdigest()[:12],
        )
        title = self._template(written, "title", rule.title or _title(rule), bare, kinds)
        summary = rule.summary and self._template(written, "summary", rule.summary, bare, kinds)
        if title is None:
            return None
        return engine.Rule(
            **{
                **{name: getattr(bare, name) for name in engine.Rule.__dataclass_fields__},
                "title": title,
                "summary": summary or None,
            }
        )

    def _kinds(self, written: Written) -> list[str] | None:
        """Tell the kinds of source that a rule watches, also where none of them is configured."""
        named = written.rule.source
        if named == EVERY:
            return []
        kinds = {traits.kind for traits in self._sources.values() if named in _names(traits)}
        if named in KINDS:
            kinds.add(named)
        if not kinds:
            what = f"there is no source {named!r}{suggest(named, {*self._sources, *KINDS})}"
            written.blame(self._faults, "source", what)
            return None
        return sorted(kinds)

    def _watched(self, named: str) -> frozenset[str]:
        return frozenset(
            name
            for name, traits in self._sources.items()
            if named == EVERY or named in _names(traits)
        )

    def _check_receivers(self, written: Written) -> None:
        for number, name in enumerate(written.rule.notify or ()):
            if name not in self._receivers:
                what = f"there is no receiver {name!r}{suggest(name, self._receivers)}"
                written.blame(self._faults, "notify", what, number)
        for step, escalation in enumerate(written.rule.escalate):
            for number, name in enumerate(escalation.notify):
                if name not in self._receivers:
                    what = f"there is no receiver {name!r}{suggest(name, self._receivers)}"
                    written.blame(self._faults, "escalate", what, step, "notify", number)

    def _check_phases(self, written: Written, kinds: Sequence[str]) -> None:
        booked = [kind for kind in kinds if KINDS[kind].booked]
        if "during" in written.rule.model_fields_set and not booked:
            what = f"nothing of {written.rule.source} is booked, so it has no phases"
            written.blame(self._faults, "during", what)

    def _check_remedy(self, written: Written) -> None:
        if written.rule.bandwidth is not None:
            for key, what in faults_of(written.rule.bandwidth, self._sources):
                written.blame(self._faults, f"bandwidth.{key}", what)

    def _condition(self, written: Written, kinds: Iterable[str]) -> engine.Condition | None:
        rule = written.rule
        provided = [KINDS[kind] for kind in kinds]
        if rule.transition is not None:
            return self._transition(written, rule.transition, provided)
        if rule.threshold is not None:
            return self._threshold(written, rule.threshold, provided)
        if rule.no_data is not None:
            return self._no_data(written, rule.no_data, provided)
        if rule.blind is not None:
            return engine.Blind(after=rule.blind)
        holds = self._predicate(written, "expression", rule.expression, kinds)
        if holds is None or rule.expression is None:
            return None
        of_vanishing = cel.reads(rule.expression, "vanished")
        return engine.Expression(holds=holds, of_vanishing=of_vanishing)

    def _no_data(self, written: Written, after: timedelta, kinds: Iterable[Kind]) -> engine.NoData:
        if not all(kind.metrics for kind in kinds):
            what = f"nothing is measured on {written.rule.source}; see blind for the source itself"
            written.blame(self._faults, "no_data", what)
        return engine.NoData(after=after)

    def _transition(
        self, written: Written, transition: schema.Transition, kinds: Iterable[Kind]
    ) -> engine.Transition:
        for kind in kinds:
            words = kind.words.get(transition.field)
            if words is None:
                what = f"there is no such field{suggest(transition.field, kind.words)}"
                written.blame(self._faults, "transition.field", what)
                continue
            for key, values in (("from", transition.from_ or ()), ("to", transition.to)):
                for number, word in enumerate(values):
                    if word not in words:
                        what = f"{transition.field} is never {word!r}{suggest(word, words)}"
                        written.blame(self._faults, f"transition.{key}", what, number)
        if transition.from_ and model.UNKNOWN in transition.from_:
            what = "unknown is skipped when looking back, so it cannot stand here"
            written.blame(self._faults, "transition.from", what)
        return engine.Transition(
            field=transition.field,
            from_=None if transition.from_ is None else frozenset(transition.from_),
            to=frozenset(transition.to),
        )

    def _threshold(
        self, written: Written, threshold: schema.Threshold, kinds: Iterable[Kind]
    ) -> engine.Threshold:
        for kind in kinds:
            if threshold.metric not in kind.metrics:
                known = suggest(threshold.metric, kind.metrics)
                what = f"the source takes no samples of {threshold.metric!r}{known}"
                written.blame(self._faults, "threshold.metric", what)
        above = threshold.above is not None
        limit = threshold.above if threshold.above is not None else threshold.below
        # p95 of fewer than 20 samples is their maximum.
        fewest = 20 if threshold.aggregate == "p95" else 1
        return engine.Threshold(
            metric=threshold.metric,
            limit=limit or 0.0,
            above=above,
            clear=threshold.clear,
            over=threshold.over,
            aggregate=threshold.aggregate,
            min_samples=threshold.min_samples or fewest,
            consecutive=threshold.consecutive,
        )

    def _predicate(
        self, written: Written, key: str, source: str | None, kinds: Iterable[str]
    ) -> engine.Predicate | None:
        if source is None:
            return None
        wrong = list(cel.faults_of(source, [KINDS[kind] for kind in kinds]))
        for what in wrong:
            written.blame(self._faults, key, what)
        return None if wrong else cel.compile_predicate(source, self.vocabulary)

    def _template(
        self,
        written: Written,
        key: str,
        source: str,
        rule: engine.Rule,
        kinds: Sequence[str],
    ) -> engine.Template | None:
        # A rule about blindness speaks of the source itself, whatever its kind.
        of_source = not kinds or isinstance(rule.condition, engine.Blind)
        words = _sample_words(rule, None if of_source else kinds[0], self._inventory)
        wrong = list(templates.faults_of(source, self._environment, words))
        for what in wrong:
            written.blame(self._faults, key, what)
        return None if wrong else templates.compile_template(source, self._environment)


def _names(traits: engine.SourceTraits) -> tuple[str, str]:
    return traits.name, traits.kind


def _escalation(rule: schema.Rule) -> tuple[engine.Escalation, ...]:
    steps = sorted(rule.escalate, key=lambda step: step.after)
    return tuple(engine.Escalation(after=step.after, notify=step.notify) for step in steps)


def _flapping(rule: schema.Rule) -> engine.Flapping | None:
    if rule.flapping is None:
        return None
    return engine.Flapping(flips=rule.flapping.flips, within=rule.flapping.within)


def _title(rule: schema.Rule) -> str:
    if rule.transition is not None:
        return f"{{{{ name }}}} is {{{{ {rule.transition.field} }}}}"
    if rule.threshold is not None:
        return f"{{{{ name }}}}: {rule.threshold.metric} is {{{{ value }}}}"
    if rule.no_data is not None:
        return "{{ name }}: nothing new is measured"
    if rule.blind is not None:
        return "{{ source }} cannot be seen{{ ': config fault' if permanent }}"
    return "{{ name }}: {{ rule }}"


def _sample_words(
    rule: engine.Rule, kind: str | None, inventory: engine.Inventory
) -> Mapping[str, object]:
    """Give the words of a made-up subject, by the engine's own list of them."""
    at = datetime(2000, 1, 1, tzinfo=UTC)
    context: Callable[[Mapping[str, object]], engine.Context] = dict
    source = kind or "source"
    ruleset = engine.Ruleset(
        rules=(),
        sources={
            source: engine.SourceTraits(name=source, kind=kind or "", blind_after=at - at),
        },
        inventory=inventory,
        context=context,
    )
    if kind is None:
        health = model.SourceHealth(source=source, error="timed out", failing_since=at)
        scene = engine.SubjectView.of_source(ruleset, health, {})
    else:
        fields = next(KINDS[kind].samples())
        scene = engine.SubjectView(
            ruleset,
            f"{source}/id",
            fields=fields,
            previous=fields,
            labels={},
            metrics={},
            inventory_entries={},
        )
    figure = isinstance(rule.condition, engine.Threshold)
    value: model.Scalar = 50.5 if figure else "word"
    return scene.words(rule, value=value, was="word", since=at)


def check(rules: Sequence[Written], faults: Problems) -> None:
    """Tell which `inhibited_by` name no rule, or lead back to where they began."""
    by_name = {written.rule.name: written for written in rules}
    names = {name: written.rule.inhibited_by or () for name, written in by_name.items()}
    for written in rules:
        for number, name in enumerate(written.rule.inhibited_by or ()):
            if name not in names:
                what = f"there is no rule {name!r}{suggest(name, names)}"
                written.blame(faults, "inhibited_by", what, number)
            elif _leads(name, written.rule.name, names):
                what = f"{name} is itself held back by {written.rule.name}: nobody would be told"
                written.blame(faults, "inhibited_by", what, number)


def _leads(start: str, goal: str, names: Mapping[str, Sequence[str]]) -> bool:
    """Whether one rule is held back by another, over any number of steps."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += names.get(name, ())
    return False


_KIND = "internet_on_demand"


def faults_of(
    remedy: schema.Remedy, sources: Mapping[str, engine.SourceTraits]
) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with one, as key and sentence."""
    if remedy.to > remedy.max:
        to, most = model.format_mbps(remedy.to), model.format_mbps(remedy.max)
        yield "to", f"{to} is above max, which is {most}"
    wrong = connection_fault(remedy.connection, sources)
    if wrong:
        yield "connection", wrong


def connection_fault(connection: str | None, sources: Mapping[str, engine.SourceTraits]) -> str:
    """Say why a connection's key names no Internet On-Demand source; empty where it does.

    Where none is configured the kind stands for it, as rules may be kept for a source to come.
    """
    if connection is None:
        return ""
    names = {name for name, traits in sources.items() if traits.kind == _KIND} or {_KIND}
    named = model.source_of(connection)
    return "" if named in names else f"there is no {_KIND} source {named!r}{suggest(named, names)}"


def compile_remedy(remedy: schema.Remedy | None) -> engine.Bandwidth | None:
    """Compile one that is without faults."""
    if remedy is None:
        return None
    return engine.Bandwidth(
        connection=remedy.connection or "",
        to=remedy.to,
        max=remedy.max,
        approved=remedy.approval == "none",
        revert=remedy.revert == "on_resolve",
    )
