"""A YAML file as plain values, with the place of every key and value.

A file is refused rather than guessed at: duplicate keys, aliases (a small file can grow without
bounds through them), deep nesting, more than 1 MB.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, field

from watcher import syntax_words, system_words
from watcher.ruleset.problems import Place, Problems
from watcher.ruleset.text_places import find_last

LARGEST = 1_000_000  # bytes
DEEPEST = 32

KeyPath = tuple[str | int, ...]  # the keys and indexes that lead to a value


class Document(Struct):
    """A file's content, and the place of each of its values and keys."""

    file: Path
    content: Any = None
    raw: bytes = b""
    value_places: dict[KeyPath, Place] = field(default_factory=dict)
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    spans: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)  # of each plain value

    def place(self, path: Sequence[str | int], *, of_key: bool = False) -> Place:
        """Return the place of a value or its key; when absent, of the nearest thing around it."""
        path = tuple(path)
        if of_key and path in self.key_places:
            return self.key_places[path]
        while path and path not in self.value_places:
            path = path[:-1]
        return self.value_places.get(path, Place(self.file))

    def place_inside(self, path: Sequence[str | int], at: int) -> Place:
        """Return the place of a character of a text; where it starts if that is not as written."""
        path = tuple(path)
        value, span = self._value_at(path), self.spans.get(path)
        if not at or span is None or not isinstance(value, str):
            return self.place(path)
        text = self.raw.decode()
        index = find_last(value[: at + 1], text[: span[1]], span[0])
        if index is None:
            return self.place(path)
        line_start = text.rfind("\n", 0, index) + 1
        return Place(self.file, text.count("\n", 0, index) + 1, index - line_start + 1)

    def _value_at(self, path: KeyPath) -> object:
        value = self.content
        for key in path:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return None
        return value


def load(file: Path, problems: Problems) -> Document | None:
    """Load a file; return None, with the problems added, when it cannot be used."""
    try:
        raw = file.read_bytes() if file.stat().st_size <= LARGEST else None
    except FileNotFoundError:
        problems.add(Place(file), "", "there is no such file")
        return None
    except IsADirectoryError:
        problems.add(Place(file), "", "is a folder; expected a file")
        return None
    except OSError as error:
        problems.add(Place(file), "", f"cannot be read: {system_words.of_error(error)}")
        return None
    if raw is None:
        problems.add(Place(file), "", f"is larger than {LARGEST:,} bytes; split it")
        return None
    if not raw.removeprefix(codecs.BOM_UTF8).strip():  # as a full disk, or half a copy, leaves it
        problems.add(Place(file), "", "is empty")
        return None
    document = Document(file=file, raw=raw)
    return document if _parse(document, problems) else None


def _parse(document: Document, problems: Problems) -> bool:
    file = document.file
    try:
        text = document.raw.decode()
        loader = yaml.SafeLoader(text)
        if not _is_safe(text, document, problems):
            return False
        node = loader.get_single_node()
        if node is not None:
            document.content = _value(loader, node, (), document, problems)
    except UnicodeDecodeError:
        problems.add(Place(file), "", "is not UTF-8 text")
        return False
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        problems.add(place, "", f"not valid YAML: {syntax_words.of_yaml(str(error.problem))}")
        return False
    except yaml.reader.ReaderError as error:
        problems.add(Place(file), "", f"not valid YAML: {syntax_words.of_yaml(error.reason)}")
        return False
    except ValueError as error:  # a scalar such as the date 2026-02-31
        problems.add(Place(file), "", f"holds a value that YAML cannot read: {error}")
        return False
    return True


def _is_safe(text: str, document: Document, problems: Problems) -> bool:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = _place(document, event)
        if isinstance(event, yaml.AliasEvent):
            problems.add(place, "", f"aliases (*{event.anchor}) are not supported; write it out")
            return False
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            problems.add(place, "", f"is nested deeper than {DEEPEST} levels")
            return False
    return True


def _value(
    loader: yaml.SafeLoader, node: yaml.Node, path: KeyPath, document: Document, problems: Problems
) -> Any:
    document.value_places[path] = _place(document, node)
    match node:
        case yaml.MappingNode():
            return _mapping(loader, node, path, document, problems)
        case yaml.SequenceNode():
            return [
                _value(loader, item, (*path, number), document, problems)
                for number, item in enumerate(node.value)
            ]
        case _:
            document.spans[path] = (node.start_mark.index, node.end_mark.index)
            return loader.construct_object(node)


def _mapping(
    loader: yaml.SafeLoader,
    node: yaml.MappingNode,
    path: KeyPath,
    document: Document,
    problems: Problems,
) -> Mapping[str, Any]:
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(document, key_node)
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
            problems.add(place, ".".join(map(str, path)), "a key must be plain text")
            continue
        inside = (*path, key)
        if key in content:
            line = document.key_places[inside].line
            problems.add(place, key, f"duplicate key; the first is on line {line}")
            continue
        document.key_places[inside] = place
        content[key] = _value(loader, value_node, inside, document, problems)
    return content


def _place(document: Document, node: yaml.Node | yaml.Event) -> Place:
    mark = node.start_mark
    return Place(document.file, mark.line + 1, mark.column + 1) if mark else Place(document.file)
