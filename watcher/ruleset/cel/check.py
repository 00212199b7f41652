"""What is wrong with an expression, in words of our own, and where.

Each way of finding it says more about a mistake than the one after it, so a later one is tried only
when those before find nothing: the syntax, the names and words, the types, and made-up subjects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cel_expr_python import cel

from watcher import engine, model
from watcher.config_types import zone_problem
from watcher.ruleset.cel import environment
from watcher.ruleset.cel.environment import MODULES, NOW, TYPES, CompileErrors
from watcher.ruleset.cel.mistakes import Problem, in_words, syntax_problem, type_problem
from watcher.ruleset.cel.program import Expression, Vocabulary
from watcher.ruleset.cel.references import OF_TIMES, References
from watcher.ruleset.problems import suggest
from watcher.vendors.vendor import Fields

LONGEST = 1_000  # characters
DEEPEST = 2  # macros inside one another
# What an expression can read of every subject, beside the fields of its kind.
COMMON = frozenset(
    {"labels", "previous", "subject", "phase", "vanished", "fault_domain", "expected_mbps", NOW}
)
_FUNCTIONS = frozenset(
    {"bool", "bytes", "contains", "double", "duration", "dyn", "endsWith", "int", "matches"}
    | {"size", "startsWith", "string", "timestamp", "type", "uint"}
    | {"charAt", "format", "indexOf", "join", "lastIndexOf", "lowerAscii", "replace", "reverse"}
    | {"split", "strings.quote", "substring", "trim", "upperAscii"}
    | {"math.abs", "math.bitAnd", "math.bitNot", "math.bitOr", "math.bitShiftLeft"}
    | {"math.bitShiftRight", "math.bitXor", "math.ceil", "math.floor", "math.greatest"}
    | {"math.isFinite", "math.isInf", "math.isNaN", "math.least", "math.round", "math.sign"}
    | {"math.sqrt", "math.trunc"}
    | OF_TIMES
)
_TRIED_AT = datetime(2026, 1, 1, tzinfo=UTC)  # when most parts of a time are 0
# What people write who know other languages.
_ELSEWHERE = {
    "abs": "math.abs",
    "existsOne": "exists_one",
    "len": "size",
    "length": "size",
    "lower": "lowerAscii",
    "max": "math.greatest",
    "min": "math.least",
    "round": "math.round",
    "strip": "trim",
    "toLowerCase": "lowerAscii",
    "toUpperCase": "upperAscii",
    "upper": "upperAscii",
}
# The first and the last that a part of a time can be, and what the first one is.
_PARTS = {
    "getDate": (1, 31, "the first day"),
    "getDayOfMonth": (0, 30, "the first day"),
    "getDayOfWeek": (0, 6, "Sunday"),
    "getDayOfYear": (0, 365, "1 January"),
    "getHours": (0, 23, "midnight"),
    "getMinutes": (0, 59, "the full hour"),
    "getMonth": (0, 11, "January"),
}


def problems_in(
    source: str, kinds: Sequence[Fields], common: frozenset[str] = COMMON
) -> Iterator[Problem]:
    """Yield what is wrong with an expression over subjects of these kinds.

    `common` are the names that it can read beside the fields of the kinds.
    """
    if len(source) > LONGEST:
        yield Problem(f"is longer than {LONGEST} characters")
        return
    try:
        expression = Expression(source)
    except CompileErrors as errors:
        yield syntax_problem(source, errors.errors[0])
        return
    references = expression.references
    if references.depth > DEEPEST:
        depth = references.depth
        yield Problem(f"nests {depth} macros (all, exists, map, filter); at most {DEEPEST}")
        return
    for check in (_names, _unknown_words, _types, _failed_trials):
        problems = list(check(source, references, kinds, common))
        yield from problems
        if problems:
            return


def _names(
    _: str, references: References, kinds: Sequence[Fields], common: frozenset[str]
) -> Iterator[Problem]:
    """Yield the names, functions and members that there are not."""
    fields = _fields(kinds)
    valid = fields | common
    for name, at in sorted({**references.names, **references.maps}.items()):
        if name not in {*valid, *TYPES, *MODULES}:
            yield Problem(f"{name!r} is not known{suggest(name, valid)}", at)
    for name, at in sorted(references.functions.items()):
        if name not in _FUNCTIONS:
            yield Problem(f"there is no function {name}(){_function_like(name)}", at)
    if "previous" in common:
        yield from _previous(references, fields)
    for zone, at in sorted(references.zones.items()):
        if not environment.knows_zone(zone):
            missing = f"this machine has no data of time zone {zone!r}: install tzdata"
            yield Problem(zone_problem(zone) or missing, at)
    for (owner, _name), at in sorted(references.tested.items()):
        if owner == "labels":
            hint = 'a missing label reads ""; compare with that'
        else:
            hint = "a field that is not known reads null; compare with that"
        yield Problem(f"has() is not needed: {hint}", at)


def _previous(references: References, fields: set[str]) -> Iterator[Problem]:
    for name, at in sorted(references.members("previous").items()):
        if name not in fields:
            yield Problem(f"previous.{name} is not known{suggest(name, fields)}", at)
    if "previous" in references.whole:
        yield Problem("previous must be read as previous.FIELD", references.whole["previous"])


def _fields(kinds: Sequence[Fields]) -> set[str]:
    return set.intersection(*(set(kind.names) for kind in kinds)) if kinds else set()


def _function_like(name: str) -> str:
    meant = _ELSEWHERE.get(name)
    for full in sorted(_FUNCTIONS):
        if full.partition(".")[2] == name:
            meant = full
    return f"; did you mean {meant}?" if meant else suggest(name, _FUNCTIONS)


def _unknown_words(
    _: str, references: References, kinds: Sequence[Fields], __: frozenset[str]
) -> Iterator[Problem]:
    """Yield the literals that a name is compared with and never equals in any kind."""
    valid = _valid(kinds)
    for name, literal in sorted(references.compared, key=lambda pair: (pair[0], pair[1].at)):
        plain = name.removeprefix("previous.")
        if name in _PARTS:
            first, last, what = _PARTS[name]
            if literal.kind == "a number" and not first <= float(literal.value) <= last:
                hint = f"it is {first} ({what}) to {last}"
                yield Problem(f"{name}() is never {literal.text}: {hint}", literal.at)
            continue
        expected = "a text" if name.startswith("labels.") else valid.get(plain)
        if isinstance(expected, frozenset):
            if literal.value not in expected:
                hint = suggest(literal.value, expected)
                yield Problem(f"{name} is never {literal.text}{hint}", literal.at)
        elif expected is not None and expected != literal.kind:
            yield Problem(f"{name} is never {literal.text}: it is {expected}", literal.at)


def _valid(kinds: Sequence[Fields]) -> dict[str, frozenset[str] | str]:
    """Return the words of each name that has a vocabulary, and what other names are."""
    valid: dict[str, frozenset[str] | str] = dict.fromkeys(TYPES, "a type")
    valid |= {
        "fault_domain": frozenset(model.FaultDomain),
        "phase": frozenset(model.Phase),
        "subject": "a text",
        "vanished": "true or false",
        "expected_mbps": "a number",
    }
    for kind in kinds:
        valid |= dict.fromkeys(kind.figures, "a number")
    for name in {name for kind in kinds for name in kind.words}:
        valid[name] = frozenset(word for kind in kinds for word in kind.words.get(name, ()))
    return valid


def _types(
    source: str, _: References, kinds: Sequence[Fields], common: frozenset[str]
) -> Iterator[Problem]:
    """Yield what does not fit the types of the fields."""
    try:
        result = environment.return_type(source, _variables(kinds, common))
    except CompileErrors as errors:
        yield from filter(None, (type_problem(error) for error in errors.errors))
        return
    if result not in {"bool", "dyn"}:
        yield Problem(f"evaluates to {in_words(result)}; expected true or false")


def _variables(kinds: Sequence[Fields], common: frozenset[str]) -> dict[str, cel.Type]:
    types: dict[str, cel.Type] = {}
    for name in _fields(kinds):
        is_word = {name in kind.words for kind in kinds}
        types[name] = cel.Type.DYN
        if len(is_word) == 1:
            types[name] = environment.TEXT if is_word.pop() else environment.NUMBER
    if "previous" in common:
        types |= {f"previous.{name}": of for name, of in types.items()}
    of_common = {
        "labels": environment.TEXT_MAP,
        "previous": environment.ANY_MAP,
        "vanished": cel.Type.BOOL,
        "expected_mbps": environment.NUMBER,
        NOW: cel.Type.TIMESTAMP,
    }
    return types | {name: of_common.get(name, cel.Type.STRING) for name in common}


def _failed_trials(
    source: str, _: References, kinds: Sequence[Fields], __: frozenset[str]
) -> Iterator[Problem]:
    """Evaluate an expression on made-up subjects of these kinds; yield the first failure."""
    vocabulary = Vocabulary()
    predicate = vocabulary.add(source)
    for kind in kinds or (Fields(),):
        for fields in kind.samples():
            given = {
                **fields,
                "previous": fields,
                "labels": {},
                "subject": "source/id",
                "phase": str(model.Phase.ON_AIR),
                "vanished": False,
                "fault_domain": str(model.FaultDomain.LUMEN),
                "expected_mbps": 50.5,
                NOW: _TRIED_AT,
            }
            try:
                predicate(vocabulary.context(given))
            except engine.ExpressionError as error:
                what = str(error).removeprefix(f"{source}: ")
                verb = "" if what.startswith("evaluates") else "fails: "
                yield Problem(f"{verb}{what} (on {_describe(fields)})")
                return


def _describe(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items()) or "a sample"
