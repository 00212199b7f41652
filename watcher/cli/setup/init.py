"""`watcher init`: write a configuration, an inventory and rules to begin with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from watcher import model, system_words
from watcher.cli.common import print_errors, require_one_of
from watcher.cli.setup import shipped, starter

program = typer.Typer()


@program.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where to write; default: here.")
    ] = Path(),
    vendor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help=f"What you buy: {', '.join(starter.VENDORS)}; may be repeated.",
        ),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help=f"Who is notified: {', '.join(starter.RECEIVERS)}; may be repeated.",
        ),
    ] = None,
    *,
    diagnostics: Annotated[
        bool | None,
        typer.Option(
            "--diagnostics/--no-diagnostics", help="Enrolled for Lumen Service Diagnostics."
        ),
    ] = None,
) -> None:
    """Write config.toml, inventory.yaml and rules for what you have.

    Asks on a terminal for what no option says. Files that exist are kept as they are.
    """
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is a file; name a folder")
    asks = sys.stdin.isatty()
    vendors = _chosen("vendor", vendor, starter.VENDORS, "What do you buy?", asks=asks)
    receivers = _chosen("notify", notify, starter.RECEIVERS, "Who is notified?", asks=asks)
    if diagnostics is None:
        diagnostics = asks and typer.confirm(
            "Has Lumen enrolled you for Service Diagnostics?", default=False
        )
    choice = starter.Choice(
        vendors=vendors,
        receivers=receivers,
        diagnostics=diagnostics,
        as_service=folder.absolute().is_relative_to("/etc"),
    )
    kept = 0
    for name, text in starter.files(shipped.folder(), choice).items():
        written = _write(folder / name, text)
        kept += not written
        typer.echo(f"{folder / name}: {'written' if written else 'exists, kept as it is'}")
    where = "" if folder == Path() else f" --config {folder / 'config.toml'}"
    typer.echo("\nNext:")
    typer.echo(f"  edit {folder / 'config.toml'}: your keys, tokens and channels")
    typer.echo(f"  edit {folder / 'inventory.yaml'}: your circuits, and whom to call")
    typer.echo(f"  watcher check --connect{where}")
    typer.echo(f"  watcher run{where}")
    if kept:
        files = model.format_count(kept, "file")
        print_errors(f"note: {files} of before stayed, and may not fit this choice")


def _chosen(
    option: str, given: list[str] | None, valid: Mapping[str, str], question: str, *, asks: bool
) -> list[str]:
    """Return what was chosen, in our order. Raises BadParameter."""
    if not given and not asks:
        raise typer.BadParameter(
            f"name what you have with --{option}: {', '.join(valid)}", param_hint=f"--{option}"
        )
    given = given or [
        kind
        for kind, what in valid.items()
        if typer.confirm(f"{question} {what[:1].upper()}{what[1:]}?", default=False)
    ]
    for word in given:
        require_one_of(word, tuple(valid))
    if not given:
        raise model.PermanentError(f"nothing was chosen: {question.lower()}")
    return [kind for kind in valid if kind in given]


def _write(path: Path, text: str) -> bool:
    """Write a new file; return whether there was none. Raises PermanentError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise model.PermanentError(
            f"{path} cannot be written: {system_words.of_error(error)}"
        ) from error
    return True
