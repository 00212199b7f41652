"""Commands that run the daemon, or that do not need it: demo, check, diagnose, backup, schema."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watcher import model, ports, system_words
from watcher.cli import common, terminal
from watcher.cli.common import DEFAULT_CONFIG, AsJson, Config, print_errors, print_json, request

if TYPE_CHECKING:
    from watcher.cli import preflight

program = typer.Typer()


class Schema(StrEnum):
    """What a schema is printed of."""

    RULES = "rules"
    CONFIG = "config"
    MQTT = "mqtt"
    ASYNCAPI = "asyncapi"
    API = "api"


@program.command()
def run(config: Config = DEFAULT_CONFIG) -> None:
    """Run the daemon in the foreground until SIGTERM."""
    with common.loading():
        import structlog

        from watcher import logs, settings
        from watcher.daemon import app, lifecycle

    lifecycle.return_large_blocks()
    logs.configure()
    loaded = settings.load(config)
    for line in settings.unused_credentials(config):
        structlog.get_logger().warning(line)
    common.collect_briefly()
    asyncio.run(app.run(loaded))


@program.command()
def demo(
    *,
    span: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="Stop after this long, as in 60s; default: Ctrl-C."
        ),
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="A scenario file, or the name of one that comes with Watcher."
        ),
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
    config: Config = DEFAULT_CONFIG,
    *,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also try every account, source and receiver.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate the configuration, the rules and the inventory."""
    from watcher import logs, settings
    from watcher.cli import examples, preflight
    from watcher.daemon import factories
    from watcher.daemon.secrets import weaknesses
    from watcher.ruleset.inventory import Inventory
    from watcher.store import store

    logs.configure(logs.ERROR)  # what sources warn of is among the remarks
    loaded = settings.load(config)
    rules = factories.read_rules(loaded)
    factories.read_templates(loaded)
    counts = {"sources": loaded.sources, "rules": rules.rules, "receivers": loaded.receivers}
    notes = [note] if (note := store.caution(loaded.store.url)) else []
    notes += settings.unused_credentials(config)
    if idle := [rule.name for rule in rules.rules if not rule.sources]:
        notes.append(f"rules that watch no configured source: {', '.join(idle)}")
    if idle := asyncio.run(preflight.idle_rules(loaded, rules, connect=connect)):
        notes.append(f"rules that match nothing that was seen: {', '.join(idle)}")
    if isinstance(rules.inventory, Inventory):
        notes += rules.inventory.shared_circuits()
    if not as_json:
        summary = ", ".join(
            model.format_count(len(of), name.removesuffix("s")) for name, of in counts.items()
        )
        typer.echo(f"{config}: valid: {summary}")
        for note in notes:
            typer.echo(f"note: {note}")
    unfinished = examples.leftovers(loaded, config)
    unfinished += weaknesses(loaded)
    unfinished += asyncio.run(preflight.rota_problems(rules, connect=connect))
    results: list[preflight.Result] = []
    if not as_json:
        print_errors(*unfinished)
    if connect:
        report = _ignore_result if as_json else _print_result
        results = asyncio.run(preflight.connect(loaded, rules, report))
    if as_json:
        document = {name: len(of) for name, of in counts.items()}
        print_json({**document, "notes": notes, "problems": unfinished, "attempts": results})
    if unfinished or any(result.remarks or not result.ok for result in results):
        raise typer.Exit(1)


def _ignore_result(result: preflight.Result, number: int, count: int) -> None:
    """Leave the result to the document at the end."""


def _print_result(result: preflight.Result, number: int, count: int) -> None:
    """Print what came of one attempt; on a terminal, how many are still to come."""
    terminal.progress("")
    mark = ("ok  ", terminal.GREEN) if result.ok else ("FAIL", terminal.RED)
    terminal.write(mark, f"  {result.name}: {result.sentence}")
    for remark in result.remarks:
        terminal.write(("WARN", terminal.YELLOW), f"  {result.name}: {remark}")
    if number < count:
        terminal.progress(f"{number} of {count} tried")


