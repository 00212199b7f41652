"""The verbs of the command line.

Law: exit code 0 is fine, 1 a finding, 2 usage or a bad config, rule or inventory, for every verb;
errors are one line for each fault on stderr, never a traceback. A verb imports what it needs, so
that `watcher status` does not load the daemon.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from watcher import model
from watcher.cli import common, daemon, incidents, lumen, rules

program = typer.Typer(
    name="watcher",
    help="Watches Lumen and Orange circuits and tells people and programs what broke.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
program.add_typer(daemon.program)
program.add_typer(incidents.program)
program.add_typer(incidents.drill_program)
program.add_typer(incidents.silence_program, name="silence")
program.add_typer(incidents.remedy_program, name="remedy")
program.add_typer(rules.program)
program.add_typer(lumen.iod_program, name="iod")
program.add_typer(lumen.preorder_program, name="preorder")


def main() -> None:
    """Run one verb; every expected failure ends in a sentence and an exit code."""
    try:
        program()
    except model.InvalidConfigError as error:
        common.complain(*error.problems)
        sys.exit(2)
    except model.WatcherError as error:
        common.complain(str(error))
        sys.exit(1)


@program.callback(invoke_without_command=True)
def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.")
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"watcher {version('watcher')}")
        raise typer.Exit
