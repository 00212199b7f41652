"""A team's own words for an incident's message: a Jinja template, sandboxed, tried on a sample.

Law: what a template prints is escaped for Slack, and bounded; only its own literal text is markup.
One that fails at run time costs its words and not the message: the built-in text takes their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2 import meta, nodes, sandbox

from watcher import model, system_words
from watcher.receivers.slack import notification
from watcher.receivers.slack.blocks import escape
from watcher.text import TemplateLabels

LONGEST = 10_000  # characters of a template
MOST_LINES = 60
LINE = 900  # characters
_FAILURES = (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError)


# It runs in the delivery loop, so nothing in it may grow without bound.
MOST_NESTED = 2  # loops in each other, over at most 100 subjects each
MOST_TEXT = 20_000  # characters, before lines are cut
_GROWING_FILTERS = (
    *("center", "format", "indent", "wordwrap", "batch", "slice", "pprint", "tojson", "replace"),
    *("xmlattr", "urlize", "map", "groupby"),
)
_FORBIDDEN: dict[type[nodes.Node], str] = {
    nodes.Call: "a call",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "a filter block",
    nodes.AssignBlock: "a set block",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Pow: "**",
    nodes.Mul: "*",
    nodes.Mod: "%",
}


class RenderingError(Exception):
    """A template cannot be rendered; the message says why."""


class Markup(str):
    """Text that is mrkdwn already."""

    __slots__ = ()


class MessageTemplate:
    """One receiver's template; `name` is shown when it fails."""

    def __init__(self, source: str, name: str) -> None:
        self.name = name
        environment = sandbox.ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, finalize=_finalize, autoescape=False
        )
        environment.globals.clear()  # range and the like
        for growing in _GROWING_FILTERS:
            environment.filters.pop(growing, None)
        if len(source) > LONGEST:
            raise RenderingError(f"is longer than {LONGEST} characters")
        try:
            tree = environment.parse(source)
            used = meta.find_undeclared_variables(tree)
            self._template = environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise RenderingError(f"line {error.lineno}: {error.message}") from error
        for kind, word in _FORBIDDEN.items():
            if tree.find(kind) is not None:
                raise RenderingError(f"{word} is not available here")
        if _depth(tree) > MOST_NESTED:
            raise RenderingError(f"more than {MOST_NESTED} loops in each other")
        unknown = sorted(used - set(WORDS))
        if unknown:
            valid = ", ".join(sorted(WORDS))
            raise RenderingError(f"{unknown[0]!r} is not known; there are {valid}")

    def render(
        self, view: model.IncidentView, now: datetime, builtin: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the lines of a message; raises RenderingError."""
        try:
            text = _bounded(self._template.generate(words(view, now, builtin)))
        except _FAILURES as error:
            raise RenderingError(str(error)) from error
        lines = [line.rstrip()[:LINE] for line in text.splitlines() if line.strip()]
        if not lines:
            raise RenderingError("it renders nothing")
        return tuple(lines[:MOST_LINES])


def _bounded(parts: Iterable[str]) -> str:
    """Join parts up to MOST_TEXT characters."""
    text, room = [], MOST_TEXT
    for part in parts:
        text.append(part[:room])
        room -= len(part)
        if room <= 0:
            break
    return "".join(text)


def _depth(node: nodes.Node) -> int:
    """Return how many loops stand in each other."""
    inner = max((_depth(child) for child in node.iter_child_nodes()), default=0)
    return inner + isinstance(node, nodes.For)


def load(path: Path) -> MessageTemplate:
    """Read a template. Raises RenderingError."""
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RenderingError(f"cannot be read: {system_words.of_error(error)}") from error
    except UnicodeDecodeError as error:
        raise RenderingError("is not UTF-8 text") from error
    return MessageTemplate(source, path.name)


WORDS = (
    *("builtin", "headline", "id", "title", "summary", "severity", "status", "rule", "source"),
    *("side", "contacts", "since", "lasted", "acknowledged_by", "suppressions", "runbook"),
    *("name", "subject", "labels", "state", "was", "subjects"),
)


def words(view: model.IncidentView, now: datetime, builtin: Sequence[str]) -> Mapping[str, object]:
    """Return what a template can use: plain text, but for `builtin` and `suppressions`."""
    incident = view.incident
    alert = notification.leading_alert(view)
    suppressed = [notification.suppression_text(held, now) for held in incident.suppressions]
    return {
        "builtin": Markup("\n".join(builtin)),
        "headline": notification.headline(view),
        "id": incident.id,
        "title": incident.title,
        "summary": incident.summary,
        "severity": str(incident.severity),
        "status": str(incident.status),
        "rule": incident.rule,
        "source": incident.source,
        "side": model.format_side(incident.fault_domain),
        "contacts": [contact.text for contact in incident.contacts],
        "since": model.format_time(incident.begin, now),
        "lasted": model.format_duration(incident.lasted(now)),
        "acknowledged_by": incident.acknowledged_by or "",
        "suppressions": [Markup(text) for text in suppressed],
        "runbook": incident.runbook,
        "name": notification.circuit(view),
        "subject": alert.subject if alert else "",
        "labels": TemplateLabels(alert.labels if alert else {}),
        "state": (alert.to if alert else "") or "",
        "was": (alert.from_ if alert else "") or "",
        "subjects": [
            {"name": alert.name, "state": alert.to or str(alert.state), "subject": alert.subject}
            for alert in view.by_subject
        ],
    }


def _finalize(value: object) -> object:
    """Escape what is printed, but for what is mrkdwn already."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    return escape("" if value is None else str(value), LINE)
