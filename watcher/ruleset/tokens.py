"""Just enough of CEL's grammar to see which labels an expression reads and how deep it nests.

The library compiles and runs expressions; it does not tell these two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
          |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<number>\d[\w.]*)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>==|!=|.)""",
    re.VERBOSE | re.DOTALL,
)
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


class Token(NamedTuple):
    """A piece of an expression; `kind`: text, number, name or sign."""

    kind: str
    text: str


@dataclass(slots=True)
class Reading:
    """What an expression reads.

    `members` maps a name to what is read of it by a literal name (`labels.site`); `whole` are the
    names that are also used otherwise. `bound` are the variables of macros, `compared` the pairs
    of a name and a literal text, `tested` the members that has() asks for.
    """

    members: dict[str, set[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    compared: set[tuple[str, str]] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    depth: int = 0


def tokenize(source: str) -> list[Token]:
    """Split an expression that compiles."""
    return [
        Token(match.lastgroup or "", match.group())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    ]


def read(source: str) -> Reading:
    """See what an expression reads and how deep its macros nest."""
    tokens = [*tokenize(source), *[Token("end", "")] * 4]
    reading = Reading()
    macros: list[bool] = []  # for each open parenthesis, whether a macro opened it
    for place, token in enumerate(tokens):
        before = tokens[place - 1].text if place else ""
        first, second, third = tokens[place + 1 : place + 4] if token.kind != "end" else [token] * 3
        if token.text in {"(", "[", "{"}:
            macro = token.text == "(" and before in _MACROS and tokens[place - 2].text == "."
            macros.append(macro)
            reading.depth = max(reading.depth, sum(macros))
            if macro and first.kind == "name":
                reading.bound.add(first.text)
        elif token.text in {")", "]", "}"} and macros:
            macros.pop()
        elif token.kind == "name" and before != ".":
            _read_name(reading, token, (first, second, third))
            if before == "(" and place > 1 and tokens[place - 2].text == "has":
                reading.tested.add(token.text)
        reading.compared.update(_compared(token, first, second, before))
    return reading


def _read_name(reading: Reading, token: Token, after: tuple[Token, Token, Token]) -> None:
    first, second, third = after
    if first.text == "." and second.kind == "name" and third.text != "(":
        reading.members.setdefault(token.text, set()).add(second.text)
    elif first.text == "[" and second.kind == "text" and third.text == "]":
        reading.members.setdefault(token.text, set()).add(second.text.strip("\"'"))
    else:
        reading.whole.add(token.text)


def _compared(token: Token, first: Token, second: Token, before: str) -> Iterator[tuple[str, str]]:
    signs = {"==", "!="}
    if token.kind == "name" and first.text in signs and second.kind == "text" and before != ".":
        yield token.text, second.text.strip("\"'")
    if token.kind == "text" and first.text in signs and second.kind == "name":
        yield second.text, token.text.strip("\"'")
