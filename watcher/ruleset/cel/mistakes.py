"""What the library says about a mistake, in words of our own.

Its messages name tokens and types of its grammar, which the people who write rules do not know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from watcher.ruleset.cel.environment import CompileError

_END = "<EOF>"
_MISSING = re.compile(r"missing '(.+)' at '(.*)'$", re.DOTALL)
_UNEXPECTED = re.compile(
    r"(?:mismatched input|extraneous input|token recognition error at:"
    r"|no viable alternative at input) '(.*)'$",
    re.DOTALL,
)
_MEANT = {"and": "&&", "&": "&&", "or": "||", "|": "||", "not": "!", "is": "==", "=": "=="}
_NUMBERS = frozenset({"int", "uint", "double", "wrapper(double)"})
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'$")
_LIST = re.compile(r"list\((.*)\)$")
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"})
_WORDS = {
    "bool": "true or false",
    "bytes": "bytes",
    "double": "a number",
    "duration": "a duration",
    "dyn": "a value of any type",
    "google.protobuf.Duration": "a duration",
    "google.protobuf.Timestamp": "a time",
    "int": "a whole number",
    "null": "null",
    "null_type": "null",
    "string": "a text",
    "timestamp": "a time",
    "uint": "a whole number",
    "wrapper(double)": "a number",
    "wrapper(string)": "a text",
}


class Problem(NamedTuple):
    """What is wrong, and how many characters of the expression are before that."""

    what: str
    at: int = 0


def syntax_problem(source: str, error: CompileError) -> Problem:
    """Return a mistake in the syntax, with its place: an expression may have several lines."""
    what = error.what.partition(" expecting ")[0].removeprefix("Syntax error: ")
    if not source.strip():
        what = "it is empty"
    elif error.at is None:
        what = "nested too deeply" if "recursion" in what else what
    else:
        before = source[: error.at].split("\n")
        what = f"at line {len(before)}, character {len(before[-1]) + 1}: {_syntax(what)}"
    return Problem(f"not valid CEL: {what}", error.at or 0)


def _syntax(what: str) -> str:
    if match := _MISSING.match(what):
        before = "at the end" if match[2] == _END else f"before {match[2]!r}"
        return f"{match[1]!r} is missing {before}"
    match = _UNEXPECTED.match(what)
    if match is None:
        return what
    token = match[1].strip()
    if token == _END:
        return "it ends too early"
    if token[:1] in {"'", '"'}:
        return "a text does not end, or has a backslash that means nothing"
    meant = _MEANT.get(token.casefold())
    return f"unexpected {token!r}" + (f"; did you mean {meant}?" if meant else "")


def type_problem(error: CompileError) -> Problem | None:
    """Return what does not fit the types; None where it is right when it runs."""
    at, what = error.at or 0, error.what
    if match := _OVERLOAD.match(what):
        name, arguments = match[1], _split(match[2])
        items = {_LIST.sub(r"\1", argument) for argument in arguments}
        if name in _COMPARISONS and items <= _NUMBERS:
            return None  # numbers of two types are compared by their values
        return Problem(_misuse(name, arguments), at)
    if match := re.match(r"expression of type '(.+)' cannot be (.*?)(?: \(|$)", what):
        part = "read by the name of a member" if "select" in match[2] else "gone through by a macro"
        return Problem(f"{in_words(match[1])} cannot be {part}", at)
    if match := re.match(r"undeclared reference to '(.+?)'", what):
        return Problem(f"{match[1]}() cannot be called in this way", at)
    return Problem(f"not accepted: {what}", at)


def _misuse(name: str, arguments: Sequence[str]) -> str:
    words = [in_words(argument) for argument in arguments]
    if name == "_?_:_":
        if arguments[0] not in {"bool", "dyn"}:
            return f"'? :' asks what is true or false; this is {words[0]}"
        return f"the two sides of '? :' are of one type; these are {words[1]} and {words[2]}"
    if name == "_[_]":
        return f"{words[0]} has no members by {words[1]}"
    if name.startswith(("_", "@", "!", "-")):
        numbers = set(arguments) & _NUMBERS
        hint = ": write a whole number as 2.0" if len(numbers) > 1 else ""
        return f"{name.strip('_@')!r} cannot be used on {' and '.join(words)}{hint}"
    given = " and ".join(words) if len(words) < 3 else ", ".join(words)
    return f"{name}() cannot be used on {given}"


def _split(arguments: str) -> list[str]:
    """Split the types of arguments at the commas that are in no parentheses."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def in_words(type_: str) -> str:
    """Return a type as people call it."""
    for start in ("list", "map", "type"):
        if type_.startswith(start):
            return f"a {start}"
    return _WORDS.get(type_, type_)
