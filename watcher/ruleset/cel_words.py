"""Finds the literals that an expression compares names with, so that a misspelt one is reported.

The library offers no syntax tree, so this looks for operands of `==`, `!=` and `in` among tokens:
a name, `previous.FIELD`, a literal, or a list of those, in any parentheses. What is part of a
larger term, as in `"off" + suffix == state`, is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cel

_COMPARISONS = frozenset({"==", "!=", "in"})
_BEFORE = frozenset({"", "(", "[", "{", ",", "&", "|", "!", "?", ":"})
_AFTER = frozenset({"", ")", "]", "}", ",", "&", "|", "?", ":", "==", "!="})
_TRANSPARENT = frozenset({"dyn", "string"})  # functions that leave a word as it is
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


class Token(NamedTuple):
    """A piece of an expression; `kind`: text, number, name, sign, or end."""

    kind: str
    text: str


class Literal(NamedTuple):
    """A value in an expression; `kind` is "a text", "a number" or "true or false"."""

    kind: str
    text: str  # as messages quote it
    value: str


class Operand(NamedTuple):
    """What may be compared: a name or a literal, or a list of them."""

    names: frozenset[str] = frozenset()
    literals: frozenset[Literal] = frozenset()


Part = Token | Operand


def compared(tokens: Sequence[Token]) -> set[tuple[str, Literal]]:
    """Return the pairs of a name and a literal that an expression compares."""
    parts = _join(tokens)
    variables = _variables(parts)
    pairs: set[tuple[str, Literal]] = set()
    for place, part in enumerate(parts):
        if not isinstance(part, Token) or part.text not in _COMPARISONS:
            continue
        left, right = _at(parts, place - 1), _at(parts, place + 1)
        outside = _sign(_at(parts, place - 2)) in _BEFORE and _sign(_at(parts, place + 2)) in _AFTER
        if outside and isinstance(left, Operand) and isinstance(right, Operand):
            left, right = _resolve(left, variables), _resolve(right, variables)
            pairs |= {(name, literal) for name in left.names for literal in right.literals}
            pairs |= {(name, literal) for name in right.names for literal in left.literals}
    return pairs


def text_of(token: Token) -> str:
    """Return the text that a literal stands for."""
    value = cel.evaluate(token.text)
    return value if isinstance(value, str) else token.text


def _join(tokens: Sequence[Token]) -> list[Part]:
    """Return the tokens with those of each operand joined."""
    parts: list[Part] = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1].text if place + 1 < len(tokens) else ""
        operand = _operand(token, after)
        parts.append(token if operand is None else operand)
        while _reduce(parts):
            pass
    return parts


def _operand(token: Token, after: str) -> Operand | None:
    """Return a token that is an operand by itself; the name of a function is none."""
    if token.kind == "text":
        text = text_of(token)
        return Operand(literals=frozenset({Literal("a text", repr(text), text)}))
    if token.kind == "number":
        return Operand(literals=frozenset({Literal("a number", token.text, token.text)}))
    if token.kind != "name" or token.text == "in" or after == "(":
        return None
    if token.text in {"true", "false"}:
        return Operand(literals=frozenset({Literal("true or false", token.text, token.text)}))
    return Operand() if token.text == "null" else Operand(names=frozenset({token.text}))


def _reduce(parts: list[Part]) -> bool:
    """Join the last parts to one operand; return whether they are one."""
    last, inner = _at(parts, len(parts) - 1), _at(parts, len(parts) - 2)
    if isinstance(last, Operand):
        owner = _at(parts, len(parts) - 3)
        return _sign(inner) == "." and _join_member(parts, owner, last.names, 3)
    if _sign(last) == ")" and isinstance(inner, Operand):
        return _drop_parentheses(parts, inner)
    if _sign(last) == "]":
        return _join_list(parts)
    return False


def _join_member(parts: list[Part], owner: Part | None, names: frozenset[str], count: int) -> bool:
    """Join `previous.state`, or `previous["state"]`."""
    if not isinstance(owner, Operand) or len(owner.names) != 1 or len(names) != 1:
        return False
    (name,), (member,) = owner.names, names
    parts[-count:] = [Operand(names=frozenset({f"{name}.{member}"}))]
    return True


def _drop_parentheses(parts: list[Part], inner: Operand) -> bool:
    if _sign(_at(parts, len(parts) - 3)) != "(":
        return False
    function = _at(parts, len(parts) - 4)
    count = 3
    if isinstance(function, Token) and function.kind == "name" and function.text != "in":
        if function.text not in _TRANSPARENT or _sign(_at(parts, len(parts) - 5)) == ".":
            return False
        count = 4
    parts[-count:] = [inner]
    return True


def _join_list(parts: list[Part]) -> bool:
    start = len(parts) - 1
    while start >= 0 and _sign(parts[start]) != "[":
        start -= 1
    items = parts[start + 1 : -1]
    if start < 0 or not all(isinstance(item, Operand) or item.text == "," for item in items):
        return False
    operands = [item for item in items if isinstance(item, Operand)]
    owner = _at(parts, start - 1)
    if isinstance(owner, Operand):  # an index
        texts = frozenset(literal.value for item in operands for literal in item.literals)
        return _join_member(parts, owner, texts, len(parts) - start + 1)
    if _sign(owner) in {")", "]"}:
        return False
    names = frozenset(name for item in operands for name in item.names)
    literals = frozenset(literal for item in operands for literal in item.literals)
    parts[start:] = [Operand(names, literals)]
    return True


def _variables(parts: Sequence[Part]) -> dict[str, Operand]:
    """Return the variables of macros, as the operand that they stand for."""
    variables: dict[str, Operand] = {}
    for place, part in enumerate(parts):
        variable, owner = _at(parts, place + 2), _at(parts, place - 2)
        is_macro = _sign(part) in _MACROS and _sign(_at(parts, place - 1)) == "."
        if is_macro and isinstance(variable, Operand):
            given = owner if isinstance(owner, Operand) else Operand()
            variables |= dict.fromkeys(variable.names, given)
    return variables


def _resolve(operand: Operand, variables: dict[str, Operand]) -> Operand:
    """Return an operand with what its variables stand for."""
    stands = [variables.get(name, Operand(frozenset({name}))) for name in operand.names]
    names = frozenset(name for other in stands for name in other.names)
    literals = frozenset(literal for other in stands for literal in other.literals)
    return Operand(names, operand.literals | literals)


def _at(parts: Sequence[Part], place: int) -> Part | None:
    return parts[place] if 0 <= place < len(parts) else None


def _sign(part: Part | None) -> str | None:
    """Return the text of a token, nothing beyond both ends, and None for an operand."""
    return "" if part is None else part.text if isinstance(part, Token) else None
