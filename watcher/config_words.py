"""What is wrong with a value of config, rules, inventory or rule tests, in words for people.

Pydantic's own sentences speak of types and show regular expressions. None of them reaches a person:
a kind of mistake that has no words here gets a sentence that says nothing wrong.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from watcher import model

_LONGEST_QUOTE = 60
_WHOLE_SECTIONS = ("model", "dict", "mapping", "dataclass")  # whose parts may be secrets
_NAME = "small letters, digits and single hyphens, as in vyvx-down"
# What a pattern of a field asks for. A test sees to it that every pattern is here.
PATTERNS = {
    r"^[a-z0-9]+(-[a-z0-9]+)*$": _NAME,
    r"^[A-Za-z0-9_-]+$": "letters, digits, - and _, as in ops1",
    r"^[CGD][A-Z0-9]{6,}$": "the channel's id, not its name, as in C0123456789",
    r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$": "letters, digits, - and _ between single /, as in a/b",
    r"^(\[[0-9a-fA-F:]+\]|[^:\[\]]+):\d{1,5}$|^$": "HOST:PORT, as in 127.0.0.1:9464, or nothing",
    r"^(https?://[^\s<>|?#]+[^\s<>|?#/])?$": "https://HOST, without / at its end, or nothing",
    r"^(sqlite:///.+|postgresql://.+)$": "sqlite:///FILE or postgresql://USER@HOST/DATABASE",
}
_PLAIN = {
    "missing": "is missing",
    "bool": "expected true or false",
    "string": "expected text",
    "int": "expected a whole number",
    "float": "expected a number",
    "finite_number": "expected a finite number",
    "path": "expected the path of a file",
    "model": "expected keys and values",
    "dict": "expected keys and values",
    "mapping": "expected keys and values",
    "dataclass": "expected keys and values",
    "tuple": "expected a list",
    "list": "expected a list",
    "set": "expected a list",
    "frozen_set": "expected a list",
    "iterable": "expected a list",
    "time_delta": "expected a duration with its unit, as in 15s, 5m, 4h, 30d",
    "datetime": "expected a time with its zone, as in 2026-11-29T02:00Z",
    "date": "expected a day, as in 2026-11-29",
    "timezone": "expected a time with its zone, as in 2026-11-29T02:00Z",
    "none_required": "expected nothing",
}
_LIMITS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def suggest(word: str, valid: Iterable[str]) -> str:
    """Return a hint with the nearest valid word, or a list of them when none is near."""
    words = sorted(set(valid))
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; expected one of: {', '.join(words)}" if 0 < len(words) <= 24 else ""


def describe(detail: ErrorDetails, *, may_quote: bool = True) -> str:
    """Return what is wrong, with the value itself unless it may be a secret."""
    kind, context = detail["type"], detail.get("ctx", {})
    quote = _quoted(detail.get("input")) if may_quote else ""
    if kind in {"value_error", "assertion_error"}:
        message = detail["msg"].partition(", ")[2]
        return message[:1].lower() + message[1:]
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"])
        return no_such_word(expected, detail["input"]) if quote else f"expected {expected}"
    words = _of_limits(kind, context) or _of_length(kind, context)
    if kind == "string_pattern_mismatch":
        words = f"expected {PATTERNS.get(context['pattern'], 'another form')}"
    words = words or _plain(kind)
    shows_all = kind == "missing" or kind.startswith(_WHOLE_SECTIONS)
    return f"{quote}: {words}" if quote and not shows_all else words


def _plain(kind: str) -> str:
    """Return the words for a type, by the longest name that an error begins with."""
    names = [name for name in _PLAIN if kind == name or kind.startswith(f"{name}_")]
    return _PLAIN[max(names, key=len)] if names else "is not valid here"


def _of_limits(kind: str, context: dict[str, Any]) -> str:
    if kind not in _LIMITS:
        return ""
    name, words = _LIMITS[kind]
    limit = context[name]
    shown = model.format_duration(limit) if isinstance(limit, timedelta) else f"{limit}"
    return f"expected {words} {shown.removesuffix('.0')}"


def _of_length(kind: str, context: dict[str, Any]) -> str:
    match kind:
        case "string_too_short":
            return "is empty"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "too_short":
            return "expected at least one"
        case "too_long":
            return f"expected {context['max_length']} at most"
        case _:
            return ""


def no_such_word(expected: str, given: object) -> str:
    """Return that a word is none of those that are expected, and the nearest of them."""
    valid = re.findall(r"'([^']*)'", expected)
    near = difflib.get_close_matches(str(given).casefold(), valid, n=1)
    words = " or ".join(f"'{word}'" for word in valid)
    if len(valid) > 2:
        words = ", ".join(f"'{word}'" for word in valid[:-1]) + f" or '{valid[-1]}'"
    return f"{_quoted(given)}: expected {words}" + (f"; did you mean {near[0]}?" if near else "")


def shown(value: object) -> str:
    """Return a value for a sentence about it."""
    return "nothing" if value is None else _quoted(value) or "this"


def _quoted(value: object) -> str:
    """Return a short value as it may be shown; empty for what is none, too long or has parts."""
    match value:
        case bool():
            shown = str(value).lower()
        case int() | float():
            shown = str(value)
        case str():
            shown = repr(value) if value else ""
        case _:
            shown = ""
    return shown if len(shown) <= _LONGEST_QUOTE else ""


def keys_at(schema: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that are valid at a path; a kind in it chooses among several tables."""
    models = [schema]
    for part in path:
        inside = [
            model
            for outer in models
            for name, info in outer.model_fields.items()
            if part in {name, info.alias}
            for model in models_in(info.annotation)
        ]
        of_kind = [model for model in models if part in _kinds(model)]
        models = inside or of_kind or models
    return [info.alias or name for model in models for name, info in model.model_fields.items()]


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def _kinds(schema: type[BaseModel]) -> tuple[object, ...]:
    kind = schema.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()
