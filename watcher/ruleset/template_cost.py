"""What a title may cost: it is rendered for every alert, in the one writer.

A template of a thousand characters can ask for a text of gigabytes, or for hours of loops. So
loops, variables and macros are refused, filters and methods are those that a title needs, and each
text on the way is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jinja2
from jinja2 import nodes, sandbox

LONGEST_TEXT = 2_000  # characters or elements, of whatever comes up on the way
LARGEST_NUMBER = 10**30
_FORBIDDEN: dict[type[nodes.Node], str] = {
    nodes.For: "for",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "a filter block",
    nodes.With: "with",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Pow: "**",
}
_METHODS = frozenset(
    {
        *("upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "split", "rsplit"),
        *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
        *("isdigit", "isalpha", "find", "count", "get", "items", "keys", "values"),
    }
)
# Their arguments name a width or a count.
_GROWING_FILTERS = ("center", "format", "indent", "wordwrap", "batch", "slice", "pprint", "tojson")


class TooCostlyError(jinja2.TemplateRuntimeError):
    """A text or number on the way is too large."""


class BoundedEnvironment(sandbox.ImmutableSandboxedEnvironment):
    """A sandbox in which nothing grows without bound."""

    intercepted_binops = frozenset({"+", "*", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.globals.clear()  # range and the like
        for name in _GROWING_FILTERS:
            self.filters.pop(name, None)
        self.filters = {name: _bounded(filter_) for name, filter_ in self.filters.items()}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Evaluate an operator whose result may be larger than both sides."""
        if operator == "%" and isinstance(left, str | bytes):
            raise TooCostlyError("% formats no text here: write {{ ... }}")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise TooCostlyError("* is for numbers")
        return _check(super().call_binop(context, operator, left, right))

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether it may be called: a method that makes nothing longer."""
        return getattr(obj, "__name__", "") in _METHODS and super().is_safe_callable(obj)


def problems_of_cost(tree: nodes.Template) -> Iterator[str]:
    """Yield what makes a template too costly, as far as it shows without rendering it."""
    for kind, name in _FORBIDDEN.items():
        if tree.find(kind) is not None:
            yield f"{name} is not for titles"


def _bounded(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that checks what it is given and what it makes, with its jinja2 marks."""

    def checked(*values: Any, **options: Any) -> Any:
        return _check(filter_(*values, **options))

    vars(checked).update(getattr(filter_, "__dict__", {}))  # a builtin has none
    return checked


def _check(value: Any) -> Any:
    if isinstance(value, str | bytes | list | tuple | dict) and len(value) > LONGEST_TEXT:
        raise TooCostlyError(f"a text of more than {LONGEST_TEXT} characters comes up")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise TooCostlyError("a number that is too large comes up")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
