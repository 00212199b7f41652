"""What stands in a file against the shape that it should have, and what is wrong in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watcher.ruleset import yaml_document
from watcher.ruleset.problems import Problems, suggest

_Schema = TypeVar("_Schema", bound=BaseModel)

_NAMED = frozenset(
    {"rules", "tests", "maintenance"}
)  # lists whose items have a name that is better than a number


def validated(
    shape: type[_Schema], file: yaml_document.Document, faults: Problems, *at: str | int
) -> _Schema | None:
    """Read what stands at a place in a file, or write down what is wrong with it."""
    content = {} if file.content is None else file.content
    for part in at:
        content = content[part]
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            path = (*at, *fault["loc"])
            unknown = fault["type"] == "extra_forbidden"
            place = file.place(path, of_key=unknown)
            faults.add(place, _key(path, file), _in_words(shape, fault))
        return None


def _key(path: Sequence[str | int], file: yaml_document.Document) -> str:
    """Write where in the file a fault is, with the name of a rule or test instead of its number."""
    parts = list(path)
    if len(parts) >= 2 and parts[0] in _NAMED and isinstance(parts[1], int):
        written = file.content[parts[0]][parts[1]]
        name = written.get("name") if isinstance(written, dict) else None
        parts[:2] = [name if isinstance(name, str) else f"{parts[0]}[{parts[1]}]"]
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts
    ).removeprefix(".")


def _in_words(shape: type[BaseModel], fault: ErrorDetails) -> str:
    path = fault["loc"]
    last = str(path[-1]) if path else ""
    match fault["type"]:
        case "extra_forbidden":
            words = f"there is no such key{suggest(last, _keys(shape, path[:-1]))}"
        case "missing":
            words = "is missing"
        case "literal_error" | "enum":
            words = f"expected {fault['ctx']['expected']}"
        case "string_pattern_mismatch":
            words = "expected small letters, digits and single hyphens, as in vyvx-down"
        case "model_type" | "dict_type" | "model_attributes_type":
            words = "expected keys and values"
        case "tuple_type" | "frozen_set_type":
            words = "expected a list"
        case _:
            message = fault["msg"].removeprefix("Value error, ")
            words = message[:1].lower() + message[1:]
    return words


def _keys(shape: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Tell the keys that may stand at a place in a file."""
    model_here = shape
    for part in path:
        if isinstance(part, int) or part not in _aliases(model_here):
            continue
        inner = _aliases(model_here)[part]
        if inner is not None:
            model_here = inner
    return list(_aliases(model_here))


def _aliases(shape: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Map each key as it is written to the model inside it, if there is one."""
    inside: dict[str, type[BaseModel] | None] = {}
    for name, info in shape.model_fields.items():
        found = [each for each in _parts_of(info.annotation) if isinstance(each, type)]
        models = [each for each in found if issubclass(each, BaseModel)]
        inside[info.alias or name] = models[0] if models else None
    return inside


def _parts_of(annotation: object) -> Iterator[object]:
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts_of(part)
