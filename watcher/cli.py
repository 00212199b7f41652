"""The verbs of the command line.

Law: exit code 0 is fine, 1 a finding, 2 usage or a bad config, rule or inventory, for every verb;
errors are one line for each fault on stderr, never a traceback. A verb imports what it needs, so
that `watcher status` does not load the daemon.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from watcher import cli_iod, cli_preorder, cli_rules, cli_silence, model

program = typer.Typer(
    name="watcher",
    help="Watches Lumen and Orange circuits and tells people and programs what broke.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

program.add_typer(cli_iod.program, name="iod")
program.add_typer(cli_preorder.program, name="preorder")
program.add_typer(cli_silence.program, name="silence")
program.add_typer(cli_rules.program)

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="WATCHER_CONFIG", help="The configuration file."),
]
Socket = Annotated[
    Path | None,
    typer.Option(help="The daemon's control socket; default: the one in the configuration."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
By = Annotated[str, typer.Option(help="Who does it; default: who is logged in.")]
IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as Slack shows it.")]

DEFAULT = Path("config.toml")


class Schema(StrEnum):
    """What has a JSON Schema."""

    RULES = "rules"
    CONFIG = "config"
    MQTT = "mqtt"


def main() -> None:
    """Run one verb; every expected failure ends in a sentence and an exit code."""
    try:
        program()
    except model.FaultyConfigError as error:
        _complain(*error.faults)
        sys.exit(2)
    except (model.PermanentError, model.TemporaryError) as error:
        _complain(str(error))
        sys.exit(1)


def _complain(*lines: str) -> None:
    for line in lines:
        typer.echo(line, err=True)


@program.callback(invoke_without_command=True)
def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.")
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"watcher {version('watcher')}")
        raise typer.Exit


@program.command()
def run(config: Config = DEFAULT) -> None:
    """Watch, until it is told to stop. The daemon; systemd starts it."""
    from watcher import app, logs, settings

    logs.configure()
    asyncio.run(app.run(settings.load(config)))


@program.command()
def demo(
    *,
    span: Annotated[
        str | None, typer.Option("--for", help="End after this long, as in 60s; default: Ctrl-C.")
    ] = None,
    scenario: Annotated[
        str, typer.Option(help="A scenario file, or the name of one that comes with Watcher.")
    ] = "outage",
) -> None:
    """Play an outage on simulated vendors: transition, findings, PDF, recovery."""
    from watcher.demo import story

    try:
        duration = None if span is None else model.parse_duration(span)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    asyncio.run(story.play(duration, scenario))


@program.command()
def check(
    config: Config = DEFAULT,
    *,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also try every account, source and receiver.")
    ] = False,
) -> None:
    """Read config, rules and inventory, and say what is wrong with them."""
    from watcher import adapters, logs, preflight, settings

    logs.configure(logs.WARNING)
    loaded = settings.load(config)
    rules = adapters.read_rules(loaded)
    typer.echo(
        f"{config}: fine: {len(loaded.sources)} sources, {len(rules.rules)} rules, ", nl=False
    )
    typer.echo(f"{len(loaded.receivers)} receivers")
    if connect:
        findings = asyncio.run(preflight.connect(loaded))
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.fine else 'FAIL'}  {finding.name}: {finding.sentence}")
            for remark in finding.remarks:
                typer.echo(f"LOOK  {finding.name}: {remark}")
        if any(finding.remarks or not finding.fine for finding in findings):
            raise typer.Exit(1)


@program.command()
def diagnose(
    service_id: Annotated[str, typer.Argument(help="Lumen's id of the service.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the PDF.")
    ] = None,
    config: Config = DEFAULT,
) -> None:
    """Run Service Diagnostics once for a service, print its findings and keep its PDF."""
    from watcher import logs, preflight, settings

    logs.configure(logs.WARNING)
    found = asyncio.run(preflight.diagnose(settings.load(config), service_id))
    typer.echo(f"{service_id}: {found.disposition or 'no disposition'}")
    for line in (*found.findings, *(f"to do: {action}" for action in found.actions)):
        typer.echo(f"  {line}")
    if found.report is None:
        _complain(f"{service_id}: no report: {found.message}")
        raise typer.Exit(1)
    if output is not None:
        output.write_bytes(found.paper.pdf)
        typer.echo(f"{output}: {found.report.size} bytes, sha256 {found.report.sha256}")


@program.command()
def incidents(
    config: Config = DEFAULT,
    socket: Socket = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the incidents that are not over."""
    answer = _ask(config, socket, "GET", "/incidents?all=1" if everything else "/incidents")
    if as_json:
        _print_json(answer["incidents"])
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
    _act("ack", incident, by, socket or _socket_of(config))
    typer.echo(f"{incident} acknowledged")


@program.command()
def unack(
    incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None
) -> None:
    """Give an incident back."""
    _act("unack", incident, by, socket or _socket_of(config))
    typer.echo(f"{incident} given back")


@program.command()
def resolve(
    incident: IncidentId, by: By = "", config: Config = DEFAULT, socket: Socket = None
) -> None:
    """Declare an incident over; it opens again only after its condition has cleared once."""
    _act("resolve", incident, by, socket or _socket_of(config))
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
        typer.echo(_ask(config, socket, "POST", "/reload")["reloaded"])
    except model.PermanentError as error:
        raise model.FaultyConfigError(tuple(str(error).splitlines())) from error


@program.command()
def status(config: Config = DEFAULT, socket: Socket = None, *, as_json: AsJson = False) -> None:
    """Say how well Watcher sees and tells."""
    answer = _ask(config, socket, "GET", "/status")
    if as_json:
        _print_json(answer)
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
    for receiver in answer["receivers"]:
        error = f": {receiver['error']}" if receiver["error"] else ""
        state = "failing" if receiver["failing"] else "fine"
        typer.echo(f"receiver  {receiver['name']:<12} {state:<8} {receiver['owed']} owed{error}")
    typer.echo(f"incidents {answer['open']} open, {answer['acknowledged']} acknowledged")


@program.command()
def schema(what: Annotated[Schema, typer.Argument(help="Of what.")]) -> None:
    """Print a JSON Schema, for editors and for programs that read MQTT."""
    match what:
        case Schema.RULES:
            from watcher.ruleset import json_schema

            _print_json(json_schema.rules())
        case Schema.CONFIG:
            from watcher.settings import Settings

            _print_json(Settings.model_json_schema())
        case Schema.MQTT:
            from watcher.receivers import document

            _print_json(document.schema())


def _act(act: str, incident: str, by: str, socket: Path) -> None:
    from watcher import control

    body = {"by": by or getpass.getuser()}
    asyncio.run(control.ask(socket, "POST", f"/incidents/{incident}/{act}", body))


def _ask(config: Path, socket: Path | None, method: str, resource: str) -> Any:
    from watcher import control

    return asyncio.run(control.ask(socket or _socket_of(config), method, resource))


def _socket_of(config: Path) -> Path:
    """Find the daemon's socket without its secrets, which an operator need not be able to read."""
    from watcher.settings import Control

    try:
        table: Mapping[str, Any] = tomllib.loads(config.read_text(encoding="utf-8"))
        path = Path(table.get("control", {}).get("socket", Control().socket))
    except (OSError, tomllib.TOMLDecodeError):
        return Control().socket
    return config.resolve().parent / path


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
