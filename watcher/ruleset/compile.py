"""Rules as they are written become rules as the engine runs them, or problems."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from watcher import engine, model
from watcher.ruleset import cel, schema, templates
from watcher.ruleset.inventory import connection_problem
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.windows.weekly import compile_hours
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import VENDORS
from watcher.vendors.vendor import Fields
from watcher.works.settings import SOURCE as WORKS

EVERY_SOURCE = "*"
_COVERAGE = 0.8  # the share of its window that samples must cover for an aggregate


class WrittenRule(Struct, frozen=True, kw_only=True):
    """A rule as a file has it, and its place there."""

    rule: schema.Rule
    document: Document
    number: int

    def report(self, problems: Problems, key: str, what: str, *more: str | int) -> None:
        """Add a problem at one of the rule's keys; `more` leads on to an item of its value."""
        path = ("rules", self.number, *(part for part in key.split(".") if part), *more)
        where = f"{self.rule.name}.{key}" if key else self.rule.name
        problems.add(self.document.place(path), where, what)

    def report_inside(self, problems: Problems, key: str, problem: cel.Problem) -> None:
        """Add a problem at a place inside the text of one of the rule's keys."""
        place = self.document.place_inside(("rules", self.number, key), problem.at)
        problems.add(place, f"{self.rule.name}.{key}", problem.what)


