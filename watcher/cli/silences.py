"""`watcher silence`: mute notifications for a while, and see what is muted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from watcher import model
from watcher.cli import table, terminal
from watcher.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    By,
    Config,
    Socket,
    complete_id,
    full_id,
    print_json,
    request,
    user,
)

group = typer.Typer(help="Mute notifications for a while.", no_args_is_help=True)


@group.command()
def add(  # noqa: PLR0917  # typer's options, given by name
    matchers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MATCHER",
            help="rule=, subject=, source=, severity= or labels.NAME=, as in labels.site=NYC"
            " rule=vyvx-*. Use != to negate a matcher and * as a wildcard.",
        ),
    ] = None,
    span: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long, as in 90m; default: 1h.")
    ] = "",
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Why, for its readers.")] = "",
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    *,
    begin: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="When it begins, as in 2026-11-29T02:00Z; default: now."
        ),
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            metavar="WHEN",
            help="When it ends: a time; resolved, once the incident is; ended, once the bookings"
            " of the subjects that it names are over.",
        ),
    ] = "",
    or_matchers: Annotated[
        list[str] | None,
        typer.Option(
            "--or", metavar="MATCHERS", help="Another set of matchers, in quotes; may be repeated."
        ),
    ] = None,
    incident: Annotated[
        str,
        typer.Option(
            metavar="INCIDENT",
            help="Whose firing alerts it is about, if no matchers are given.",
        ),
    ] = "",
    ticket: Annotated[str, typer.Option(metavar="TEXT", help="A ticket, for its readers.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Also if it silences everything, or for very long.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Mute notifications for alerts that match all matchers.

    MQTT keeps publishing them, flagged `silenced`.
    """
    from watcher.operations import silences

    try:
        kind, end = silences.parse_until(until) if until else (None, None)
        usual = "" if until else "1h"
        length = model.parse_duration(span or usual) if span or usual else None
        first = tuple(map(model.parse_matcher, matchers or ()))
        others = tuple(map(silences.parse_set, or_matchers or ()))
        body = {
            "matchers": first,
            "or_matchers": others,
            "seconds": None if length is None else length.total_seconds(),
            "begin": silences.parse_time(begin) if begin else None,
            "end": end,
            "until": kind,
            "incident": incident,
            "by": user(by),
            "comment": comment,
            "ticket": ticket,
            "confirmed": yes,
        }
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not first and not incident:
        raise typer.BadParameter("name a matcher, as in rule=vyvx-*, or an --incident")
    if incident:
        body["incident"] = full_id(config, socket, incident)
    reply = request(config, socket, "POST", "/silences", body)
    if as_json:
        from watcher.operations import documents

        added = documents.silence(msgspec.convert(reply["silence"], model.Silence))
        print_json({**reply, "silence": added})
        return
    silence, now = msgspec.convert(reply["silence"], model.Silence), _time(reply["now"])
    later = silence.begin > now
    starts = f"from {model.format_time(silence.begin, now, seconds=False)} " if later else ""
    typer.echo(f"{silence.id} {starts}{silences.describe_end(silence, now)}: {reply['matches']}")
    for line in reply["unknown"]:
        typer.echo(f"warning: {line}", err=True)


@group.command("list")
def list_silences(
    config: Config = DEFAULT_CONFIG, socket: Socket = None, *, as_json: AsJson = False
) -> None:
    """List active silences, and those that begin later."""
    from watcher.operations import documents, silences

    reply = request(config, socket, "GET", "/silences")
    active = msgspec.convert(reply["silences"], list[model.Silence])
    if as_json:
        print_json(documents.silences(active))
        return
    if not active:
        typer.echo("no active silences")
        return
    now = _time(reply["now"])
    rows: list[list[table.Cell]] = []
    for silence in sorted(active, key=lambda silence: (silence.begin > now, silence.begin)):
        later = silence.begin > now
        begin = model.format_time(silence.begin, now, seconds=False)
        ends = silences.describe_end(silence, now).removeprefix("until ")
        left = model.format_duration(silence.end - now) if silence.end and not later else ""
        ticket = f" ({silence.ticket})" if silence.ticket else ""
        what = f"{silence.written}{f': {silence.comment}' if silence.comment else ''}{ticket}"
        state: table.Cell = f"from {begin}" if later else ("in force", terminal.YELLOW)
        rows.append([silence.id, state, ends, left, silence.by, what])
    table.print_table(("SILENCE", "STATE", "UNTIL", "LEFT", "BY", "WHAT"), rows, wrap=True)


@group.command()
def expire(
    silence: Annotated[
        str, typer.Argument(metavar="SILENCE", help="The silence's id, or its first letters.")
    ],
    by: By = "",
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """End a silence now; people are notified of what is still true."""
    if not silence:
        raise typer.BadParameter("name a silence; see `watcher silence list`")
    active = request(config, socket, "GET", "/silences").get("silences", ())
    silence = complete_id(silence, [existing["id"] for existing in active], "s-")
    request(config, socket, "POST", f"/silences/{quote(silence, safe='')}/expire", {"by": user(by)})
    typer.echo(f"{silence} expired")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
