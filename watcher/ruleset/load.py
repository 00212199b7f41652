"""Rule files and the inventory become the ruleset that the engine runs.

Law: all of it or nothing; every fault of every file is told at once.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watcher import engine, model
from watcher.ruleset import document, schema
from watcher.ruleset.compile import Compiler, Written
from watcher.ruleset.faults import Faults, Place, suggest
from watcher.ruleset.inventory import compile_inventory

_Schema = TypeVar("_Schema", bound=BaseModel)


def load(
    patterns: Sequence[str],
    *,
    inventory: Path | None,
    sources: Mapping[str, engine.SourceTraits],
    receivers: Sequence[str],
) -> engine.Ruleset:
    """Read the rule files that match the patterns, and the inventory if there is one.

    Raises model.FaultyConfigError with one line for each fault:
    `file:line:column: key: what is wrong; what was expected`.
    """
    faults = Faults()
    inventory_file = document.read(inventory, faults) if inventory else None
    entries = _checked(schema.InventoryFile, inventory_file, faults) if inventory_file else None
    looked_up = compile_inventory(entries, inventory_file, sources, faults)
    files = [read for file in _files(patterns, faults) if (read := document.read(file, faults))]
    compiler = Compiler(sources, receivers, looked_up, faults)
    rules = [compiler.compile(written) for written in _written(files, faults)]
    if faults.found:
        raise model.FaultyConfigError(faults.lines())
    digest = hashlib.sha256()
    for file in (*files, *([inventory_file] if inventory_file else [])):
        digest.update(file.raw + b"\0")
    return engine.Ruleset(
        rules=tuple(rule for rule in rules if rule is not None),
        sources=sources,
        inventory=looked_up,
        context=compiler.vocabulary.context,
        version=digest.hexdigest()[:12],
    )


def _files(patterns: Sequence[str], faults: Faults) -> list[Path]:
    files: dict[Path, None] = {}
    for pattern in patterns:
        # glob, because a pattern may be absolute, which Path.glob refuses.
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not found:
            faults.add(Place(Path(pattern)), "", "no file is named so; there are no rules in it")
        files.update(dict.fromkeys(map(Path, found)))
    return list(files)


def _written(files: Sequence[document.Document], faults: Faults) -> Iterator[Written]:
    """Give every rule that could be read; a name must be the only one of all files."""
    first: dict[str, Place] = {}
    for file in files:
        _checked(schema.RuleFile, file, faults)
        given = file.content.get("rules") if isinstance(file.content, dict) else None
        for number in range(len(given) if isinstance(given, list) else 0):
            rule = _checked(schema.Rule, file, faults, "rules", number)
            if rule is None:
                continue
            written = Written(rule=rule, document=file, number=number)
            place = file.place(("rules", number, "name"))
            if rule.name in first:
                what = f"there is a rule of this name already, at {first[rule.name]}"
                written.blame(faults, "name", what)
            else:
                first[rule.name] = place
                yield written


def _checked(
    shape: type[_Schema], file: document.Document, faults: Faults, *at: str | int
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


def _key(path: Sequence[str | int], file: document.Document) -> str:
    """Write where in the file a fault is, with a rule's name in the place of its number."""
    parts = list(path)
    if len(parts) >= 2 and parts[0] == "rules" and isinstance(parts[1], int):
        written = file.content["rules"][parts[1]]
        name = written.get("name") if isinstance(written, dict) else None
        parts[:2] = [name if isinstance(name, str) else f"rules[{parts[1]}]"]
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts
    ).removeprefix(".")


def _in_words(shape: type[BaseModel], fault: ErrorDetails) -> str:
    path = fault["loc"]
    last = str(path[-1]) if path else ""
    match fault["type"]:
        case "extra_forbidden" if last in schema.LATER:
            words = "is not supported yet"
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
        case "tuple_type":
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
