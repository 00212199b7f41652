"""CEL expressions: analysed, checked against the vendors' vocabulary, tried on samples, compiled.

The library evaluates expressions but does not say which members of a map they read, so `analyse`
finds that in the tokens. With it a misspelt name or word is a problem of the file, found before
the daemon starts. CEL has no loops, but nested macros multiply and hold the interpreter, so their
depth and the length of an expression are limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cel

from watcher import engine, model
from watcher.ruleset import cel_words
from watcher.ruleset.cel_words import Token
from watcher.ruleset.problems import suggest
from watcher.vendors.vendor import Fields

LONGEST = 1_000  # characters
DEEPEST = 2  # macros inside one another
# What an expression can read of every subject, beside the fields of its kind.
_COMMON = frozenset(
    {"labels", "previous", "subject", "phase", "vanished", "fault_domain", "expected_mbps"}
)
_TYPES = frozenset(
    {"bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string"}
    | {"timestamp", "type", "uint"}
)
_FUNCTIONS = frozenset(
    {"bool", "bytes", "contains", "double", "duration", "dyn", "endsWith", "int", "matches"}
    | {"max", "min", "size", "startsWith", "string", "timestamp", "type", "uint"}
)
_OPERATORS = ("_", "@", "!", "-_")  # how the library names them among functions
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
# What the library raises when an expression cannot be evaluated.
_FAILURES = (RuntimeError, TypeError, ValueError, LookupError, ArithmeticError)
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
          |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<number>\d[\w.]*)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>==|!=|.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class References:
    """What an expression refers to.

    `members` maps a name to the members that are read by a literal name (`labels.site`); `whole`
    are the names that are used in any other way. `bound` are the variables of macros, `compared`
    the pairs of a name and a literal, `tested` the names whose members has() asks for.
    """

    members: dict[str, set[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    compared: set[tuple[str, cel_words.Literal]] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    depth: int = 0  # of nested macros


def tokenize(source: str) -> list[Token]:
    """Split an expression that compiles."""
    return [
        Token(match.lastgroup or "", match.group())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    ]


def analyse(source: str) -> References:
    """Return what an expression that compiles refers to, and how deep its macros nest."""
    tokens = [*tokenize(source), *[Token("end", "")] * 4]
    references = References()
    macros: list[bool] = []  # for each open parenthesis, whether a macro opened it
    for place, token in enumerate(tokens):
        before = tokens[place - 1].text if place else ""
        first, second, third = tokens[place + 1 : place + 4] if token.kind != "end" else [token] * 3
        if token.text in {"(", "[", "{"}:
            macro = token.text == "(" and before in _MACROS and tokens[place - 2].text == "."
            macros.append(macro)
            references.depth = max(references.depth, sum(macros))
            if macro and first.kind == "name":
                references.bound.add(first.text)
        elif token.text in {")", "]", "}"} and macros:
            macros.pop()
        elif token.kind == "name" and before != ".":
            _add_name(references, token, (first, second, third))
            if before == "(" and place > 1 and tokens[place - 2].text == "has":
                references.tested.add(token.text)
    references.compared = cel_words.compared(tokenize(source))
    return references


def _add_name(references: References, token: Token, after: tuple[Token, Token, Token]) -> None:
    first, second, third = after
    if first.text == "." and second.kind == "name" and third.text != "(":
        references.members.setdefault(token.text, set()).add(second.text)
    elif first.text == "[" and second.kind == "text" and third.text == "]":
        references.members.setdefault(token.text, set()).add(cel_words.text_of(second))
    else:
        references.whole.add(token.text)


class Facts:
    """One subject as expressions read it: the library's context, and what it was built from."""

    __slots__ = ("context", "given")

    def __init__(self, context: cel.Context, given: Mapping[str, Any]) -> None:
        self.context = context
        self.given = given


@dataclass(slots=True)
class Vocabulary:
    """The names that the expressions of a ruleset read; a context holds no others."""

    names: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    previous: set[str] = field(default_factory=set)
    all_labels: bool = False

    def add(self, program: cel.Program, references: References) -> None:
        """Add what one expression reads."""
        self.names.update(set(program.variables()) - {"labels", "previous"} - _TYPES)
        self.labels |= references.members.get("labels", set())
        self.previous |= references.members.get("previous", set())
        self.all_labels |= "labels" in references.whole

    def context(self, given: Mapping[str, Any]) -> Facts:
        """Build the context of one subject: a missing label reads "", a missing field null."""
        values: dict[str, Any] = {name: given.get(name) for name in self.names}
        if self.labels or self.all_labels:
            labels = given["labels"]
            values["labels"] = {name: labels.get(name, "") for name in self.labels}
            if self.all_labels:
                values["labels"].update(labels)
        if self.previous:
            previous = given["previous"]
            values["previous"] = {name: previous.get(name) for name in self.previous}
        return Facts(cel.Context(values), given)