@program.command()
def diagnose(
    service_id: Annotated[
        str, typer.Argument(metavar="SERVICE_ID", help="Lumen's id of the service.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to save the PDF."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Run Service Diagnostics once for a service; print the findings, and save the PDF."""
    from watcher import logs, settings
    from watcher.cli import preflight

    logs.configure(logs.WARNING)
    result = asyncio.run(preflight.diagnose(settings.load(config), service_id))
    if as_json:
        print_json({"service_id": service_id, **_shown(result)})
    else:
        typer.echo(f"{service_id}: {result.disposition or 'no disposition'}")
        for line in (*result.findings, *(f"to do: {action}" for action in result.actions)):
            typer.echo(f"  {line}")
    if result.report is None:
        print_errors(f"{service_id}: no report: {result.message}")
        raise typer.Exit(1)
    if output is not None:
        common.write_file(output, result.report_files.pdf)
        if not as_json:
            typer.echo(f"{output}: {result.report.size} bytes, sha256 {result.report.sha256}")


def _shown(result: ports.DiagnosticsResult) -> dict[str, object]:
    """Return what one run brought, without the bytes of its PDF."""
    names = ("status", "disposition", "findings", "actions", "message", "report")
    return {name: getattr(result, name) for name in names}


@program.command()
def backup(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="Where to write the copy: a new file, or a folder, for a name with the time.",
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    *,
    record: Annotated[
        bool,
        typer.Option("--record", help="Only record that FILE is one, which another tool made."),
    ] = False,
) -> None:
    """Back up the SQLite database while the daemon runs. Never leaves a partial file."""
    from watcher import settings
    from watcher.clock import SystemClock
    from watcher.store import store

    url, now = settings.store_url(config), SystemClock().now()
    if record:
        _record(config, url, _described(file))
        typer.echo(f"{file}: recorded as the last backup")
        return
    file, size = store.back_up(url, file, now=now)
    typer.echo(f"{file}: {size} bytes, verified")
    try:
        _record(config, url, model.Backup(at=now, file=str(file.resolve()), size=size))
    except model.WatcherError as error:
        print_errors(f"{file}: the backup is good, but `watcher status` will not know it: {error}")


def _described(file: Path) -> model.Backup:
    """Return what a file is as a backup, of when it was last written.

    Raises PermanentError for one that cannot be read, or is empty.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise model.PermanentError(
            f"{file} cannot be read ({system_words.of_error(error)})"
        ) from error
    if not file.is_file() or not status.st_size:
        raise model.PermanentError(f"{file} is not a backup: it is empty, or not a file")
    written = datetime.fromtimestamp(status.st_mtime, UTC)
    return model.Backup(at=written, file=str(file.resolve()), size=status.st_size)


def _record(config: Path, url: str, backup: model.Backup) -> None:
    """Have the daemon record a backup; where none runs, write it into the database.

    Raises PermanentError or TemporaryError where neither is possible.
    """
    from watcher.clock import SystemClock
    from watcher.store import store

    async def write() -> None:
        async with store.open_alone(url, clock=SystemClock()) as opened:
            await opened.self_checks.record_backup(backup)

    body = {"at": backup.at, "file": backup.file, "size": backup.size}
    try:
        request(config, None, "POST", "/backups", body)
    except model.PermanentError as refused:
        try:
            asyncio.run(write())
        except model.WatcherError:
            raise refused from None


@program.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Put a backup in the place of the SQLite database, while the daemon is stopped.

    The database that was there stays beside it, under a name with the time.
    """
    from watcher import settings
    from watcher.clock import SystemClock
    from watcher.store import store

    before = store.restore(settings.store_url(config), file, now=SystemClock().now())
    if before is not None:
        typer.echo(f"the database that was there is now {before}")
    typer.echo(f"{file}: restored; start the daemon")


@program.command()
def schema(
    what: Annotated[
        Schema,
        typer.Argument(
            metavar="SCHEMA", help="Which schema to print.", parser=common.choice(Schema)
        ),
    ],
) -> None:
    """Print a JSON Schema, or the AsyncAPI document of what is on MQTT."""
    match what:
        case Schema.RULES:
            from watcher.ruleset import schema

            print_json(schema.as_json_schema())
        case Schema.CONFIG:
            from watcher import settings

            print_json(settings.as_json_schema())
        case Schema.MQTT:
            from watcher.operations import documents
            from watcher.receivers.mqtt import commands

            print_json(documents.schema(commands.TOPICS))
        case Schema.ASYNCAPI:
            from watcher.operations import documents
            from watcher.receivers.mqtt import commands

            print_json(documents.asyncapi(commands.TOPICS))
        case Schema.API:
            from watcher.ledger.document import LedgerDocument
            from watcher.operations import documents

            print_json(documents.api_schema({"/api/v1/availability": LedgerDocument}))