class Compiler:
    """Compiles the rules of one ruleset; adds what is wrong to `problems`."""

    def __init__(
        self,
        sources: Mapping[str, engine.SourceTraits],
        receivers: Sequence[str],
        inventory: engine.Inventory,
        problems: Problems,
        rotas: Collection[str] = (),
    ) -> None:
        self._sources = sources
        self._receivers = receivers
        self._inventory = inventory
        self._problems = problems
        self._rotas = rotas
        self._environment = templates.new_environment()
        self.vocabulary = cel.Vocabulary()

    def compile(self, written: WrittenRule) -> engine.Rule | None:
        """Return one rule, compiled; None when it has problems."""
        before = len(self._problems)
        kinds = self._kinds(written)
        if kinds is None:
            return None
        rule = written.rule
        self._check_receivers(written)
        self._check_phases(written, kinds)
        self._check_bandwidth(written)
        condition = self._condition(written, kinds)
        where = self._predicate(written, "where", rule.where, kinds)
        well = self._predicate(written, "well", rule.well, kinds)
        if condition is None or len(self._problems) > before:
            return None
        untitled = engine.Rule(
            name=rule.name,
            sources=self._watched(rule.source),
            condition=condition,
            where=where,
            during=rule.during,
            hours=compile_hours(rule.hours),
            now=self.vocabulary.now((_holds(condition), where, well)),
            hold=rule.for_,
            keep_firing_for=rule.keep_firing_for,
            severity=rule.severity,
            title=lambda _: "",
            diagnose=rule.diagnose,
            alternatives=rule.alternatives,
            bandwidth=_bandwidth(rule),
            max_services=rule.max_services,
            notify=tuple(self._receivers) if rule.notify is None else rule.notify,
            group_by=tuple(name.removeprefix("labels.") for name in rule.group_by or ()),
            group_wait=rule.group_wait,
            repeat=rule.repeat or (),
            ack_expires=rule.ack_expires,
            escalate=_escalation(rule),
            flapping=_flapping(rule),
            inhibited_by=rule.inhibited_by or (),
            equal=rule.equal or (),
            fault=rule.fault or "",
            well=well,
            labels=rule.labels,
            runbook=rule.runbook,
            digest=hashlib.sha256(rule.model_dump_json().encode()).hexdigest()[:12],
        )
        title = self._template(written, "title", rule.title or _title(rule), untitled, kinds)
        summary = self._template(written, "summary", rule.summary or None, untitled, kinds)
        if title is None:
            return None
        return replace(untitled, title=title, summary=summary)

    def _kinds(self, written: WrittenRule) -> list[str] | None:
        """Return the kinds of source that a rule watches, even those that none is configured of."""
        named = written.rule.source
        if named == EVERY_SOURCE:
            return []
        kinds = {traits.kind for traits in self._sources.values() if named in _names(traits)}
        if named == WORKS and not kinds - {WORKS}:
            if written.rule.blind is None:
                what = "works has no subjects: a rule about it needs blind"
                written.report(self._problems, "source", what)
                return None
            return []
        if named in VENDORS:
            kinds.add(named)
        if not kinds:
            what = f"there is no source {named!r}{suggest(named, {*self._sources, *VENDORS})}"
            written.report(self._problems, "source", what)
            return None
        return sorted(kinds)

    def _watched(self, named: str) -> frozenset[str]:
        return frozenset(
            name
            for name, traits in self._sources.items()
            if named == EVERY_SOURCE or named in _names(traits)
        )

    def _check_receivers(self, written: WrittenRule) -> None:
        for number, name in enumerate(written.rule.notify or ()):
            if name not in self._receivers:
                what = f"there is no receiver {name!r}{suggest(name, self._receivers)}"
                written.report(self._problems, "notify", what, number)
        for step, escalation in enumerate(written.rule.escalate):
            if escalation.oncall is not None and escalation.oncall not in self._rotas:
                what = f"there is no rota {escalation.oncall!r}"
                what += suggest(escalation.oncall, self._rotas) if self._rotas else ""
                written.report(self._problems, "escalate", what, step, "oncall")
            for number, name in enumerate(escalation.notify):
                if name not in self._receivers:
                    what = f"there is no receiver {name!r}{suggest(name, self._receivers)}"
                    written.report(self._problems, "escalate", what, step, "notify", number)

    def _check_phases(self, written: WrittenRule, kinds: Sequence[str]) -> None:
        booked = [kind for kind in kinds if VENDORS[kind].booked]
        if "during" in written.rule.model_fields_set and not booked:
            what = f"{written.rule.source} has no bookings, so it has no phases"
            written.report(self._problems, "during", what)

    def _check_bandwidth(self, written: WrittenRule) -> None:
        remedy = written.rule.bandwidth
        if remedy is None:
            return
        if remedy.to > remedy.max:
            to, most = model.format_mbps(remedy.to), model.format_mbps(remedy.max)
            what = f"{to} is above max, which is {most}"
            written.report(self._problems, "bandwidth.to", what)
        what = connection_problem(remedy.connection, self._sources)
        if what:
            written.report(self._problems, "bandwidth.connection", what)

    def _condition(self, written: WrittenRule, kinds: Iterable[str]) -> engine.Condition | None:
        rule = written.rule
        provided = [VENDORS[kind].fields for kind in kinds]
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
        of_vanishing = self.vocabulary.reads(holds, "vanished")
        return engine.Expression(holds=holds, of_vanishing=of_vanishing)

    def _no_data(
        self, written: WrittenRule, after: timedelta, kinds: Iterable[Fields]
    ) -> engine.NoData:
        if not all(kind.metrics for kind in kinds):
            what = f"{written.rule.source} takes no samples; use blind for the source itself"
            written.report(self._problems, "no_data", what)
        return engine.NoData(after=after)

    def _transition(
        self, written: WrittenRule, transition: schema.Transition, kinds: Iterable[Fields]
    ) -> engine.Transition:
        for kind in kinds:
            words = kind.words.get(transition.field)
            if words is None:
                what = (
                    f"there is no field {transition.field!r}{suggest(transition.field, kind.words)}"
                )
                written.report(self._problems, "transition.field", what)
                continue
            for key, values in (("from", transition.from_ or ()), ("to", transition.to)):
                for number, word in enumerate(values):
                    if word not in words:
                        what = f"{transition.field} is never {word!r}{suggest(word, words)}"
                        written.report(self._problems, f"transition.{key}", what, number)
        if transition.from_ and model.UNKNOWN in transition.from_:
            what = "unknown is skipped when looking back, so it cannot be used here"
            written.report(self._problems, "transition.from", what)
        return engine.Transition(
            field=transition.field,
            from_=None if transition.from_ is None else frozenset(transition.from_),
            to=frozenset(transition.to),
        )

    def _threshold(
        self, written: WrittenRule, threshold: schema.Threshold, kinds: Iterable[Fields]
    ) -> engine.Threshold:
        for kind in kinds:
            if threshold.metric not in kind.metrics:
                hint = suggest(threshold.metric, kind.metrics)
                what = f"the source takes no samples of {threshold.metric!r}{hint}"
                written.report(self._problems, "threshold.metric", what)
        above = threshold.above is not None
        limit = threshold.above if threshold.above is not None else threshold.below
        # p95 of fewer than 20 samples is their maximum.
        fewest = threshold.min_samples or (20 if threshold.aggregate == "p95" else 1)
        self._check_window(written, threshold, fewest)
        usual = 0.0 if threshold.over is None or threshold.aggregate == "last" else _COVERAGE
        return engine.Threshold(
            metric=threshold.metric,
            limit=limit or 0.0,
            above=above,
            clear=threshold.clear,
            over=threshold.over,
            aggregate=threshold.aggregate,
            min_samples=fewest,
            coverage=usual if threshold.coverage is None else threshold.coverage,
            consecutive=threshold.consecutive,
        )

    def _check_window(self, written: WrittenRule, threshold: schema.Threshold, fewest: int) -> None:
        """Add a problem if the window can never hold as many samples as are needed."""
        if threshold.over is None:
            return
        by_default = threshold.min_samples is None
        key = "over" if by_default else "min_samples"
        needed = f"{threshold.aggregate} needs" if by_default else "min_samples is"
        way_out = "set min_samples" if by_default else "lower min_samples"
        for name in sorted(self._watched(written.rule.source)):
            granularity = self._sources[name].granularity
            most = math.ceil(threshold.over / granularity)
            if most < fewest:
                over, spacing = map(model.format_duration, (threshold.over, granularity))
                enough = model.format_duration(fewest * granularity)
                what = (
                    f"{name} has {most} sample{'s' if most > 1 else ''} in {over}, one every"
                    f" {spacing}, and {needed} {fewest}: use a window of {enough} or more, or"
                    f" {way_out}"
                )
                written.report(self._problems, f"threshold.{key}", what)

    def _predicate(
        self, written: WrittenRule, key: str, source: str | None, kinds: Iterable[str]
    ) -> engine.Predicate | None:
        if source is None:
            return None
        problems = list(cel.problems_in(source, [VENDORS[kind].fields for kind in kinds]))
        for problem in problems:
            written.report_inside(self._problems, key, problem)
        return None if problems else self.vocabulary.add(source, among=tuple(kinds))

    def _template(
        self,
        written: WrittenRule,
        key: str,
        source: str | None,
        rule: engine.Rule,
        kinds: Sequence[str],
    ) -> engine.Template | None:
        if source is None:
            return None
        # A rule about blindness speaks of the source itself, whatever its kind.
        of_source = not kinds or isinstance(rule.condition, engine.Blind)
        words = templates.sample_words(rule, None if of_source else kinds[0], self._inventory)
        problems = list(templates.problems_in(source, self._environment, words))
        for what in problems:
            written.report(self._problems, key, what)
        return None if problems else templates.compile_template(source, self._environment)


