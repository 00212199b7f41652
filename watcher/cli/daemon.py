"""The verbs that run the daemon or stand beside it: run, demo, check, diagnose, backup, schema."""

from __future__ import annotations

import asyncio
import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from watcher import model
from watcher.cli.common import DEFAULT, Config, complain, print_json

# Garbage in cycles is looked for after so many. A poll makes many objects and no cycles; looking
# as often as Python does by itself (700) took a tenth of the CPU of a storm.
NEW_OBJECTS = 50_000

program = typer.Typer()


class Schema(StrEnum):
    """What has a JSON Schema."""

    RULES = "rules"
    CONFIG = "config"
    MQTT = "mqtt"


@program.command()
def run(config: Config = DEFAULT) -> None:
    """Watch, until it is told to stop. The daemon; systemd starts it."""
    from watcher import logs, settings
    from watcher.daemon import app

    logs.configure()
    gc.set_threshold(NEW_OBJECTS)
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
    from watcher.demo import run

    try:
        duration = None if span is None else model.parse_duration(span)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    asyncio.run(run.play(duration, scenario))


@program.command()
def check(
    config: Config = DEFAULT,
    *,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also try every account, source and receiver.")
    ] = False,
) -> None:
    """Read config, rules and inventory, and say what is wrong with them."""
    from watcher import logs, settings
    from watcher.cli import standalone
    from watcher.daemon import factories

    logs.configure(logs.ERROR)  # what sources warn of is told as a finding
    loaded = settings.load(config)
    rules = factories.read_rules(loaded)
    typer.echo(
        f"{config}: fine: {len(loaded.sources)} sources, {len(rules.rules)} rules, ", nl=False
    )
    typer.echo(f"{len(loaded.receivers)} receivers")
    if connect:
        findings = asyncio.run(standalone.connect(loaded))
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
    from watcher import logs, settings
    from watcher.cli import standalone

    logs.configure(logs.WARNING)
    found = asyncio.run(standalone.diagnose(settings.load(config), service_id))
    typer.echo(f"{service_id}: {found.disposition or 'no disposition'}")
    for line in (*found.findings, *(f"to do: {action}" for action in found.actions)):
        typer.echo(f"  {line}")
    if found.report is None:
        complain(f"{service_id}: no report: {found.message}")
        raise typer.Exit(1)
    if output is not None:
        output.write_bytes(found.report_files.pdf)
        typer.echo(f"{output}: {found.report.size} bytes, sha256 {found.report.sha256}")


@program.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes; nothing may be there yet.")],
    config: Config = DEFAULT,
) -> None:
    """Copy the database while the daemon goes on; the copy is whole, or there is none."""
    from watcher import settings
    from watcher.store import store

    size = store.back_up(settings.load(config).store.url, file)
    typer.echo(f"{file}: {size} bytes, examined")


@program.command()
def schema(what: Annotated[Schema, typer.Argument(help="Of what.")]) -> None:
    """Print a JSON Schema, for editors and for programs that read MQTT."""
    match what:
        case Schema.RULES:
            from watcher.ruleset import schema

            print_json(schema.as_json_schema())
        case Schema.CONFIG:
            from watcher.settings import Settings

            print_json(Settings.model_json_schema())
        case Schema.MQTT:
            from watcher.operations import documents
            from watcher.receivers.mqtt import commands

            print_json(documents.schema(commands.TOPICS))
