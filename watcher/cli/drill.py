"""`watcher drill`: see that people and programs would be told, by an incident about nothing."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from watcher import model
from watcher.cli.options import DEFAULT, By, Config, Socket, ask, person

_LOOK_SECONDS = 0.1

program = typer.Typer()


@program.command()
def drill(
    receiver: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Whom to tell, once or more often; default: all."),
    ] = None,
    within: Annotated[str, typer.Option(help="How soon all must be told, as in 30s.")] = "30s",
    by: By = "",
    config: Config = DEFAULT,
    socket: Socket = None,
    *,
    page: Annotated[
        bool, typer.Option("--page", help="As if it were critical: people are called, too.")
    ] = False,
) -> None:
    """Open an incident that says it is a drill, and see who is told of it, and how soon."""
    from watcher import clock

    try:
        patience = model.parse_duration(within)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    monotonic = clock.SystemClock().monotonic
    begun = monotonic()
    body = {"by": person(by), "receivers": receiver or [], "page": page}
    incident = ask(config, socket, "POST", "/drills", body)["incident"]
    typer.echo(f"{incident['id']}: {incident['title']}")
    owed = dict.fromkeys(incident["receivers"], "nobody has tried yet")
    while True:
        answer = ask(config, socket, "GET", f"/incidents/{incident['id']}/receipts")
        took = monotonic() - begun
        for receipt in answer["receipts"]:
            name = receipt["receiver"]
            if name not in owed:
                continue
            if receipt["told_through"] and receipt["parent_version"]:
                del owed[name]
                typer.echo(f"ok    {name}: told after {took:.1f} s")
            elif receipt["error"]:
                owed[name] = receipt["error"]
        if not owed:
            return
        if took > patience.total_seconds():
            break
        time.sleep(_LOOK_SECONDS)
    for name, why in owed.items():
        typer.echo(f"FAIL  {name}: not told within {model.format_duration(patience)}: {why}")
    raise typer.Exit(1)