def _holds(condition: engine.Condition) -> engine.Predicate | None:
    return condition.holds if isinstance(condition, engine.Expression) else None


def _names(traits: engine.SourceTraits) -> tuple[str, str]:
    return traits.name, traits.kind


def _escalation(rule: schema.Rule) -> tuple[engine.Escalation, ...]:
    steps = sorted(rule.escalate, key=lambda step: step.after)
    return tuple(
        engine.Escalation(
            after=step.after, notify=step.notify, acks=step.acks, oncall=step.oncall or ""
        )
        for step in steps
    )


def _flapping(rule: schema.Rule) -> engine.Flapping | None:
    if rule.flapping is None:
        return None
    return engine.Flapping(flips=rule.flapping.flips, within=rule.flapping.within)


def _bandwidth(rule: schema.Rule) -> engine.Bandwidth | None:
    if rule.bandwidth is None:
        return None
    return engine.Bandwidth(
        connection=rule.bandwidth.connection or "",
        to=rule.bandwidth.to,
        max=rule.bandwidth.max,
        approved=rule.bandwidth.approval == "none",
        revert=rule.bandwidth.revert == "on_resolve",
    )


def _title(rule: schema.Rule) -> str:
    """Return the template of a title for a rule that gives none."""
    if rule.transition is not None:
        return f"{{{{ name }}}} is {{{{ {rule.transition.field} }}}}"
    if rule.threshold is not None:
        return (
            f"{{{{ name }}}}: {{{{ direction }}}} {rule.threshold.metric} is {{{{ value }}}}"
            " {{ unit }}"
        )
    if rule.no_data is not None:
        return "{{ name }}: no new samples"
    if rule.blind is not None:
        return "{{ source }} cannot be seen{{ ': config fault' if permanent }}"
    return "{{ name }}: {{ rule }}"
