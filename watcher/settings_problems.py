"""What is wrong with the configuration: one line for each problem, with its line in the file.

All of them at once: what compares sections is looked at although some section is not valid.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from watcher import credentials
from watcher.config_types import lenient
from watcher.config_words import describe, keys_at, models_in, no_such_word, suggest

Build = Callable[[Mapping[str, Any]], object]

_HEADER = re.compile(r"\[+\s*([^\[\]]+?)\s*\]")  # of a table, whatever follows it
_BRANCH = re.compile(r"(bool|Tls)$|function-|literal\[")  # of a key that takes several types
_MISSING_SECTION = re.compile(r"there is no \[(\w+)\.(.+)\]$")
_TOP_LEVEL = ("instance", "rules", "inventory")


class File(Struct, frozen=True, kw_only=True):
    """A configuration file as it was read."""

    path: Path
    text: str
    table: Mapping[str, Any]


def lines(
    file: File, error: ValidationError, build: Build, schema: type[BaseModel]
) -> Iterator[str]:
    """Yield one line for each problem, in the order of the file."""
    problems = dict(described(error, schema))
    for key, what in _hidden(file.table, build, schema):
        problems.setdefault(key, what)
    in_file: list[tuple[int, str, str]] = []
    for key, what in problems.items():
        if origin := credentials.origin(key):
            yield f"{origin}: {what}"
        else:
            in_file.append((line_of(file.text, key.split(".")), key, what))
    for line, key, what in sorted(in_file):
        yield f"{file.path}:{line}: {key}: {what}"


def _hidden(
    table: Mapping[str, Any], build: Build, schema: type[BaseModel]
) -> Iterator[tuple[str, str]]:
    """Yield what compares keys and sections, which pydantic looks at only where each is valid.

    What is not valid is left out for that, and what names it is not held against it.
    """
    try:
        with lenient(compare=True):
            build(table)
    except ValidationError as error:
        yield from described(error, schema)
    rest = copy.deepcopy(dict(table))
    for depth in (None, 2, 1):  # the key itself, then the section around what is still not valid
        try:
            with lenient(compare=False):
                build(rest)
        except ValidationError as error:
            invalid = error.errors(include_url=False, include_input=False)
        else:
            return
        if not all(detail["loc"] for detail in invalid):
            break
        for detail in invalid:
            _remove(rest, _keys_of(detail)[:depth])
    for detail in invalid:
        for key, what in _references(detail) if not detail["loc"] else ():
            named = _MISSING_SECTION.search(what)
            if named is None or named[2] not in table.get(named[1], {}):
                yield key, what


def _remove(table: dict[str, Any], keys: Sequence[str]) -> None:
    for key in keys[:-1]:
        inner = table.get(key)
        if not isinstance(inner, dict):
            return
        table = inner
    table.pop(keys[-1], None)


def _keys_of(detail: ErrorDetails) -> list[str]:
    """Return the keys as the file has them, without what pydantic adds: kinds and branches."""
    keys = [str(part) for part in detail["loc"]]
    if keys and keys[0] in credentials.TABLES_OF_KINDS:
        del keys[2:3]
    return [key for key in keys if not _BRANCH.match(key)]


def described(error: ValidationError, schema: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield the key and the wording of each problem; one for each key."""
    words: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        if not detail["loc"]:
            words.update(_references(detail))
            continue
        keys = _keys_of(detail)
        if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
            keys.append("kind")
        words.setdefault(".".join(keys), _in_words(detail, keys, schema))
    for key, what in words.items():
        if not any(other.startswith(f"{key}.") for other in words):
            yield key, what


def _references(detail: ErrorDetails) -> Iterator[tuple[str, str]]:
    """Yield the keys and words of a problem that names its keys itself."""
    for line in detail["msg"].removeprefix("Value error, ").splitlines():
        key, _, what = line.partition(": ")
        yield key, what


def _in_words(detail: ErrorDetails, keys: Sequence[str], schema: type[BaseModel]) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "union_tag_invalid":
            expected = str(context["expected_tags"])
            return no_such_word(expected, str(context["tag"]))
        case "union_tag_not_found":
            return "is missing"
        case "extra_forbidden" if len(keys) == 1 and isinstance(detail["input"], dict):
            sections = [name for name in schema.model_fields if name not in _TOP_LEVEL]
            near = difflib.get_close_matches(keys[0], sections, n=1)
            hint = f"; did you mean [{near[0]}]?" if near else ""
            return f"there is no section [{keys[0]}]{hint}"
        case "extra_forbidden":
            return f"there is no such key{suggest(keys[-1], keys_at(schema, detail['loc'][:-1]))}"
        case _:
            return describe(detail, may_quote=keys[-1] not in _secrets(schema))


def line_of(text: str, keys: Sequence[str]) -> int:
    """Return the line that sets these keys, else of the nearest table above it, else 1."""
    best, best_line = 0, 1
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if header := _HEADER.match(stripped):
            here = table = _parts(header[1])
        else:
            here = (*table, *_parts(stripped.partition("=")[0]))
        common = min(len(here), len(keys))
        if common > best and here[:common] == tuple(keys[:common]):
            best, best_line = common, number
    return best_line


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"' ") for part in dotted.split("."))


@cache
def _secrets(schema: type[BaseModel]) -> frozenset[str]:
    """Return the keys whose values no error shows."""
    keys: set[str] = set()
    for name, info in schema.model_fields.items():
        if info.annotation is SecretStr:
            keys.add(name)
        for inner in models_in(info.annotation):
            keys |= _secrets(inner)
    return frozenset(keys)
