"""`watcher oncall`: who is on call, and who is next."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from watcher import model
from watcher.cli.common import DEFAULT_CONFIG, AsJson, Config, Socket, print_json, request

program = typer.Typer()


@program.command()
def oncall(
    rota: Annotated[
        str, typer.Argument(metavar="ROTA", help="Only this rota.", show_default=False)
    ] = "",
    at: Annotated[
        str,
        typer.Option(metavar="TIME", help="At another time, as in 2026-12-24T20:00+01:00."),
    ] = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who is on call now, until when, and who is next."""
    from watcher.oncall.rota import OnCall

    resource = f"/oncall?at={quote(_checked(at))}" if at else "/oncall"
    answer = request(config, socket, "GET", resource)["on_call"]
    shown = [current for current in answer if rota in {"", current["rota"]}]
    if rota and not shown:
        names = ", ".join(current["rota"] for current in answer)
        raise model.PermanentError(f"there is no rota {rota!r}; there is {names or 'none at all'}")
    if as_json:
        print_json(shown)
        return
    for current in msgspec.convert(shown, list[OnCall]):
        typer.echo(f"{current.rota:<16} {current}")
    if not shown:
        typer.echo("no rotas: see docs/howto/on-call.md")


def _checked(written: str) -> str:
    """Return a time that has a zone; one without is on the clocks of this host."""
    try:
        return datetime.fromisoformat(written).astimezone().isoformat()
    except ValueError:
        raise typer.BadParameter(
            f"{written!r} is not a time: write 2026-12-24T20:00 or 2026-12-24T20:00Z"
        ) from None
