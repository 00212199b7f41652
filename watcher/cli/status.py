"""Commands that say how things stand: status, oncall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from watcher import model
from watcher.cli import table, terminal
from watcher.cli.common import DEFAULT_CONFIG, AsJson, Config, Socket, print_json, request
from watcher.cli.table import Cell

program = typer.Typer()


@program.command()
def status(
    config: Config = DEFAULT_CONFIG, socket: Socket = None, *, as_json: AsJson = False
) -> None:
    """Show the health of sources, accounts, receivers and daemons."""
    report = request(config, socket, "GET", "/status")
    if as_json:
        print_json(report)
        return
    now = _now(report)
    table.print_line(
        f"{report['instance']}: watcher {report['version']}, since {report['since'][:19]}Z"
    )
    if database := report.get("database"):  # a daemon from before an upgrade says nothing
        table.print_line("database  ", f"{database['product']}  {database['name']}")
        if database["caution"]:
            table.print_line(" " * 10, f"{database['product']} {database['caution']}")
    for line in _findings(report):
        table.print_line(*line)
    _print("SOURCE", "SIGHT", "SUBJECTS", "SEEN", "REMARK", rows=_sources(report["sources"], now))
    _print("RECEIVER", "STATE", "PENDING", "SINCE", "REMARK", rows=_receivers(report, now))
    _print("ACCOUNT", "STATE", "REMARK", rows=_accounts(report["accounts"]))
    _print("DAEMON", "STATE", "SINCE", rows=_daemons(report["daemons"]))
    _print("HELD BACK BY", "NAME", "WHAT", rows=muted(report, now))
    if rotas := report.get("on_call"):  # a daemon from before an upgrade does not say
        typer.echo()
        print_rotas(rotas, now)


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
    moment = _checked(at) if at else ""
    resource = f"/oncall?at={quote(moment)}" if at else "/oncall"
    reply = request(config, socket, "GET", resource)
    answer = reply["on_call"]
    shown = [current for current in answer if rota in {"", current["rota"]}]
    if rota and not shown:
        names = ", ".join(current["rota"] for current in answer)
        raise model.PermanentError(f"there is no rota {rota!r}; there is {names or 'none at all'}")
    if as_json:
        print_json(shown)
    elif shown:
        print_rotas(shown, datetime.fromisoformat(moment) if at else _now(reply))
    else:
        typer.echo("no rotas: see docs/howto/on-call.md")


def print_rotas(rotas: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Print who has each rota; first those that nobody has, or whose calendar cannot be read."""
    from watcher.oncall.rota import OnCall

    current = msgspec.convert(rotas, tuple[OnCall, ...])
    ordered = sorted(current, key=lambda rota: (bool(rota.person), not rota.trouble, rota.rota))
    rows = [
        (
            rota.rota,
            rota.person or ("nobody", terminal.RED),
            f"{rota.until:%a %d %b %H:%M} UTC" if rota.until else "",
            model.format_duration(rota.until - now) if rota.until else "",
            (rota.next or "nobody") if rota.until else "",
            (rota.trouble, terminal.YELLOW),
        )
        for rota in ordered
    ]
    header = ("ROTA", "ON CALL", "UNTIL", "LEFT", "THEN", "REMARK")
    table.print_table(header, rows, wrap=True)


def muted(reply: Mapping[str, Any], now: datetime) -> Iterator[Sequence[Cell]]:
    """Yield what holds notifications back; a daemon from before an upgrade does not say."""
    if not any(reply.get(what) for what in ("silences", "windows", "works")):
        return  # mostly so, and nothing is loaded for it
    from watcher.operations import silences
    from watcher.operations import status as status_of

    for silence in msgspec.convert(reply.get("silences", ()), tuple[model.Silence, ...]):
        yield "silence", silence.id, silences.describe(silence, now)
    for window in reply.get("windows", ()):
        until = f"until {window['until'][:16]}Z" if window["until"] else "always"
        yield "maintenance", window["name"], until
    for work in msgspec.convert(reply.get("works", ()), tuple[status_of.NamedWork, ...]):
        yield "planned works", work.key, status_of.describe_work(work, now)


def print_muted(reply: Mapping[str, Any], now: datetime) -> None:
    """Print what holds notifications back, if anything does."""
    _print("HELD BACK BY", "NAME", "WHAT", rows=muted(reply, now))


def _print(*header: str, rows: Iterator[Sequence[Cell]] | Sequence[Sequence[Cell]]) -> None:
    """Print a table below an empty line, unless it has no rows."""
    if shown := list(rows):
        typer.echo()
        table.print_table(header, shown, wrap=True)


