"""`watcher remedy`: say yes or no to a change of bandwidth that an incident proposes."""

from __future__ import annotations

import typer

from watcher.cli.operate import IncidentId
from watcher.cli.options import DEFAULT, By, Config, Socket, ask, person

program = typer.Typer(
    help="Say yes or no to a change of bandwidth that an incident proposes.", no_args_is_help=True
)


@program.command()
def approve(
    incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None
) -> None:
    """Have the proposed change ordered. It costs money; what becomes of it is on the timeline."""
    ask(config, socket, "POST", f"/incidents/{incident}/approve", {"by": person(by)})
    typer.echo(f"{incident}: the change is approved, and is being ordered")


@program.command()
def refuse(
    incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None
) -> None:
    """Drop the proposed change; nothing is ordered."""
    ask(config, socket, "POST", f"/incidents/{incident}/refuse", {"by": person(by)})
    typer.echo(f"{incident}: the change is refused, and nothing is ordered")
