"""Commands about the carrier's tickets: ticket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from watcher import model
from watcher.cli import table
from watcher.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    By,
    Config,
    Socket,
    choice,
    full_id,
    print_json,
    request,
    user,
)

program = typer.Typer()
_NOT_THE_CARRIERS = frozenset({model.DRILL, "planned"})  # flags


@program.command()
def ticket(  # noqa: PLR0917  # typer passes them by name
    incident: Annotated[
        str, typer.Argument(metavar="[INCIDENT", help="The incident's id, or its first letters.")
    ] = "",
    number: Annotated[str, typer.Argument(metavar="NUMBER]", help="The carrier's number.")] = "",
    url: Annotated[str, typer.Option(metavar="URL", help="Where the ticket can be read.")] = "",
    state: Annotated[
        model.TicketState | None,
        typer.Option(
            help="Where it stands, as the carrier says.", parser=choice(model.TicketState)
        ),
    ] = None,
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Record the carrier's ticket, or list incidents that should have one."""
    if not incident:
        _list(config, socket, as_json=as_json)
        return
    body = {"by": user(by), "number": number, "url": url, "state": state}
    incident = full_id(config, socket, incident)
    changed = request(config, socket, "POST", f"/incidents/{incident}/ticket", body)["incident"]
    recorded = changed["ticket"]
    if as_json:
        print_json({"incident": incident, "ticket": recorded})
    else:
        typer.echo(f"{incident}: ticket {recorded['number']}, {recorded['state']}")


def _list(config: Path, socket: Path | None, *, as_json: bool) -> None:
    """Print the incidents that should have a ticket; for programs their documents."""
    reply = request(config, socket, "GET", "/incidents")
    lacking = list(_lacking(reply))
    if as_json:
        wanted = {incident["id"] for incident in lacking}
        whole = request(config, socket, "GET", "/incidents?form=documents")["incidents"]
        print_json([incident for incident in whole if incident["id"] in wanted])
    elif lacking:
        table.print_incidents(lacking, datetime.fromisoformat(reply["now"]))
    else:
        typer.echo("every open incident has a ticket, or began too recently to need one")


def _lacking(reply: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the incidents that were opened long enough ago and have no ticket."""
    now, after = datetime.fromisoformat(reply["now"]), timedelta(seconds=reply["ticket_after"])
    for incident in reply["incidents"]:
        lasted = now - datetime.fromisoformat(incident["began_at"])
        if incident["ticket"] is None and lasted >= after and _is_the_carriers(incident):
            yield incident


def _is_the_carriers(incident: Mapping[str, Any]) -> bool:
    """Whether a circuit is out that the carrier may not know of: not a drill, nor its own works.

    The group of an incident about circuits is a subject, or several of its source: `evpl/1`,
    `evpl{site=NYC}`. One about a source that cannot be seen, or about a receiver, has only a name.
    """
    if not _NOT_THE_CARRIERS.isdisjoint(incident["flags"]):
        return False
    source, group = str(incident["source"]), str(incident["group"])
    return group.startswith((f"{source}/", f"{source}{{"))
