"""`watcher works`: what carriers have announced, and what we say about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from watcher import model
from watcher.cli.common import DEFAULT_CONFIG, AsJson, By, Config, Socket, print_json, request, user

group = typer.Typer(help="Planned works that carriers announce.", no_args_is_help=True)

Which = Annotated[
    str,
    typer.Argument(
        metavar="WORK", help="The carrier's id, PROVIDER/ID, or how one of them begins."
    ),
]


@group.command("list")
def list_works(
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    past: Annotated[bool, typer.Option("--past", help="Those that are over as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List planned works, the next one first."""
    from watcher.operations import works

    reply = request(config, socket, "GET", "/works?past=1" if past else "/works")
    if as_json:
        print_json(reply["documents"])
        return
    for work in msgspec.convert(reply["works"], list[model.Work]):
        typer.echo(f"{work.key}  {works.describe(work, _time(reply['now']))}")
        if people := works.describe_people(work):
            typer.echo(f"  {people}")
    if not reply["works"]:
        typer.echo("no planned works are known" if past else "no planned works lie ahead")


@group.command()
def show(
    work: Which, config: Config = DEFAULT_CONFIG, socket: Socket = None, *, as_json: AsJson = False
) -> None:
    """Show one maintenance: its windows, circuits, and where each notice came from."""
    reply = _request(config, socket, "GET", work)
    if as_json:
        print_json(reply["document"])
        return
    for line in reply["lines"]:
        typer.echo(line)


@group.command()
def confirm(
    work: Which, by: By = "", config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Take note of planned works; those that were dismissed count again."""
    reply = _request(config, socket, "POST", work, "/confirm", {"by": user(by)})
    typer.echo(f"{reply['work']} confirmed")


@group.command()
def dismiss(
    work: Which, by: By = "", config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Say that planned works do not count: outages in their windows call people."""
    reply = _request(config, socket, "POST", work, "/dismiss", {"by": user(by)})
    typer.echo(f"{reply['work']} dismissed: outages in its windows call people")


def _request(  # noqa: PLR0917 -- as request() takes them
    config: Any, socket: Any, method: str, work: str, action: str = "", body: object = None
) -> Any:
    return request(config, socket, method, f"/works/{quote(work, safe='')}{action}", body)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
