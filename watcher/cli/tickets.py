"""Commands about the carrier's tickets: ticket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from watcher import model
from watcher.cli.common import DEFAULT_CONFIG, By, Config, Socket, request, user

program = typer.Typer()
_NOT_THE_CARRIERS = frozenset({model.DRILL, "planned"})  # flags


@program.command()
def ticket(  # noqa: PLR0917 -- typer passes them by name
    incident: Annotated[
        str, typer.Argument(metavar="[INCIDENT", help="The incident's id, as Slack shows it.")
    ] = "",
    number: Annotated[str, typer.Argument(metavar="NUMBER]", help="The carrier's number.")] = "",
    url: Annotated[str, typer.Option(metavar="URL", help="Where the ticket can be read.")] = "",
    state: Annotated[
        model.TicketState | None, typer.Option(help="Where it stands, as the carrier says.")
    ] = None,
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Record the carrier's ticket, or list incidents that should have one."""
    if not incident:
        lines = list(_lacking(request(config, socket, "GET", "/incidents")))
        none = "every open incident has a ticket, or began too recently to need one"
        for line in lines or [none]:
            typer.echo(line)
        return
    body = {"by": user(by), "number": number, "url": url, "state": state}
    changed = request(config, socket, "POST", f"/incidents/{incident}/ticket", body)["incident"]
    recorded = changed["ticket"]
    typer.echo(f"{incident}: ticket {recorded['number']}, {recorded['state']}")


def _lacking(reply: Mapping[str, Any]) -> Iterator[str]:
    """Yield the incidents that were opened long enough ago and have no ticket, oldest first."""
    now, after = datetime.fromisoformat(reply["now"]), timedelta(seconds=reply["ticket_after"])
    for incident in sorted(reply["incidents"], key=lambda incident: incident["began_at"]):
        lasted = now - datetime.fromisoformat(incident["began_at"])
        if incident["ticket"] is None and lasted >= after and _is_the_carriers(incident):
            yield f"{incident['id']}  {model.format_duration(lasted):<12}  {incident['title']}"


def _is_the_carriers(incident: Mapping[str, Any]) -> bool:
    """Whether a circuit is out that the carrier may not know of: not a drill, nor its own works.

    The group of an incident about circuits is a subject, or several of its source: `evpl/1`,
    `evpl{site=NYC}`. One about a source that cannot be seen, or about a receiver, has only a name.
    """
    if not _NOT_THE_CARRIERS.isdisjoint(incident["flags"]):
        return False
    source, group = str(incident["source"]), str(incident["group"])
    return group.startswith((f"{source}/", f"{source}{{"))
