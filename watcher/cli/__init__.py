"""The command line: one module for each group of commands.

Law: for every command exit code 0 means success, 1 a finding or a failure, 2 wrong usage or an
invalid config, rule or inventory. Errors go to stderr, one line for each problem, never a
traceback. A command imports what it needs when it runs, so that `watcher status` does not load the
daemon; and of the modules only that of the command is loaded, all of them for help and completion.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from watcher.cli import common, terminal

if TYPE_CHECKING:
    program: typer.Typer

# Module, its Typer, the name of its group or none, and the commands; in the order of the help.
_PARTS = (
    ("setup.init", "program", None, ("init",)),
    ("setup.inventory", "group", "inventory", ()),
    (
        "daemon",
        "program",
        None,
        ("run", "demo", "check", "diagnose", "backup", "restore", "schema"),
    ),
    (
        "incidents",
        "program",
        None,
        (
            "incidents",
            "ack",
            "unack",
            "resolve",
            "note",
            "why",
            "packet",
            "reload",
            "drill",
        ),
    ),
    ("status", "program", None, ("status", "oncall")),
    ("silences", "group", "silence", ()),
    ("works", "group", "works", ()),
    ("incidents", "remedy_group", "remedy", ()),
    ("tickets", "program", None, ("ticket",)),
    ("rules", "program", None, ("test", "replay", "capture")),
    ("report", "program", None, ("report",)),
    ("render", "program", None, ("render",)),
    ("lumen", "iod_group", "iod", ()),
    ("lumen", "preorder_group", "preorder", ()),
)


def main() -> None:
    """Run one command; every expected failure ends in a sentence and an exit code."""
    common.collect_seldom()
    from watcher import model

    with terminal.safe_output():
        try:
            _program(sys.argv[1:])()
        except model.InvalidConfigError as error:
            common.print_errors(*error.problems)
            sys.exit(2)
        except model.WatcherError as error:
            common.print_errors(str(error))
            sys.exit(1)
        except Exception:  # a fault of ours: nothing is hidden, its lines get a priority
            if not common.in_journal():
                raise
            import traceback

            common.print_errors(traceback.format_exc())
            sys.exit(1)


def __getattr__(name: str) -> typer.Typer:
    """Return `program`, which has every command."""
    if name != "program":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _program(())


def _program(arguments: Sequence[str]) -> typer.Typer:
    """Return the program: with the command that the arguments name, or with all of them."""
    wanted = next(iter(arguments), "")
    program = typer.Typer(
        name="watcher",
        help="Watch Lumen and Orange circuits, and notify people and programs of what breaks.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    program.callback(invoke_without_command=True)(_options)
    named = [part for part in _PARTS if wanted == part[2] or wanted in part[3]]
    if not named or "_WATCHER_COMPLETE" in os.environ:
        wanted, named = "", list(_PARTS)
    for module, attribute, name, _ in named:
        group: typer.Typer = getattr(import_module(f"watcher.cli.{module}"), attribute)
        if name or not wanted:
            program.add_typer(group, name=name)
        else:
            program.registered_commands += _commands(group, wanted)
    return program


def _commands(group: typer.Typer, name: str) -> Iterator[typer.models.CommandInfo]:
    """Yield the command of this name: each one that is built costs an operator's look at it."""
    for command in group.registered_commands:
        if name == (command.name or getattr(command.callback, "__name__", "")):
            yield command


def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
) -> None:
    if show_version:
        from importlib.metadata import version

        typer.echo(f"watcher {version('watcher')}")
        raise typer.Exit