def _findings(report: Mapping[str, Any]) -> Iterator[Sequence[Cell]]:
    """Yield what is not about one source, receiver or account."""
    for problem in report.get("refused", ()):
        yield ("refused   ", terminal.RED), problem
    yield from _self_checks(report)
    if step := report.get("clock_step"):  # a daemon from before an upgrade gives none
        yield ("clock     ", terminal.YELLOW), step["sentence"]
    if idle := report.get("idle_rules"):
        yield ("rules     ", terminal.YELLOW), f"match nothing: {', '.join(idle)}"
    opened = ("incidents ", terminal.RED if report["open"] else terminal.GREEN)
    yield opened, f"{report['open']} open, {report['acknowledged']} acknowledged"


def _self_checks(report: Mapping[str, Any]) -> Iterator[Sequence[Cell]]:
    """Yield what came of the last drill and backup; a daemon from before an upgrade gives none."""
    if not (state := report.get("drill_state")):
        return
    colour = {"failed": terminal.RED, "ok": terminal.GREEN}.get(state, terminal.YELLOW)
    summary = "there was none: watcher drill"
    if drill := report["drill"]:
        details = {"ok": ", ".join(drill["receivers"]), "failed": report["drill_failure"]}
        summary = ": ".join(filter(None, (f"{state}, {drill['at'][:19]}Z", details.get(state))))
    yield ("drill     ", colour), summary
    backup = report["backup"]
    of = f"{backup['at'][:19]}Z: {backup['file']}" if backup else "none known: watcher backup"
    yield ("backup    ", terminal.GREEN if backup else terminal.YELLOW), of


def _sources(sources: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[Sequence[Cell]]:
    """Yield a row for each source, and what looks wrong in its answers."""
    for source in sorted(sources, key=lambda source: source["sight"] == "seen"):
        seen, at = source["sight"] == "seen", source["last_success"]
        # A daemon from before an upgrade gives no remarks.
        first, *others = [
            remark for remark in (source["error"], *source.get("remarks", ())) if remark
        ] or [""]
        yield (
            source["source"],
            (source["sight"], terminal.GREEN if seen and at else terminal.RED),
            str(source["subjects"]),
            f"{_age(at, now)} ago" if at else "not yet",
            first,
        )
        for remark in others:
            yield "", "", "", "", remark


def _receivers(report: Mapping[str, Any], now: datetime) -> Iterator[Sequence[Cell]]:
    """Yield a row for each receiver, the pause that it asked for, and what does not arrive."""
    for receiver in sorted(report["receivers"], key=lambda receiver: not receiver["failing"]):
        # A daemon from before an upgrade gives neither a pause nor remarks.
        until = receiver.get("waits_until")
        pause = f"it asked for a pause until {until[:19]}Z" if until else ""
        remarks = (receiver["error"], pause, *receiver.get("remarks", ()))
        first, *others = [remark for remark in remarks if remark] or [""]
        since = receiver.get("failing_since") or receiver.get("owed_since")
        yield (
            receiver["name"],
            ("failing", terminal.RED) if receiver["failing"] else ("healthy", terminal.GREEN),
            str(receiver["owed"]),
            _age(since, now) if since else "",
            first,
        )
        for remark in others:
            yield "", "", "", "", remark


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Cell]]:
    """Yield a row for each account: what fails, and how much of its budget is used."""
    for account in sorted(accounts, key=lambda account: not account["trouble"]):
        details = [account["trouble"]] if account["trouble"] else []
        if budget := account["calls_per_month"]:
            details.append(f"{account['calls']} of {budget} calls used in {account['month']}")
        state = ("failing", terminal.RED) if account["trouble"] else ("healthy", terminal.GREEN)
        yield account["account"], state, ", ".join(details)


def _daemons(daemons: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Cell]]:
    """Yield a row for each daemon that shares the database, the one that leads first."""
    for daemon in sorted(daemons, key=lambda daemon: not daemon["leads"]):
        state = "leader" if daemon["leads"] else "standby"
        yield daemon["instance"], state, f"{daemon['since'][:19]}Z"


def _age(at: str, now: datetime) -> str:
    return model.format_duration(now - datetime.fromisoformat(at))


def _now(reply: Mapping[str, Any]) -> datetime:
    """Return the daemon's time; one from before an upgrade does not say it."""
    if "now" in reply:
        return datetime.fromisoformat(reply["now"])
    from watcher.clock import SystemClock

    return SystemClock().now()


def _checked(written: str) -> str:
    """Return a time that has a zone; one without is on the clocks of this host."""
    try:
        return datetime.fromisoformat(written).astimezone().isoformat()
    except ValueError:
        raise typer.BadParameter(
            f"{written!r} is not a time: write 2026-12-24T20:00 or 2026-12-24T20:00Z"
        ) from None
