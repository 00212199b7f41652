"""Expressions as they run: all of those that the same rules' subjects meet are evaluated at once.

One call of the library costs more than what one expression does in it, so up to sixty of them are
compiled into a sum of bits, one for each that is true. An error in one of them is an error of the
sum. Then those that read something unknown are left out, and are evaluated alone when asked for;
where even that fails, all of them are.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cel_expr_python import cel

from watcher import engine
from watcher.ruleset.cel import environment
from watcher.ruleset.cel.environment import NOW, CompileErrors
from watcher.ruleset.cel.moments import Moments, minute_of, parts_of
from watcher.ruleset.cel.references import analyse
from watcher.ruleset.cel.tree import read

_IN_SUM = 60  # expressions: the bits of a whole number, less some
_IN_TERM = 10  # of those, side by side: the library's parser goes 32 levels deep
_MOST_EVALUATED = 4_096  # subjects that differ in what a group reads
_MOST_SUMS = 16  # of one group, for what may be unknown in it
_MISFIT = re.compile(r"No matching overloads found : (\S+?)\((.*)\)")


class Facts:
    """One subject as expressions read it, with what is worked out of it by now."""

    __slots__ = ("given", "truths")

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.truths: dict[_Group, Truths] = {}


class Truths(NamedTuple):
    """The bits of the expressions of a group that are true, and of those that may be.

    What may be and is not yet said to be is asked alone: it could not be evaluated with the rest.
    """

    true: int
    open: int


class Expression:
    """One expression that compiles, and what it reads."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._compiled = environment.compile_unchecked(source)
        tree = read(self._compiled.serialize())
        self.references = analyse(tree)
        self.moments = frozenset(parts_of(tree))
        self.names = frozenset(self.references.names) - environment.TYPES
        self.previous = frozenset(self.references.members("previous"))

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Evaluate it alone. Raises engine.ExpressionError."""
        try:
            result = self._compiled.eval(data=values)
        except (RuntimeError, ValueError, TypeError) as error:  # a value that CEL does not have
            raise engine.ExpressionError(f"{self.source}: {_in_short(str(error))}") from error
        truth = result.value()
        if truth is True or truth is False:
            return truth
        if result.type() == cel.Type.ERROR:
            raise engine.ExpressionError(f"{self.source}: {_in_short(str(truth))}")
        what = f"evaluates to {result.plain_value()!r}; expected true or false"
        raise engine.ExpressionError(f"{self.source}: {what}")

    def is_unknown(self, given: Mapping[str, Any]) -> bool:
        """Return whether a field that it reads is not known."""
        return any(given.get(name) is None for name in self.names) or any(
            given["previous"].get(name) is None for name in self.previous
        )


class Vocabulary:
    """The expressions of a ruleset, in groups of those that are asked of the same subjects."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group] = {}
        self._places: dict[engine.Predicate, tuple[_Group, int]] = {}
        self._expressions: dict[engine.Predicate, Expression] = {}
        self._moments: dict[frozenset[bytes], Moments] = {}

    def add(self, source: str, among: Hashable = None) -> engine.Predicate:
        """Compile an expression that has no problems, beside the others of a group."""
        group = self._groups.get(among)
        if group is None or group.is_full:
            group = self._groups[among] = _Group()
        expression = Expression(source)
        predicate, bit = group.add(expression)
        self._places[predicate] = group, bit
        self._expressions[predicate] = expression
        return predicate

    def reads(self, predicate: engine.Predicate, name: str) -> bool:
        """Return whether an expression reads a name."""
        return name in self._expressions[predicate].names

    def now(self, predicates: Iterable[engine.Predicate | None]) -> engine.Now | None:
        """Return what some expressions, together, read of the time; None where they do not."""
        of_all = [self._expressions[predicate].moments for predicate in predicates if predicate]
        parts = frozenset[bytes]().union(*of_all)
        if not parts:
            return None
        moments = self._moments.setdefault(parts, Moments(parts))
        return engine.Now(read=moments.read, next_change=moments.next_change)

    def context(self, given: Mapping[str, Any]) -> Facts:
        """Return one subject as the predicates read it."""
        return Facts(given)

    def candidates(self, predicates: Sequence[engine.Predicate]) -> engine.Candidates:
        """Return what finds, of some predicates, those that are not plainly false."""
        places = [self._places[predicate] for predicate in predicates]
        masks: dict[_Group, int] = {}
        for group, bit in places:
            masks[group] = masks.get(group, 0) | bit

        def find(context: engine.Context) -> Sequence[int]:
            facts: Facts = context  # type: ignore[assignment] # built by Vocabulary.context
            for group, mask in masks.items():
                if group.truths(facts).open & mask:
                    break
            else:
                return ()
            return [
                number
                for number, (group, bit) in enumerate(places)
                if group.truths(facts).open & bit
            ]

        return find


