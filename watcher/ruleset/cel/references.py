"""What an expression refers to: names, their members, functions, and the words it compares.

A literal that a name is compared with is found wherever it stands: on either side of `==`, `!=` and
`in`, in lists, in parentheses, and behind the variable of a macro. What is part of a larger term,
as in `"off" + suffix == state`, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from watcher.ruleset.cel.environment import MODULES, NOW
from watcher.ruleset.cel.tree import Kind, Node

MAPS = frozenset({"labels", "previous"})  # names whose members are read by their own names
OF_TIMES = frozenset(
    {"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours"}
    | {"getMilliseconds", "getMinutes", "getMonth", "getSeconds"}
)
_COMPARISONS = frozenset({"_==_", "_!=_", "@in"})
_TRANSPARENT = frozenset({"dyn", "string"})  # functions that leave a word as it is
_TYPES = {"string": "a text", "bool": "true or false"} | dict.fromkeys(
    ("int", "uint", "double"), "a number"
)


class Literal(NamedTuple):
    """A value in an expression; `kind` is "a text", "a number" or "true or false"."""

    kind: str
    text: str  # as messages quote it
    value: str
    at: int


class Operand(NamedTuple):
    """What may be compared: names and literals, one of them or a list."""

    names: frozenset[str] = frozenset()
    literals: frozenset[Literal] = frozenset()


class References(Struct):
    """What an expression refers to; numbers are the characters before it, where it first stands.

    `names` are those that are read, with the members of `labels` and `previous` apart: `dotted`
    (`labels.site`), `indexed` (`labels["site"]`) and `tested` (`has(labels.site)`). In `whole` are
    those of the two that are used in any other way.
    """

    names: dict[str, int] = field(default_factory=dict)
    dotted: dict[tuple[str, str], int] = field(default_factory=dict)
    indexed: dict[tuple[str, str], int] = field(default_factory=dict)
    tested: dict[tuple[str, str], int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    zones: dict[str, int] = field(default_factory=dict)  # that parts of a time are read in
    compared: set[tuple[str, Literal]] = field(default_factory=set)
    depth: int = 0  # of nested macros

    @property
    def maps(self) -> dict[str, int]:
        """Which of the two maps are read in any way, and where."""
        members = {**self.dotted, **self.indexed, **self.tested}
        return {owner: at for (owner, _), at in members.items()} | self.whole

    def members(self, name: str) -> dict[str, int]:
        """Return the members of a map that are read by name, and where."""
        of_map: dict[str, int] = {}
        for members in (self.dotted, self.indexed, self.tested):
            of_map |= {member: at for (owner, member), at in members.items() if owner == name}
        return of_map


def analyse(root: Node) -> References:
    """Return what an expression refers to."""
    references = References()
    _visit(root, {}, 0, references)
    return references


def _visit(node: Node, bound: Mapping[str, Operand], depth: int, into: References) -> None:
    match node.kind:
        case Kind.NAME if node.text not in bound:
            if node.text in MAPS:
                into.whole.setdefault(node.text, node.at)
            else:
                into.names.setdefault(node.text, node.at)
        case Kind.SELECT | Kind.HAS if _is_map(node.parts[0], bound):
            members = into.dotted if node.kind is Kind.SELECT else into.tested
            members.setdefault((node.parts[0].text, node.text), node.parts[0].at)
        case Kind.MACRO:
            _visit(node.parts[0], bound, depth, into)
            into.depth = max(into.depth, depth + 1)
            over = _operand(node.parts[0], bound) or Operand()
            inside = {**bound, **dict.fromkeys(node.bound, over)}
            for part in node.parts[1:]:
                _visit(part, inside, depth + 1, into)
        case Kind.CALL:
            _visit_call(node, bound, depth, into)
        case _:
            for part in node.parts:
                _visit(part, bound, depth, into)


def _visit_call(node: Node, bound: Mapping[str, Operand], depth: int, into: References) -> None:
    parts = node.parts
    if node.text == "_[_]" and _is_map(parts[0], bound) and parts[1].type == "string":
        into.indexed.setdefault((parts[0].text, str(parts[1].value)), parts[0].at)
        return
    name = node.text
    if node.method and parts[0].kind is Kind.NAME and parts[0].text in MODULES - bound.keys():
        name, parts = f"{parts[0].text}.{name}", parts[1:]
    if _is_named(name):
        into.functions.setdefault(name, max(0, node.at - len(node.text)))
    if node.method and node.text in OF_TIMES and len(parts) == 2 and parts[1].type == "string":
        into.zones.setdefault(str(parts[1].value), parts[1].at)
    if node.text in _COMPARISONS:
        left, right = (_operand(part, bound) for part in parts)
        if left is not None and right is not None:
            into.compared |= {(name, word) for name in left.names for word in right.literals}
            into.compared |= {(name, word) for name in right.names for word in left.literals}
    for part in parts:
        _visit(part, bound, depth, into)


def _operand(node: Node, bound: Mapping[str, Operand]) -> Operand | None:
    """Return what a part of a comparison stands for; None where it is a larger term."""
    match node.kind:
        case Kind.CONSTANT:
            return _constant(node)
        case Kind.NAME:
            return bound.get(node.text, Operand(frozenset({node.text})))
        case Kind.SELECT if _is_map(node.parts[0], bound):
            return Operand(frozenset({f"{node.parts[0].text}.{node.text}"}))
        case Kind.LIST | Kind.MAP:  # what is in a map is one of its keys
            parts = node.parts[::2] if node.kind is Kind.MAP else node.parts
            return _joined(_operand(part, bound) for part in parts)
        case Kind.CALL:
            return _call(node, bound)
        case _:
            return None


def _constant(node: Node) -> Operand:
    if node.type not in _TYPES:
        return Operand()
    value = str(node.value).lower() if node.type == "bool" else str(node.value)
    text = repr(value) if node.type == "string" else value
    return Operand(literals=frozenset({Literal(_TYPES[node.type], text, value, node.at)}))


def _call(node: Node, bound: Mapping[str, Operand]) -> Operand | None:
    if node.text in _TRANSPARENT and len(node.parts) == 1:
        return _operand(node.parts[0], bound)
    if node.text == "_[_]" and _is_map(node.parts[0], bound) and node.parts[1].type == "string":
        return Operand(frozenset({f"{node.parts[0].text}.{node.parts[1].value}"}))
    if node.method and node.text in OF_TIMES and _is_time(node.parts[0], bound):
        return Operand(frozenset({node.text}))
    return None


def _joined(operands: Iterator[Operand | None]) -> Operand:
    """Return several together; a larger term among them says nothing about the others."""
    simple = [operand for operand in operands if operand is not None]
    names = frozenset(name for operand in simple for name in operand.names)
    return Operand(names, frozenset(word for operand in simple for word in operand.literals))


def _is_time(node: Node, bound: Mapping[str, Operand]) -> bool:
    """Whether it is surely a time: a duration has hours as well, and more than 23."""
    if node.kind is Kind.CALL:
        return node.text == "timestamp"
    return node.kind is Kind.NAME and node.text == NOW and node.text not in bound


def _is_map(node: Node, bound: Mapping[str, Operand]) -> bool:
    return node.kind is Kind.NAME and node.text in MAPS and node.text not in bound


def _is_named(function: str) -> bool:
    """Whether a function has a name that people write: neither an operator nor of a macro."""
    return not function.startswith(("_", "@", "!", "-")) and "@" not in function
