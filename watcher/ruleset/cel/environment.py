"""What the library has to know before it compiles: names, their types, the extensions.

An expression is compiled twice. The first time each name has the type that its field has, so that
mistakes are found before the daemon starts. The second time nothing is checked: a vendor may leave
a field out, and it then is null, which no declared type allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

TYPES = frozenset(  # whose names are values
    {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}
)
NOW = "now"
MODULES = frozenset({"math", "strings"})  # what the names of some functions begin with
TEXT = cel.Type("google.protobuf.StringValue")  # or null
NUMBER = cel.Type("google.protobuf.DoubleValue")  # or null
ANY_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
TEXT_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.STRING)

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


class CompileError(NamedTuple):
    """What the library says about one place of an expression."""

    at: int | None  # characters before it; None: all of it
    what: str


class CompileErrors(Exception):  # noqa: N818  # several of them
    """An expression does not compile."""

    def __init__(self, errors: tuple[CompileError, ...]) -> None:
        super().__init__(errors)
        self.errors = errors


@cache
def _extensions() -> list[cel.CelExtensionBase]:
    return [ext_strings.ExtStrings(), ext_math.ExtMath()]


@cache
def _untyped() -> cel.Env:
    # A time is taken only for what is declared to be one.
    return cel.NewEnv(variables={NOW: cel.Type.TIMESTAMP}, extensions=_extensions())


def compile_unchecked(source: str) -> cel.Expression:
    """Compile an expression for evaluation, whatever it reads. Raises CompileErrors."""
    return _compile(_untyped(), source, checked=False)


def compile_tree(serialized: bytes) -> cel.Expression:
    """Return the expression of a serialized tree, as it is for evaluation."""
    return _untyped().deserialize(serialized)


@cache
def knows_zone(name: str) -> bool:
    """Return whether a time can be read in a zone: the library reads the machine's own files."""
    result = compile_unchecked("timestamp(0).getHours(zone)").eval(data={"zone": name})
    return result.type() == cel.Type.INT


def return_type(source: str, variables: Mapping[str, cel.Type]) -> str:
    """Return the type of what an expression evaluates to. Raises CompileErrors for wrong types."""
    env = cel.NewEnv(variables=dict(variables), extensions=_extensions())
    return _compile(env, source, checked=True).return_type().name().lower()


def _compile(env: cel.Env, source: str, *, checked: bool) -> cel.Expression:
    try:
        source.encode()
        return env.compile(source, disable_check=not checked)
    except UnicodeEncodeError as error:
        what = f"unexpected {source[error.start]!r}, which is not a character"
        raise CompileErrors((CompileError(error.start, what),)) from error
    except (RuntimeError, ValueError) as error:
        raise CompileErrors(_errors(source, str(error))) from error


def _errors(source: str, text: str) -> tuple[CompileError, ...]:
    lines = source.split("\n")
    errors: dict[CompileError, None] = {}
    for match in _ERROR.finditer(text):
        line, column = int(match[1]), int(match[2])
        at = None
        if 0 < line <= len(lines):
            at = sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
        errors[CompileError(at, match[3])] = None
    first = text.partition("\n")[0].removeprefix("INVALID_ARGUMENT: ").partition(" [")[0]
    return tuple(errors) or (CompileError(None, first),)
