"""An option that takes one of several words refuses any other in our own words, and lists them."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import get_args, get_type_hints

import pytest
import typer

from watcher import cli


@pytest.mark.parametrize(
    ("words", "where", "allowed"),
    [
        (("schema", "foo"), "'SCHEMA'", "rules, config, mqtt, asyncapi, api"),
        (
            ("ticket", "w-3f9k2c7d", "T-1", "--state", "foo"),
            "'--state'",
            "acknowledged, inProgress, pending, resolved, closed",
        ),
    ],
)
async def test_a_word_that_is_not_allowed_is_refused_with_those_that_are(
    watcher, words, where, allowed
):
    done = await watcher(*words)
    assert (done.code, done.out) == (2, "")
    last = done.err.splitlines()[-1]
    assert last == f"Error: Invalid value for {where}: 'foo' is none of {allowed}"


def callbacks(group):
    for command in getattr(group, "commands", {}).values():
        yield from callbacks(command)
    if group.callback:
        yield inspect.unwrap(group.callback)


def test_every_option_that_takes_such_words_refuses_alike():
    choices = [
        (callback.__name__, name, option)
        for callback in callbacks(typer.main.get_command(cli.program))
        for name, hint in get_type_hints(callback, include_extras=True).items()
        for kind, *options in [get_args(hint) or (hint,)]
        for option in options
        if any(
            isinstance(part, type) and issubclass(part, Enum) for part in (kind, *get_args(kind))
        )
    ]
    assert {name for name, _, _ in choices} == {"schema", "ticket"}
    assert [place for *place, option in choices if option.parser is None] == []
