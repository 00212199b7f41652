"""The syntax tree of an expression, as the library serializes it.

It is a protobuf message (`cel.expr.ParsedExpr`), whose schema the library does not bring along. So
little of it is needed that it is read here: the numbers are those of the fields in the published
`cel/expr/syntax.proto`, which never change their meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple, cast

from msgspec import Struct
from msgspec.structs import replace

_TYPE = b"type.googleapis.com/cel.expr.ParsedExpr"
_CONSTANTS = {1: "null", 2: "bool", 3: "int", 4: "uint", 5: "double", 6: "string", 7: "bytes"}


class Kind(Enum):
    """What a node is."""

    CONSTANT = auto()
    NAME = auto()
    SELECT = auto()  # `operand.field`
    HAS = auto()  # `has(operand.field)`
    CALL = auto()  # of an operator, a function, or a method on its first part
    LIST = auto()
    MAP = auto()  # keys and values by turns
    MACRO = auto()  # its range, then what is done with each item


class Node(Struct, frozen=True):
    """A part of an expression, and where its sign or its first letter is."""

    kind: Kind
    at: int = 0  # characters before it
    text: str = ""  # a name, a field, a function
    value: object = None  # of a constant
    type: str = ""  # of a constant
    parts: tuple[Node, ...] = ()
    bound: frozenset[str] = frozenset()  # the variables of a macro, for all parts but the first
    method: bool = False  # a call on its first part
    message: bytes = b""  # as the library has it


class _Field(NamedTuple):
    number: int
    value: int | bytes

    @property
    def message(self) -> bytes:
        return cast("bytes", self.value)

    @property
    def text(self) -> str:
        return self.message.decode()


def read(serialized: bytes) -> Node:
    """Return the tree of a parsed expression."""
    message = _only(serialized, 2)  # the `value` of an Any
    positions = {}
    for field in _fields(_only(message, 3)):
        if field.number == 4:  # `positions`: a map from ids to offsets
            entry = {part.number: part.value for part in _fields(field.message)}
            positions[entry.get(1, 0)] = entry.get(2, 0)
    return _node(_only(message, 2), cast("dict[int, int]", positions))


def serialize(node: Node) -> bytes:
    """Return a part of an expression as the library serializes a whole one."""
    return _written(1, _TYPE) + _written(2, _written(2, node.message))


def _node(message: bytes, positions: dict[int, int]) -> Node:
    at = 0
    node = Node(Kind.CONSTANT)
    for field in _fields(message):
        match field.number:
            case 2:
                at = positions.get(cast("int", field.value), 0)
            case 3:
                node = _constant(field.message, at)
            case 4:
                node = Node(Kind.NAME, at, text=_only(field.message, 1).decode())
            case 5:
                node = _select(field.message, at, positions)
            case 6:
                node = _call(field.message, at, positions)
            case 7:
                parts = [part for part in _fields(field.message) if part.number == 1]
                node = Node(Kind.LIST, at, parts=_nodes(parts, positions))
            case 8:
                node = _map(field.message, at, positions)
            case 9:
                node = _macro(field.message, at, positions)
    return replace(node, message=message)


def _nodes(fields: list[_Field], positions: dict[int, int]) -> tuple[Node, ...]:
    return tuple(_node(field.message, positions) for field in fields)


def _constant(message: bytes, at: int) -> Node:
    number, raw = next(iter(_fields(message)), _Field(1, 0))
    value: object = raw
    match number:
        case 1:
            value = None
        case 2:
            value = bool(raw)
        case 3:
            value = raw - (1 << 64) if isinstance(raw, int) and raw >> 63 else raw
        case 5:
            (value,) = struct.unpack("<d", cast("bytes", raw))
        case 6:
            value = cast("bytes", raw).decode()
    return Node(Kind.CONSTANT, at, value=value, type=_CONSTANTS.get(number, ""))


def _select(message: bytes, at: int, positions: dict[int, int]) -> Node:
    fields = list(_fields(message))
    name = next((field.text for field in fields if field.number == 2), "")
    tested = any(field.number == 3 and field.value for field in fields)
    operand = _nodes([field for field in fields if field.number == 1], positions)
    return Node(Kind.HAS if tested else Kind.SELECT, at, text=name, parts=operand)


def _call(message: bytes, at: int, positions: dict[int, int]) -> Node:
    fields = list(_fields(message))
    target = [field for field in fields if field.number == 1]
    arguments = [field for field in fields if field.number == 3]
    name = next((field.text for field in fields if field.number == 2), "")
    parts = _nodes([*target, *arguments], positions)
    return Node(Kind.CALL, at, text=name, parts=parts, method=bool(target))


def _map(message: bytes, at: int, positions: dict[int, int]) -> Node:
    parts: list[_Field] = []
    for entry in _fields(message):
        if entry.number == 2:
            parts += [field for field in _fields(entry.message) if field.number in {3, 4}]
    return Node(Kind.MAP, at, parts=_nodes(parts, positions))


def _macro(message: bytes, at: int, positions: dict[int, int]) -> Node:
    fields = list(_fields(message))
    bound = frozenset(field.text for field in fields if field.number in {1, 3, 8})
    parts = sorted(field for field in fields if field.number in {2, 4, 5, 6, 7})
    return Node(Kind.MACRO, at, parts=_nodes(parts, positions), bound=bound)


def _only(message: bytes, number: int) -> bytes:
    """Return the one part of a message that has this number; empty where it is left out."""
    return next((field.message for field in _fields(message) if field.number == number), b"")


def _fields(message: bytes) -> Iterator[_Field]:
    """Yield the fields of a message, in the order of their numbers where the writer sorts them."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            whole, place = _varint(message, place)
            yield _Field(number, whole)
            continue
        if wire == 2:
            length, place = _varint(message, place)
        else:
            length = 8 if wire == 1 else 4
        yield _Field(number, message[place : place + length])
        place += length


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7


def _written(number: int, message: bytes) -> bytes:
    length = len(message)
    parts = [number << 3 | 2]
    while length > 127:
        parts.append(length & 127 | 128)
        length >>= 7
    return bytes([*parts, length]) + message
