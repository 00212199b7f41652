"""The verbs about rules: test, replay, capture.

Law: as in cli.py, whose verbs these are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

program = typer.Typer()

TESTS = (Path("rules/tests"),)


@program.command("test")
def play_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Test files, or directories of them; default: rules/tests."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Also write the results there, as JUnit XML.")
    ] = None,
) -> None:
    """Play the rules' own tests."""
    from watcher.rule_tests import run

    results = run.run(paths or TESTS)
    if junit is not None:
        junit.write_bytes(run.junit(results))
    for line in run.told(results):
        typer.echo(line)
    if any(result.differences for result in results):
        raise typer.Exit(1)
