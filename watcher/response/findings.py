"""Reads what Service Diagnostics found out of a reply whose field names nobody has published.

Law: hostile or strange text costs a bounded number of short, printable lines and never an error.
The API's page names "dispositions" and "next suggested actions" without their fields, so strings
are taken from under keys that sound like them. Source: Lumen Service Diagnostics (v2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watcher.vendors import texts

MAX_LINES = 20  # of findings, and again of actions
MAX_LENGTH = 300  # characters of one line
_MAX_DEPTH = 20
_MAX_VISITED = 20_000  # values looked at in one reply

_DISPOSITION = re.compile("disposition", re.IGNORECASE)
_ACTION = re.compile("action|recommend", re.IGNORECASE)
_FINDING = re.compile("status|result|summary", re.IGNORECASE)
_PDF = re.compile("pdf", re.IGNORECASE)
_NAME = re.compile(r"((test|check)_?)?(name|title)|test|check", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The vendor's verdict, what supports it, and what it suggests to do."""

    disposition: str = ""
    findings: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A value with its key, the kind of the nearest key that has one, and its test's name."""

    key: str
    value: object
    kind: re.Pattern[str] | None = None
    name: str = ""
    depth: int = 0


def read(reply: object) -> Findings:
    """Collect the lines of a decoded reply, in its order and each once.

    The first disposition is the verdict; further ones are findings. A result that stands beside
    the name of its test is told with it: `Power at site: failed`.
    """
    disposition = ""
    findings: dict[str, None] = {}
    actions: dict[str, None] = {}
    for place in _places(reply):
        line = _line(place)
        if not line or line == disposition:
            continue
        if place.kind is _DISPOSITION and not disposition:
            disposition = line
        else:
            lines = actions if place.kind is _ACTION else findings
            if len(lines) < MAX_LINES:
                lines[line] = None
    return Findings(disposition=disposition, findings=tuple(findings), actions=tuple(actions))


def find_pdf(reply: object) -> str | None:
    """Find the text of the encoded PDF: the first string under a key that says pdf."""
    for place in _places(reply):
        if _PDF.search(place.key) and isinstance(place.value, str) and place.value.strip():
            return place.value
    return None


def _line(place: _Place) -> str:
    if place.kind is None or not isinstance(place.value, str):
        return ""
    if _PDF.search(place.key) or place.value.startswith("data:"):
        return ""
    if not place.name or place.kind is _DISPOSITION:
        return texts.clean(place.value, MAX_LENGTH)
    if _NAME.fullmatch(place.key):
        return ""  # it is told with its result
    return texts.clean(f"{place.name}: {place.value}", MAX_LENGTH)


def _places(reply: object) -> Iterator[_Place]:
    """Yield the scalars of a reply in its order, as many and as deep as the bounds allow.

    `data` is documented as a list and may be an object. The stack is ours, so that no reply
    exhausts Python's.
    """
    stack = [_Place("", reply.get("data", reply) if isinstance(reply, dict) else reply)]
    for _ in range(_MAX_VISITED):
        if not stack:
            return
        place = stack.pop()
        if not isinstance(place.value, dict | list):
            yield place
        elif place.depth < _MAX_DEPTH:
            stack.extend(reversed(list(_inside(place))))


def _inside(place: _Place) -> Iterator[_Place]:
    depth = place.depth + 1
    if isinstance(place.value, dict):
        name = _name(place.value) or (place.name if place.kind else "")
        for key, value in place.value.items():
            yield _Place(str(key), value, _kind(str(key)) or place.kind, name, depth)
    elif isinstance(place.value, list):
        for value in place.value:
            yield _Place(place.key, value, place.kind, place.name, depth)


def _kind(key: str) -> re.Pattern[str] | None:
    return next((kind for kind in (_DISPOSITION, _ACTION, _FINDING) if kind.search(key)), None)


def _name(entry: Mapping[object, object]) -> str:
    """Read what an entry calls itself, if it says anything else for which the name is needed."""
    if len(entry) < 2:
        return ""
    named = (v for k, v in entry.items() if isinstance(v, str) and _NAME.fullmatch(str(k)))
    return next(named, "").strip()
