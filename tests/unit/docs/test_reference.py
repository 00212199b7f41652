"""The reference on configuration and command line: nothing is missing, nothing is invented."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from pydantic import BaseModel

from watcher import cli, settings

REPO = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
REFERENCE = REPO / "docs" / "reference"
CONFIGURATION = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
COMMAND_LINE = (REFERENCE / "cli.md").read_text(encoding="utf-8")
PAGES = [
    page
    for page in sorted(REPO.rglob("*.md"))
    if not {".venv", ".pytest_cache", "node_modules"} & set(page.relative_to(REPO).parts)
]
FENCED = re.compile(r"^```(\w*).*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = typer.main.get_command(cli.program)


def sections_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from sections_in(argument)


def keys_of_settings(
    section: type[BaseModel] = settings.Settings, prefix: str = ""
) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield prefix + name
        for inner in sections_in(field.annotation):
            yield from keys_of_settings(inner, f"{prefix}{name}.")


def verbs(group: click.Group = PROGRAM, prefix: str = "watcher ") -> dict[str, click.Command]:
    commands = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            commands |= verbs(command, f"{prefix}{name} ")
        else:
            commands[prefix + name] = command
    return commands


def used() -> Iterator[tuple[str, str]]:
    """Yield each page and each line of its shell blocks that calls the program."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for language, block in re.findall(FENCED, text):
            for line in block.splitlines() if language in {"", "sh"} else ():
                if call := re.match(r"(?:\S+=\S+ |sudo |env )*(?:\S*/bin/)?(watcher [^#]*)", line):
                    yield str(page.relative_to(REPO)), call[1]


@pytest.mark.parametrize("key", dict.fromkeys(keys_of_settings()))
def test_every_key_of_the_settings_is_in_the_reference(key):
    word = key.rpartition(".")[2]
    code = " ".join(re.findall(r"`([^`\n]+)`", CONFIGURATION))
    assert re.search(rf"\b{re.escape(word)}\b", code), key


@pytest.mark.parametrize("verb", verbs())
def test_every_command_is_in_the_reference(verb):
    assert re.search(rf"^\| `{re.escape(verb)}[` ]", COMMAND_LINE, re.MULTILINE), verb


def test_the_reference_invents_no_command_and_no_option():
    for line in COMMAND_LINE.splitlines():
        if not (row := re.match(r"\| `(watcher [a-z -]+[a-z])", line)):
            continue
        options = {option for param in verbs()[row[1]].params for option in param.opts}
        assert set(re.findall(r"`(--[a-z-]+)", line)) <= options, line


def test_pages_use_only_commands_and_options_that_exist():
    calls = list(used())
    assert len(calls) >= 20
    for page, call in calls:
        words = call.split()
        verb = " ".join(words[:2] if " ".join(words[:2]) in verbs() else words[:3])
        assert verb in verbs(), f"{page}: {call}"
        options = {option for param in verbs()[verb].params for option in param.opts}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", call)) <= options, f"{page}: {call}"
