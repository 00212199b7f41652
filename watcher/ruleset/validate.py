"""Checks the content of a file against a pydantic model, and words what is wrong for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watcher.ruleset.problems import Problems, suggest
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
        for detail in error.errors(include_url=False, include_input=False):
            whole_path = _as_written((*path, *detail["loc"]), document)
            place = document.place(whole_path, of_key=detail["type"] == "extra_forbidden")
            problems.add(place, _key(whole_path, document), _in_words(schema, detail))
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
    last = str(path[-1]) if path else ""
    match detail["type"]:
        case "extra_forbidden":
            words = f"there is no such key{suggest(last, _keys(schema, path[:-1]))}"
        case "missing":
            words = "is missing"
        case "literal_error" | "enum":
            words = f"expected {detail['ctx']['expected']}"
        case "string_pattern_mismatch":
            words = "expected small letters, digits and single hyphens, as in vyvx-down"
        case "model_type" | "dict_type" | "model_attributes_type":
            words = "expected keys and values"
        case "too_short":
            words = "expected at least one"
        case "tuple_type" | "frozen_set_type":
            words = "expected a list"
        case _:
            message = detail["msg"].removeprefix("Value error, ")
            words = message[:1].lower() + message[1:]
    return words


def _keys(schema: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that are valid at a path."""
    inner = schema
    for part in path:
        if isinstance(part, str):
            inner = _keys_of(inner).get(part) or inner
    return list(_keys_of(inner))


def _keys_of(schema: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Map each key as it is written to the model of its value, None for a plain value."""
    keys: dict[str, type[BaseModel] | None] = {}
    for name, info in schema.model_fields.items():
        classes = [part for part in _parts_of(info.annotation) if isinstance(part, type)]
        models = [part for part in classes if issubclass(part, BaseModel)]
        keys[info.alias or name] = models[0] if models else None
    return keys


def _parts_of(annotation: object) -> Iterator[object]:
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts_of(part)
