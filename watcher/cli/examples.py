"""What a configuration still has of the examples: a token of dots, an invented telephone number.

An installation that starts with them sees little and calls the wrong people, or nobody. The shipped
examples match nothing real and are made of what cannot be a real value: names below
`.example` and numbers that are never assigned, both reserved for that, and the word EXAMPLE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr

from watcher import settings
from watcher.settings import Settings

_CHANNEL = "C0123456789"
_MARKS = (
    (re.compile(r"\bEXAMPLE\b"), "the word EXAMPLE"),
    (re.compile(r"(?i)(\.example\b|\bexample\.(com|net|org)\b)"), "a name that nobody can own"),
    (re.compile(r"\b555[ .-]?01\d\d\b"), "a telephone number that is never assigned"),
    (re.compile(r"\+33[ .]?1[ .]?99[ .]?00\b"), "a telephone number that is never assigned"),
    # As earlier examples had it.
    (re.compile(r"\+33 1 55 50 01 00"), "an invented telephone number"),
)
_DOTS = re.compile(r"\.\.\.|\N{HORIZONTAL ELLIPSIS}")
# What a section does not work without, and the example leaves empty.
_REQUIRED = {
    "accounts": ("key_id", "secret", "client_id", "client_secret"),
    "sources": ("operator_code", "application_id"),
}
_COMMENT = re.compile(r"""^((?:[^"'#]|"[^"]*"|'[^']*'|(?<=\S)#)*?)(?:(?:^|\s)#.*)$""")


def leftovers(loaded: Settings, config: Path) -> list[str]:
    """Return `file:line: what` for everything that is still an example, in the order of files."""
    text = config.read_text(encoding="utf-8")
    of_config = sorted(
        (settings.line_of(text, key.split(".")), key, what) for key, what in _in_settings(loaded)
    )
    found_at = [f"{config}:{line}: {key}: {what}" for line, key, what in of_config]
    if loaded.inventory is not None:
        shown = config.parent / loaded.inventory.name
        path = shown if shown.exists() else loaded.inventory
        inventory = loaded.inventory.read_text(encoding="utf-8")
        found_at += [f"{path}:{line}: {what}" for line, what in in_inventory(inventory)]
    return found_at


def in_inventory(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the words for each example in an inventory, outside of comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        comment = _COMMENT.match(line)
        what = _mark_of(comment[1] if comment else line)
        if what:
            yield number, what


def _in_settings(loaded: Settings) -> Iterator[tuple[str, str]]:
    for key, value in _leaves(loaded, ""):
        what = _mark_of(value)
        is_ours = value == _CHANNEL and "//slack.com/" in f"{loaded.slack.api_url}/"
        if not what and (is_ours or _DOTS.search(value)):
            what = "is still an example: put in your own"
        if what:
            yield key, what
    for table, names in _REQUIRED.items():
        for name, section in getattr(loaded, table).items():
            for key in names:
                if _text(getattr(section, key, None)) == "":
                    yield f"{table}.{name}.{key}", "is empty"
    if loaded.preorder is not None and not loaded.preorder.url:
        yield "preorder.url", "is empty"


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Yield every text of the settings with its key, secrets included."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, key)
    elif (text := _text(value)) is not None:
        yield key, text


def _text(value: object) -> str | None:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else None


def _mark_of(text: str) -> str:
    """Return why a text is an example, in words that quote nothing; empty if it is none."""
    return next(
        (
            f"is still an example ({what}): put in your own"
            for mark, what in _MARKS
            if mark.search(text)
        ),
        "",
    )