def problems_in(
    source: str, kinds: Sequence[Fields], common: frozenset[str] = _COMMON
) -> Iterator[str]:
    """Yield what is wrong with an expression over subjects of these kinds.

    `common` are the names that it can read beside the fields of the kinds.
    """
    if len(source) > LONGEST:
        yield f"is longer than {LONGEST} characters"
        return
    try:
        program = cel.compile(source)
    except ValueError as error:
        yield f"not valid CEL: {_syntax_error(str(error))}"
        return
    references = analyse(source)
    if references.depth > DEEPEST:
        yield f"nests {references.depth} macros (all, exists, map, filter); at most {DEEPEST}"
        return
    unknown = list(_unknown_names(program, references, kinds, common))
    yield from unknown
    if not unknown:
        yield from _failed_trials(program, source, kinds)


def _unknown_names(
    program: cel.Program, references: References, kinds: Sequence[Fields], common: frozenset[str]
) -> Iterator[str]:
    fields = set.intersection(*(set(kind.names) for kind in kinds)) if kinds else set()
    for name in sorted(set(program.variables()) - references.bound - _TYPES):
        if name not in fields and name not in common:
            yield f"{name!r} is not known{suggest(name, fields | common)}"
    for name in sorted(set(program.functions())):
        if not name.startswith(_OPERATORS) and name not in _FUNCTIONS:
            yield f"there is no function {name}(){suggest(name, _FUNCTIONS)}"
    for name in sorted(references.members.get("previous", ())):
        if name not in fields:
            yield f"previous.{name} is not known{suggest(name, fields)}"
    if "previous" in references.whole:
        yield "previous must be read as previous.FIELD"
    if "labels" in references.tested:
        yield 'has() is not needed: a missing label reads ""; compare with that'
    yield from _unknown_words(references, kinds)


def _unknown_words(references: References, kinds: Sequence[Fields]) -> Iterator[str]:
    """Yield the literals that a name is compared with and never equals in any kind."""
    valid = _valid(kinds)
    for name, literal in sorted(references.compared, key=str):
        plain = name.removeprefix("previous.")
        expected = "a text" if name.startswith("labels.") else valid.get(plain)
        if isinstance(expected, frozenset):
            if literal.value not in expected:
                yield f"{name} is never {literal.text}{suggest(str(literal.value), expected)}"
        elif expected is not None and expected != literal.kind:
            yield f"{name} is never {literal.text}: it is {expected}"


def _valid(kinds: Sequence[Fields]) -> dict[str, frozenset[str] | str]:
    """Return the words of each name that has a vocabulary, and what other names are."""
    valid: dict[str, frozenset[str] | str] = dict.fromkeys(_TYPES, "a type")
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


def _failed_trials(program: cel.Program, source: str, kinds: Sequence[Fields]) -> Iterator[str]:
    """Evaluate an expression on made-up subjects of these kinds; yield the first failure."""
    vocabulary = Vocabulary()
    vocabulary.add(program, analyse(source))
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
            }
            try:
                result = program.execute(vocabulary.context(given).context)
            except _FAILURES as error:
                yield f"fails on {_describe(fields)}: {_first_sentence(error)}"
                return
            if not isinstance(result, bool):
                yield f"evaluates to {result!r} on {_describe(fields)}; expected true or false"
                return


def refers_to(source: str, name: str) -> bool:
    """Return whether an expression reads a name. Raises ValueError for invalid CEL."""
    return name in cel.compile(source).variables()


def compile_predicate(source: str, vocabulary: Vocabulary) -> engine.Predicate:
    """Compile an expression that `problems_in` finds nothing wrong with."""
    program = cel.compile(source)
    references = analyse(source)
    vocabulary.add(program, references)
    variables = set(program.variables()) - {"labels", "previous"} - _TYPES
    names = tuple(sorted(variables - references.bound))
    previous = tuple(sorted(references.members.get("previous", ())))
    execute = program.execute

    def predicate(context: engine.Context) -> bool | None:
        """Return the truth; None when the expression fails because a value is not known yet."""
        facts: Facts = context  # type: ignore[assignment] # built by Vocabulary.context
        try:
            result = execute(facts.context)
        except _FAILURES as error:
            given = facts.given
            if any(given.get(name) is None for name in names) or any(
                given["previous"].get(name) is None for name in previous
            ):
                return None
            raise engine.ExpressionError(f"{source}: {_first_sentence(error)}") from error
        if result is True or result is False:
            return result
        raise engine.ExpressionError(f"{source}: evaluates to {result!r}; expected true or false")

    return predicate


def _syntax_error(message: str) -> str:
    """Cut the library's message down to where and what: its list of tokens helps nobody."""
    detail = message.partition("ERROR: <input>:")[2].splitlines()[0] if "ERROR:" in message else ""
    where, _, what = detail.partition(": ")
    line, _, column = where.partition(":")
    what = what.partition(" expecting ")[0].removeprefix("Syntax error: ")
    return f"at line {line}, character {column}: {what}" if detail else message.splitlines()[0]


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". ")[0].splitlines()[0].rstrip(".:")


def _describe(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items()) or "a sample"
