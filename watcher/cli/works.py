"""`watcher works`: what carriers have announced, and what we say about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from watcher import model, system_words
from watcher.cli import table, terminal
from watcher.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    By,
    Config,
    Socket,
    print_errors,
    print_json,
    request,
    user,
)
from watcher.text import clean

group = typer.Typer(help="Planned works that carriers announce.", no_args_is_help=True)
_STDIN = Path("-")
_COLOURS = {"running": terminal.YELLOW, "moved": terminal.YELLOW, "ahead": terminal.GREEN}

Which = Annotated[
    str,
    typer.Argument(
        metavar="WORK", help="The carrier's id, PROVIDER/ID, or how one of them begins."
    ),
]


@group.command("import")
def import_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Mails, iCalendar files or HTML pages; - or nothing: one message on stdin.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Take carriers' notices of planned works from files, or from standard input.

    Exit code 1: one of them is not a notice; the daemon keeps it, with the reason, in `rejected`.
    Exit code 75, from standard input alone: the daemon did not take it, so that a mail rule keeps
    it and tries again.
    """
    if not files and sys.stdin.isatty():
        raise typer.BadParameter("name files, or give a message on standard input")
    code, replies = 0, []
    for file in files or [_STDIN]:
        name = "standard input" if file == _STDIN else str(file)
        try:
            reply = _import(file, config, socket)
        except (model.WatcherError, OSError) as error:
            reason = system_words.of_error(error) if isinstance(error, OSError) else str(error)
            print_errors(f"{name}: not taken: {reason}")
            code = max(code, os.EX_TEMPFAIL if file == _STDIN else 1)
            continue
        replies.append({"name": name, **reply})
        if reply["rejected"]:
            print_errors(f"{name}: {reply['rejected']}; kept as {reply['kept']}")
            code = max(code, 1)
        elif not as_json:
            for notice in reply["notices"]:
                typer.echo(f"{name}: {_summary(notice)}")
    if as_json:
        print_json(replies)
    if code:
        raise typer.Exit(code)


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
    now = _time(reply["now"])
    rows: list[list[table.Cell]] = []
    for work in msgspec.convert(reply["works"], list[model.Work]):
        state = works.state_of(work, now)
        words = (works.describe_people(work), clean(work.notice.summary, 120))
        rows.append(
            [
                work.key,
                (works.STATES[state], _COLOURS.get(state, terminal.GREY)),
                works.describe_when(work, now),
                works.describe_wait(work, now),
                works.describe_impact(work),
                "; ".join(filter(None, words)),
            ]
        )
    if rows:
        table.print_table(("WORKS", "STATE", "WINDOW", "IN", "IMPACT", "REMARK"), rows, wrap=True)
    else:
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


def _import(file: Path, config: Path, socket: Path | None) -> Mapping[str, Any]:
    """Send a message to the daemon, as it is."""
    if file == _STDIN:
        content, origin = sys.stdin.buffer.read(), ""
    else:
        content, origin = file.read_bytes(), f"?origin={quote(f'file {file.name}'[:400], safe='')}"
    reply: Mapping[str, Any] = request(config, socket, "POST", f"/works/notices{origin}", content)
    return reply


def _summary(notice: Mapping[str, Any]) -> str:
    windows = ", ".join(f"{w['begin'][:16]}Z to {w['end'][:16]}Z" for w in notice["windows"])
    circuits = ", ".join(circuit["id"] for circuit in notice["circuits"][:5])
    more = len(notice["circuits"]) - 5
    listed = f"{circuits} and {more} more" if more > 0 else circuits
    facts = [f"{notice['provider']}/{notice['id']} {notice['status']}", windows, listed]
    return "; ".join(fact for fact in facts if fact)


def _request(  # noqa: PLR0917  # as request() takes them
    config: Any, socket: Any, method: str, work: str, action: str = "", body: object = None
) -> Any:
    if not work:
        raise typer.BadParameter("name the works; see `watcher works list`")
    return request(config, socket, method, f"/works/{quote(work, safe='')}{action}", body)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
