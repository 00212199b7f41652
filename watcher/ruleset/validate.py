"""Checks the content of a file against a pydantic model, and words what is wrong for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watcher.config_words import describe, keys_at, suggest
from watcher.ruleset.problems import Problems
from watcher.ruleset.yaml_document import Document

_Schema = TypeVar("_Schema", bound=BaseModel)

# Lists whose items have a name, which tells a reader more than their number.
_LISTS_OF_NAMED = frozenset({"rules", "tests", "maintenance", "rotas"})


def validated(
    schema: type[_Schema], document: Document, problems: Problems, *path: str | int
) -> _Schema | None:
    """Return the part of a document at `path` as `schema`, or None with the problems added."""
    content = {} if document.content is None else document.content
    for part in path:
        content = content[part]
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            if detail["type"] == "too_short" and _has_faults_inside(detail, details):
                continue  # pydantic counts only items that are valid
            whole_path = _as_written((*path, *detail["loc"]), document)
            place = document.place(whole_path, of_key=detail["type"] == "extra_forbidden")
            problems.add(place, _key(whole_path, document), _in_words(schema, detail))
        return None


def _has_faults_inside(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    depth = len(detail["loc"])
    return any(
        len(other["loc"]) > depth and other["loc"][:depth] == detail["loc"] for other in details
    )


def without_faults(schema: type[_Schema], document: Document, *path: str | int) -> _Schema | None:
    """Return a part that is not valid without the keys at fault, so that the rest is looked at."""
    content = document.content
    for part in path:
        content = content[part]
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    keys = {detail["loc"][0] for detail in details if detail["loc"]}
    if not isinstance(content, dict) or not keys:
        return None
    try:
        return schema.model_validate({key: of for key, of in content.items() if key not in keys})
    except ValidationError:
        return None


def _as_written(path: Sequence[str | int], document: Document) -> tuple[str | int, ...]:
    """Return a path without the number of what is written alone where a list may be."""
    written: list[str | int] = []
    content = document.content
    for part in path:
        if isinstance(part, int) and not isinstance(content, list):
            continue
        written.append(part)
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            content = None
    return tuple(written)


def _key(path: Sequence[str | int], document: Document) -> str:
    """Return a path as people read it, with the name of a rule or test in place of its number."""
    parts = list(path)
    if len(parts) >= 2 and parts[0] in _LISTS_OF_NAMED and isinstance(parts[1], int):
        item = document.content[parts[0]][parts[1]]
        name = item.get("name") if isinstance(item, dict) else None
        parts[:2] = [name if isinstance(name, str) else f"{parts[0]}[{parts[1]}]"]
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts
    ).removeprefix(".")


def _in_words(schema: type[BaseModel], detail: ErrorDetails) -> str:
    path = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return f"there is no such key{suggest(str(path[-1]), keys_at(schema, path[:-1]))}"
    return describe(detail)
