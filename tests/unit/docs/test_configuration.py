"""The reference on configuration, section by section: every key, its default, and no other key."""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from watcher import model, settings
from watcher.vendors.preorder.settings import PreorderFields

REPO = Path(__file__).parents[3]
PAGE = (REPO / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = (REPO / "config.example.toml").read_text(encoding="utf-8")
IN_WORDS = {"base_url", "instance"}  # whose default is a host, or differs from vendor to vendor
KINDS = ("accounts", "sources", "receivers")


def sections_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from sections_in(argument)


def sections() -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Yield the name, the kind and the model of each section that a file may have."""
    yield "", "", settings.Settings
    for name, field in settings.Settings.model_fields.items():
        for section in sections_in(field.annotation):
            (kind,) = (
                typing.get_args(section.model_fields["kind"].annotation)
                if (name in KINDS)
                else ("",)
            )
            yield name, kind, section
            if name == "works":
                yield "works.imap", "", section.model_fields["imap"].annotation


def rows(name: str, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the keys of a section's tables, and what stands below `default`."""
    heading = (
        rf"^## [^\n]*`\[{name.partition('.')[0]}(?:\.NAME)?\]`[^\n]*$" if name else "^## Top level$"
    )
    (part,) = re.findall(heading + r"\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    paragraph = ""
    for block in part.split("\n\n"):
        if not block.strip().startswith("| key "):
            paragraph = block
            continue
        of_kind = re.search(r"^Kind `(\w+)`:", paragraph, re.MULTILINE)
        is_imap = "`[works.imap]`" in paragraph
        if (not of_kind or of_kind[1] == kind) and is_imap is (name == "works.imap"):
            for line in block.strip().splitlines()[2:]:
                yield from row(line)


def row(line: str) -> Iterator[tuple[str, str]]:
    """Yield each key of one line; several keys have as many defaults, or one for all of them."""
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    keys, defaults = re.findall(r"`(\w+)`", cells[0]), cells[-1].split(", ")
    for number, key in enumerate(keys):
        yield key, defaults[number] if len(defaults) == len(keys) else cells[-1]


SECTIONS = list(sections())
NAMES = [f"{name or 'top'} {kind}".strip() for name, kind, _ in SECTIONS]


@pytest.mark.parametrize(("name", "kind", "section"), SECTIONS, ids=NAMES)
def test_the_tables_of_a_section_have_its_keys_and_their_defaults(name, kind, section):
    documented = dict(rows(name, kind))
    fields = {
        key: field
        for key, field in section.model_fields.items()
        if not (name in {"", "works", "preorder"} and list(sections_in(field.annotation)))
    }
    invented = set(documented) - set(fields)
    if name in {"control", "heartbeat"}:  # they share a table
        invented -= {"socket", "group", "url"}
    assert (set(fields) - set(documented), invented) == (set(), set())
    wrong = {
        key: documented[key]
        for key, field in fields.items()
        if not says(documented[key], key, kind, field.get_default(call_default_factory=True))
    }
    assert wrong == {}


def test_the_names_of_fields_that_can_be_set_are_listed():
    (words,) = re.findall(r"under `\[preorder\.fields\]`: (.*?)\.\s", PAGE, re.DOTALL)
    assert re.findall(r"`(\w+)`", words) == list(PreorderFields.model_fields)


def says(cell: str, key: str, kind: str, default: object) -> bool:
    """Return whether what stands below `default` is a key's default."""
    if default is PydanticUndefined:
        return cell == "required"
    parts = dict(re.findall(r"`(\w+)`: (`[^`]+`)", cell))
    words = parts.get(kind) or cell.partition("; ")[0]
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if not default and default is not False and not isinstance(default, timedelta | int):
        return cell != "required"
    code = re.findall(r"`([^`]+)`", words)
    if not code or key in IN_WORDS:
        return key in IN_WORDS
    if isinstance(default, timedelta):
        return model.parse_duration(code[0]) == default
    if isinstance(default, tuple):
        return tomllib.loads(f"value = {code[0]}")["value"] == list(default)
    return code[0] == (str(default).lower() if isinstance(default, bool) else f"{default}")


def test_a_wrong_default_is_found():
    assert says("`15m`; `evpl`: `1h`", "interval", "evpl", timedelta(hours=1))
    assert not says("`15m`; `evpl`: `1h`", "interval", "vyvx", timedelta(hours=1))
    assert not says("empty", "mention", "", "<!here>")
    assert not says("`0`", "port", "", 1)
    assert not says("empty", "kind", "", PydanticUndefined)


def test_every_key_of_the_example_exists_in_its_section():
    whole = re.sub(r"^# ?(?=[a-z_]+ = |\[[a-z])", "", EXAMPLE, flags=re.MULTILINE)
    table = tomllib.loads(whole)
    models = {(name, kind): section for name, kind, section in SECTIONS}
    for name, section in table.items():
        for inner in section.values() if name in KINDS else [section]:
            if isinstance(inner, dict):
                kind = inner["kind"] if name in KINDS else ""
                assert set(inner) <= set(models[name, kind].model_fields), (name, inner)
