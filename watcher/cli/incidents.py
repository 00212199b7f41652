"""Commands for the person on call: incidents, remedies, drills, reload.

All of them are requests to the daemon, over its control socket.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from watcher import model
from watcher.cli import common, status, table
from watcher.cli.common import DEFAULT_CONFIG, AsJson, By, Config, Socket, print_json, request, user

program = typer.Typer()

_RECHECK_SECONDS = 0.1  # between two looks at the receipts of a drill

IncidentId = Annotated[
    str,
    typer.Argument(metavar="INCIDENT", help="The incident's id, or its first letters."),
]


@program.command("incidents")
def list_incidents(
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Include resolved incidents.")] = False,
    as_json: AsJson = False,
) -> None:
    """List unresolved incidents."""
    wanted = {"all": "1"} if everything else {}
    if as_json:
        wanted["form"] = "documents"
    reply = request(config, socket, "GET", f"/incidents?{urlencode(wanted)}")
    incidents = reply["incidents"]
    if as_json:
        print_json(incidents)
        return
    if "now" not in reply:
        raise model.PermanentError(
            "the running daemon is of an earlier version than this command: restart it"
            " (systemctl restart watcher), or list them with --json"
        )
    now = datetime.fromisoformat(reply["now"])
    if incidents:
        table.print_incidents(incidents, now)
    else:
        typer.echo("no unresolved incidents")
    if reply.get("more"):
        typer.echo("only the newest are listed; the board and the API have all of them")
    status.print_muted(reply, now)


@program.command()
def ack(
    incident: IncidentId, by: By = "", config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Acknowledge an incident: reminders and escalations stop, and its readers see your name."""
    after = _change("ack", incident, by, config, socket)
    needed, have = after.get("acks_needed", 1), len(after.get("acks", ()))
    short = needed > 1 and have < needed
    of_several = f" by {have} of {needed} people: it stays open until then" if short else ""
    typer.echo(f"{incident} acknowledged{of_several}")


@program.command()
def unack(
    incident: IncidentId, by: By = "", config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Withdraw an acknowledgement."""
    _change("unack", incident, by, config, socket)
    typer.echo(f"{incident}: acknowledgement withdrawn")


@program.command()
def resolve(
    incident: IncidentId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; its readers see it.")] = "",
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Resolve an incident; it can reopen only after its condition has cleared once."""
    body = {"by": user(by), "text": reason}
    incident = common.full_id(config, socket, incident)
    request(config, socket, "POST", f"/incidents/{incident}/resolve", body)
    typer.echo(f"{incident} resolved")


@program.command()
def reload(
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Accepted for clarity: it always waits for the reply.")
    ] = True,
) -> None:
    """Reload rules and inventory; if they have a problem, the old ones stay in force."""
    del wait
    try:
        typer.echo(request(config, socket, "POST", "/reload")["reloaded"])
    except model.PermanentError as error:
        raise model.InvalidConfigError(tuple(str(error).splitlines())) from error


@program.command()
def note(
    incident: IncidentId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What its readers should know.")],
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Add a note to an incident's timeline."""
    body = {"by": user(by), "text": text}
    incident = common.full_id(config, socket, incident)
    request(config, socket, "POST", f"/incidents/{incident}/note", body)
    typer.echo(f"{incident}: note added")


@program.command()
def packet(
    incident: IncidentId,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print an incident for the carrier's ticket: circuits, findings, timeline, downtime."""
    identity = common.full_id(config, socket, incident)
    _print_lines(request(config, socket, "GET", f"/incidents/{identity}/packet"), "packet", as_json)


@program.command()
def why(
    key: Annotated[
        str,
        typer.Argument(
            metavar="INCIDENT|SUBJECT",
            help="An incident's id or a subject's key, as in w-3f9k2c7d or vyvx/1.",
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain an incident or a subject: what was seen, which rule matched, who was notified."""
    about = key if "/" in key else common.full_id(config, socket, key)
    _print_lines(request(config, socket, "GET", f"/why/{quote(about)}"), "why", as_json)


def _print_lines(reply: Mapping[str, Any], key: str, as_json: bool) -> None:  # noqa: FBT001  # ours
    """Print what the daemon says: its lines for people, all of its reply for programs."""
    if as_json:
        print_json(reply)
        return
    for line in reply[key]:
        typer.echo(line)


@program.command()
def drill(
    receiver: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A receiver to notify; may be repeated; default: all of them."
        ),
    ] = None,
    within: Annotated[
        str, typer.Option(metavar="DURATION", help="How soon all must be notified, as in 30s.")
    ] = "30s",
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    page: Annotated[
        bool, typer.Option("--page", help="Make it critical, so that people are paged.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Open an incident that is marked as a drill; show who is notified, and how soon."""
    from watcher.clock import SystemClock

    try:
        limit = model.parse_duration(within)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    monotonic = SystemClock().monotonic
    start = monotonic()
    body = {"by": user(by), "receivers": receiver or [], "page": page}
    incident = request(config, socket, "POST", "/drills", body)["incident"]
    lines = _Lines(quiet=as_json)
    lines.add(f"{incident['id']}: {incident['title']}")
    pending = dict.fromkeys(incident["receivers"], "no attempt yet")
    after: dict[str, float] = {}
    while True:
        reply = request(config, socket, "GET", f"/incidents/{incident['id']}/receipts")
        elapsed = monotonic() - start
        for name in _notified(reply["receipts"], pending):
            after[name] = round(elapsed, 1)
            lines.add(f"ok    {name}: notified after {elapsed:.1f} s")
        if not pending or elapsed > limit.total_seconds():
            break
        time.sleep(_RECHECK_SECONDS)
    for name, why in pending.items():
        lines.add(f"FAIL  {name}: not notified within {model.format_duration(limit)}: {why}")
    if as_json:
        print_json({"incident": incident["id"], "notified_after": after, "failed": pending})
    if pending:
        raise typer.Exit(1)


class _Lines:
    """Lines for people, which nobody sees who asked for JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def add(self, line: str) -> None:
        """Print a line at once."""
        if not self._quiet:
            typer.echo(line)


def _notified(receipts: Sequence[Mapping[str, Any]], pending: dict[str, str]) -> Iterator[str]:
    """Take out of `pending` who has been notified, and yield them; note why the others are not."""
    for receipt in receipts:
        name = receipt["receiver"]
        if name not in pending:
            continue
        if receipt["told_through"] and receipt["parent_version"]:
            del pending[name]
            yield name
        elif receipt["error"]:
            pending[name] = receipt["error"]


def _change(
    verb: str, incident: str, by: str, config: Path, socket: Path | None
) -> Mapping[str, Any]:
    """Carry out a command, and return the incident after it."""
    resource = f"/incidents/{common.full_id(config, socket, incident)}/{verb}"
    after: Mapping[str, Any] = request(config, socket, "POST", resource, {"by": user(by)})
    return after["incident"]  # type: ignore[no-any-return]  # as the control socket answers


remedy_group = typer.Typer(
    help="Approve or refuse the change of bandwidth that an incident proposes.",
    no_args_is_help=True,
)


@remedy_group.command()
def approve(
    incident: IncidentId, by: By = "", config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Have the proposed change ordered. It costs money; the timeline shows the result."""
    _change("approve", incident, by, config, socket)
    typer.echo(f"{incident}: change approved, it is being ordered")


@remedy_group.command()
def refuse(
    incident: IncidentId, by: By = "", config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Drop the proposed change; nothing is ordered."""
    _change("refuse", incident, by, config, socket)
    typer.echo(f"{incident}: change refused, nothing is ordered")
