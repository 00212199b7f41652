"""The verbs for whoever is on call: they talk to the daemon over its control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watcher import model
from watcher.cli.options import DEFAULT, AsJson, By, Config, Socket, ask, person, print_json

program = typer.Typer()

IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as Slack shows it.")]


@program.command()
def incidents(
    config: Config = DEFAULT,
    socket: Socket = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the incidents that are not over."""
    answer = ask(config, socket, "GET", "/incidents?all=1" if everything else "/incidents")
    if as_json:
        print_json(answer["incidents"])
        return
    for incident in answer["incidents"]:
        typer.echo(
            f"{incident['id']}  {incident['severity']:<8}  {incident['status']:<12}  "
            f"{incident['opened_at'][:19]}Z  {incident['title']}"
        )
    if not answer["incidents"]:
        typer.echo("nothing is open")


@program.command()
def ack(incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None) -> None:
    """Take an incident: reminders and escalations stop, and its readers see your name."""
    _act("ack", incident, by, config, socket)
    typer.echo(f"{incident} acknowledged")


@program.command()
def unack(
    incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None
) -> None:
    """Give an incident back."""
    _act("unack", incident, by, config, socket)
    typer.echo(f"{incident} given back")


@program.command()
def resolve(
    incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None
) -> None:
    """Declare an incident over; it opens again only after its condition has cleared once."""
    _act("resolve", incident, by, config, socket)
    typer.echo(f"{incident} resolved")


@program.command()
def reload(
    config: Config = DEFAULT,
    socket: Socket = None,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Accepted for clarity: it always waits for the answer.")
    ] = True,
) -> None:
    """Read rules and inventory again; if anything is wrong with them, nothing changes."""
    del wait
    try:
        typer.echo(ask(config, socket, "POST", "/reload")["reloaded"])
    except model.PermanentError as error:
        raise model.FaultyConfigError(tuple(str(error).splitlines())) from error


@program.command()
def status(config: Config = DEFAULT, socket: Socket = None, *, as_json: AsJson = False) -> None:
    """Say how well Watcher sees and tells."""
    answer = ask(config, socket, "GET", "/status")
    if as_json:
        print_json(answer)
        return
    typer.echo(f"{answer['instance']}: watcher {answer['version']}, since {answer['since'][:19]}Z")
    for daemon in answer["daemons"]:
        state = "leads" if daemon["leads"] else "stands by"
        typer.echo(f"daemon    {daemon['instance']:<12} {state:<9} since {daemon['since'][:19]}Z")
    for source in answer["sources"]:
        seen = source["last_success"]
        last = f"last seen {seen[:19]}Z" if seen else "not seen yet"
        error = f": {source['error']}" if source["error"] else ""
        typer.echo(
            f"source    {source['source']:<12} {source['sight']:<8} "
            f"{source['subjects']} subjects, {last}{error}"
        )
    for account in answer["accounts"]:
        state = "failing" if account["trouble"] else "fine"
        said = [account["trouble"]] if account["trouble"] else []
        if budget := account["calls_per_month"]:
            said.append(f"{account['calls']} of {budget} calls used in {account['month']}")
        typer.echo(f"account   {account['account']:<12} {state:<8} {', '.join(said)}".rstrip())
    for receiver in answer["receivers"]:
        error = f": {receiver['error']}" if receiver["error"] else ""
        state = "failing" if receiver["failing"] else "fine"
        typer.echo(f"receiver  {receiver['name']:<12} {state:<8} {receiver['owed']} owed{error}")
    typer.echo(f"incidents {answer['open']} open, {answer['acknowledged']} acknowledged")


@program.command()
def note(
    incident: IncidentId,
    text: Annotated[str, typer.Argument(help="What its readers should know.")],
    by: By = "",
    config: Config = DEFAULT,
    socket: Socket = None,
) -> None:
    """Write a note on an incident's timeline."""
    body = {"by": person(by), "text": text}
    ask(config, socket, "POST", f"/incidents/{incident}/note", body)
    typer.echo(f"{incident} noted")


@program.command()
def packet(incident: IncidentId, config: Config = DEFAULT, socket: Socket = None) -> None:
    """Write an incident for the carrier's ticket: circuits, what was seen and found, downtime."""
    for line in ask(config, socket, "GET", f"/incidents/{incident}/packet")["packet"]:
        typer.echo(line)


@program.command()
def why(
    what: Annotated[str, typer.Argument(metavar="INCIDENT|SUBJECT", help="As w-3f9k2c7d, vyvx/1.")],
    config: Config = DEFAULT,
    socket: Socket = None,
) -> None:
    """Explain an incident or a subject: what was seen, which rule, who was told what."""
    for line in ask(config, socket, "GET", f"/why/{what}")["why"]:
        typer.echo(line)


def _act(act: str, incident: str, by: str, config: Path, socket: Path | None) -> None:
    ask(config, socket, "POST", f"/incidents/{incident}/{act}", {"by": person(by)})
