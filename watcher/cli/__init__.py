"""The command line: one module for each group of commands.

Law: for every command exit code 0 means success, 1 a finding or a failure, 2 wrong usage or an
invalid config, rule or inventory. Errors go to stderr, one line for each problem, never a
traceback. A command imports what it needs when it runs, so that `watcher status` does not load the
daemon.
"""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from watcher import model
from watcher.cli import (
    common,
    daemon,
    incidents,
    lumen,
    render,
    report,
    rules,
    silences,
    status,
    terminal,
    tickets,
    works,
)
from watcher.cli.setup import init, inventory

program = typer.Typer(
    name="watcher",
    help="Watch Lumen and Orange circuits, and notify people and programs of what breaks.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
program.add_typer(init.program)
program.add_typer(inventory.group, name="inventory")
program.add_typer(daemon.program)
program.add_typer(incidents.program)
program.add_typer(status.program)
program.add_typer(silences.group, name="silence")
program.add_typer(works.group, name="works")
program.add_typer(incidents.remedy_group, name="remedy")
program.add_typer(tickets.program)
program.add_typer(rules.program)
program.add_typer(report.program)
program.add_typer(render.program)
program.add_typer(lumen.iod_group, name="iod")
program.add_typer(lumen.preorder_group, name="preorder")


def main() -> None:
    """Run one command; every expected failure ends in a sentence and an exit code."""
    with terminal.safe_output():
        try:
            program()
        except model.InvalidConfigError as error:
            common.print_errors(*error.problems)
            sys.exit(2)
        except model.WatcherError as error:
            common.print_errors(str(error))
            sys.exit(1)
        except Exception:  # a fault of ours: nothing is hidden, its lines get a priority
            if not common.in_journal():
                raise
            common.print_errors(traceback.format_exc())
            sys.exit(1)


@program.callback(invoke_without_command=True)
def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"watcher {version('watcher')}")
        raise typer.Exit
