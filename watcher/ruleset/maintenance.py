"""Maintenance windows: what they mute, and when."""

from __future__ import annotations

from watcher import engine, model
from watcher.ruleset import schema
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.weekly import compile_weekly
from watcher.ruleset.yaml_document import Document

_MATCHED = ("rule", "subject", "source", "severity")


def compile_window(
    written: schema.Maintenance, document: Document, number: int, problems: Problems
) -> engine.Maintenance:
    """Compile one window; add what is wrong to `problems`."""
    matchers = []
    for name, value in written.match.items():
        if name not in _MATCHED and not name.startswith("labels."):
            place = document.place(("maintenance", number, "match", name), of_key=True)
            hint = suggest(name, (*_MATCHED, "labels.NAME"))
            problems.add(place, f"{written.name}.match.{name}", f"cannot be matched{hint}")
        matchers.append(model.Matcher(name=name, value=value))
    weekly = compile_weekly((written,))
    return engine.Maintenance(
        name=written.name,
        matchers=tuple(matchers),
        is_open=weekly.is_open,
        next_edge=weekly.next_edge,
    )