class _Group:
    """Expressions that are evaluated together, and what they read."""

    def __init__(self) -> None:
        self._expressions: list[Expression] = []
        self._names: tuple[str, ...] = ()
        self._labels: tuple[str, ...] = ()
        self._previous: tuple[str, ...] = ()
        self._all_labels = False
        self._moments: Moments | None = None  # where any of them reads `now`
        self._sums: dict[frozenset[str], tuple[cel.Expression | None, int]] = {}
        self._evaluated: dict[tuple[object, ...], Truths] = {}

    @property
    def is_full(self) -> bool:
        return len(self._expressions) >= _IN_SUM

    def add(self, expression: Expression) -> tuple[engine.Predicate, int]:
        bit = 1 << len(self._expressions)
        self._expressions.append(expression)
        self._sums.clear()
        self._evaluated.clear()
        labels = expression.references.members("labels")
        self._names = tuple(sorted({*self._names, *expression.names} - {NOW}))
        self._labels = tuple(sorted({*self._labels, *labels}))
        self._previous = tuple(sorted({*self._previous, *expression.previous}))
        self._all_labels |= "labels" in expression.references.whole
        if expression.moments:
            before = self._moments.parts if self._moments else ()
            self._moments = Moments({*before, *expression.moments})

        def predicate(context: engine.Context) -> bool | None:
            """Return the truth; None when it fails because a value is not known yet."""
            facts: Facts = context  # type: ignore[assignment] # built by Vocabulary.context
            truths = facts.truths.get(self) or self.truths(facts)
            if truths.true & bit:
                return True
            return self._evaluate_alone(expression, facts) if truths.open & bit else False

        return predicate, bit

    def truths(self, facts: Facts) -> Truths:
        """Return what of the group is true of a subject; the same values are evaluated once."""
        truths = facts.truths.get(self)
        if truths is None:
            read = self._read(facts.given)
            if self._all_labels:
                truths = self._evaluate(self._values(read, facts.given))
            else:
                truths = self._evaluate_once(read, facts.given)
            facts.truths[self] = truths
        return truths

    def _evaluate_once(self, read: Sequence[Any], given: Mapping[str, Any]) -> Truths:
        key = self._key(read, given)
        truths = self._evaluated.get(key)
        if truths is None:
            truths = self._evaluate(self._values(read, given))
            if len(self._evaluated) >= _MOST_EVALUATED:
                self._evaluated.clear()
            self._evaluated[key] = truths
        return truths

    def _key(self, read: Sequence[Any], given: Mapping[str, Any]) -> tuple[object, ...]:
        """Return what is equal where the truth is: 1 is not 1.0, and 0.0 is not -0.0."""
        types = [*map(type, read)]
        key = (*read, *types)
        if float in types:
            key = (*key, *[repr(value) for value in read if value == 0])
        return key if self._moments is None else (*key, self._moments.read(given[NOW]))

    def _read(self, given: Mapping[str, Any]) -> list[Any]:
        """Return what is known of a subject: a missing label is "", a missing field null."""
        read = [given.get(name) for name in self._names]
        if self._labels:
            labels = given["labels"]
            read += [labels.get(name, "") for name in self._labels]
        if self._previous:
            previous = given["previous"]
            read += [previous.get(name) for name in self._previous]
        return read

    def _values(self, read: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the same as the library takes it."""
        names, labels = len(self._names), len(self._names) + len(self._labels)
        values = dict(zip(self._names, read[:names], strict=True))
        if self._moments is not None:
            values[NOW] = minute_of(given[NOW])
        if self._labels or self._all_labels:
            values["labels"] = dict(zip(self._labels, read[names:labels], strict=True))
        if self._all_labels:
            values["labels"].update(given["labels"])
        if self._previous:
            values["previous"] = dict(zip(self._previous, read[labels:], strict=True))
        return values

    def _evaluate(self, values: Mapping[str, Any]) -> Truths:
        everything = (1 << len(self._expressions)) - 1
        truths = self._evaluate_sum(frozenset(), values)
        if truths is None and (unknown := self._unknown(values)):
            truths = self._evaluate_sum(unknown, values)
        if truths is None:
            return Truths(0, everything)
        true, evaluated = truths
        return Truths(true, true | (everything & ~evaluated))

    def _unknown(self, values: Mapping[str, Any]) -> frozenset[str]:
        previous = values.get("previous", {})
        return frozenset(
            [name for name in self._names if values[name] is None]
            + [f"previous.{name}" for name in self._previous if previous[name] is None]
        )

    def _evaluate_sum(
        self, without: frozenset[str], values: Mapping[str, Any]
    ) -> tuple[int, int] | None:
        """Evaluate at once what reads none of these names; None where an error comes of it."""
        if without not in self._sums:
            if len(self._sums) >= _MOST_SUMS:
                return None
            self._sums[without] = self._sum(without)
        compiled, evaluated = self._sums[without]
        if compiled is None:
            return None
        try:
            true = compiled.eval(data=values).value()
        except (RuntimeError, ValueError, TypeError):
            return None
        return (true, evaluated) if isinstance(true, int) else None

    def _sum(self, without: frozenset[str]) -> tuple[cel.Expression | None, int]:
        bits = {
            1 << number: expression.source
            for number, expression in enumerate(self._expressions)
            if without.isdisjoint(expression.names)
            and without.isdisjoint(f"previous.{name}" for name in expression.previous)
        }
        try:
            return environment.compile_unchecked(_sum_of(bits)), sum(bits)
        except CompileErrors:  # nested too deeply, or too long
            return None, 0

    def _evaluate_alone(self, expression: Expression, facts: Facts) -> bool | None:
        try:
            return expression.evaluate(self._values(self._read(facts.given), facts.given))
        except engine.ExpressionError:
            if expression.is_unknown(facts.given):
                return None
            raise


def _sum_of(bits: Mapping[int, str]) -> str:
    # A line of its own for each, because an expression may end in a comment.
    terms = [f"((\n{source}\n)?{bit}:0)" for bit, source in bits.items()]
    parts = ["+".join(terms[start : start + _IN_TERM]) for start in range(0, len(terms), _IN_TERM)]
    return "+".join(f"({part})" for part in parts) or "0"


def _in_short(message: str) -> str:
    """Cut the library's message down to what it says first, without its code."""
    if match := _MISFIT.search(message):
        return f"{match[1].strip('_@') or match[1]!r} cannot be used on {match[2]}"
    first = message.partition("\n")[0].partition(" [")[0]
    code, colon, what = first.partition(": ")
    return (what if colon and code.isupper() else first).rstrip(".:")
