"""`watcher silence`: hold back what people do not want to be told of for a while."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from watcher import model
from watcher.cli.options import DEFAULT, By, Config, Socket, ask, person

program = typer.Typer(
    help="Hold back what people do not want to be told of for a while.", no_args_is_help=True
)


@program.command()
def add(  # noqa: PLR0917 -- typer's options, given by name
    matchers: Annotated[
        list[str],
        typer.Argument(
            metavar="MATCHER...",
            help="All must fit: rule=, subject=, source=, severity= or labels.NAME=; != turns one"
            " round, and * stands for any text, as in labels.site=NYC rule=vyvx-*.",
        ),
    ],
    span: Annotated[str, typer.Option("--for", help="How long, as in 90m.")] = "1h",
    comment: Annotated[str, typer.Option(help="Why, for its readers.")] = "",
    by: By = "",
    config: Config = DEFAULT,
    socket: Socket = None,
) -> None:
    """Tell nobody of what all matchers fit, from now on; MQTT goes on, with a flag."""
    try:
        seconds = model.parse_duration(span).total_seconds()
        wanted = [msgspec.to_builtins(model.parse_matcher(text)) for text in matchers]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    body = {
        "matchers": wanted,
        "seconds": seconds,
        "by": person(by),
        "comment": comment,
    }
    silence = ask(config, socket, "POST", "/silences", body)["silence"]
    typer.echo(f"{silence['id']} until {silence['end'][:19]}Z")


@program.command("list")
def list_silences(config: Config = DEFAULT, socket: Socket = None) -> None:
    """List the silences that are not over."""
    silences = ask(config, socket, "GET", "/silences")["silences"]
    for silence in silences:
        matchers = " ".join(
            str(msgspec.convert(each, model.Matcher)) for each in silence["matchers"]
        )
        why = f"  {silence['comment']}" if silence["comment"] else ""
        end = silence["end"][:19]
        typer.echo(f"{silence['id']}  until {end}Z  by {silence['by']}  {matchers}{why}")
    if not silences:
        typer.echo("nothing is silenced")


@program.command()
def expire(
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id, as list shows it.")],
    by: By = "",
    config: Config = DEFAULT,
    socket: Socket = None,
) -> None:
    """End a silence now; what is still true is told."""
    body = {"by": person(by)}
    ask(config, socket, "POST", f"/silences/{silence}/expire", body)
    typer.echo(f"{silence} is over")
