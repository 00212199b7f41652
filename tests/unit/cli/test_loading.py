"""A command loads what it needs, so that an operator's look at the daemon costs little."""

from __future__ import annotations

import typer.main

from watcher import cli, model


def commands(program):
    return set(typer.main.get_command(program).commands)


def test_each_command_can_be_had_alone():
    for verb in commands(cli.program):
        assert commands(cli._program([verb])) >= {verb}
        assert len(commands(cli._program([verb]))) == 1, f"{verb} is missing in _PARTS"


def test_an_unknown_command_is_looked_for_among_all():
    assert commands(cli._program(["statsu"])) == commands(cli.program)


def test_completion_knows_all_commands(monkeypatch):
    monkeypatch.setenv("_WATCHER_COMPLETE", "complete_bash")
    assert commands(cli._program(["status"])) == commands(cli.program)


def test_every_noun_of_the_model_has_a_module():
    assert {name for name in model.__all__ if not hasattr(model, name)} == set()
