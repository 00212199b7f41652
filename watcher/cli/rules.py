"""Commands about rules: test, replay, capture."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watcher import model
from watcher.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    Config,
    collect_seldom,
    print_json,
    stored_view,
    write_file,
)

if TYPE_CHECKING:
    from watcher import engine
    from watcher.replay.replay import ReplayedIncident
    from watcher.settings import Settings
    from watcher.store.journal import Extent
    from watcher.store.store import Store

program = typer.Typer()

DEFAULT_TESTS = (Path("rules/tests"),)


@program.command("test")
def run_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Test files, or directories of them; default: rules/tests."
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the results to this file as well, as JUnit XML."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the tests of the rules."""
    from watcher.rule_tests import runner

    results = runner.run(paths or DEFAULT_TESTS)
    if junit is not None:
        write_file(junit, runner.junit(results))
    if as_json:
        print_json(runner.documents(results))
    else:
        for line in runner.report(results):
            typer.echo(line)
    if any(result.failures for result in results):
        raise typer.Exit(1)


@program.command()
def replay(
    since: Annotated[
        str,
        typer.Option(metavar="WHEN", help="How far back: 7d, or a time such as 2026-11-14T06:00Z."),
    ] = "7d",
    rules: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Other rules to compare with those in force; may be repeated."
        ),
    ] = None,
    vyvx_history: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Replay the vendor's alarm history of this service instead."
        ),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the journal through the rules again, and print the notifications."""
    from watcher import settings
    from watcher.clock import SystemClock
    from watcher.daemon import factories
    from watcher.replay import compare

    collect_seldom()
    loaded = settings.load(config)
    rulesets = [factories.read_rules(loaded)]
    if rules:
        files = tuple(str(file.absolute()) for file in rules)
        rulesets.append(factories.read_rules(loaded.model_copy(update={"rules": files})))
    now = SystemClock().now()
    start = _parse_start(since, now)
    if vyvx_history is not None:
        until, results = (
            now,
            asyncio.run(_replay_history(loaded, rulesets, vyvx_history, start, now)),
        )
        what = f"the vendor's history of {vyvx_history}"
    else:
        extent, until, results = asyncio.run(_replay_journal(loaded.store.url, rulesets, start))
        start = max(start, extent.start or start)
        what = f"{model.format_count(extent.rows, 'record')} of the journal"
    if as_json:
        names = ("current", "new")
        shown = {name: list(map(_document, of)) for name, of in zip(names, results, strict=False)}
        print_json({"since": start, "until": until, **shown})
        return
    typer.echo(compare.heading(start, until, what))
    lines = (
        compare.comparison(results[0], results[1], start, until)
        if rules
        else compare.listing(results[0], start, until)
    )
    for line in lines:
        typer.echo(line)


def _document(replayed: ReplayedIncident) -> dict[str, object]:
    """Return a replayed incident as programs read it."""
    names = ("id", "rule", "severity", "status", "resolution", "title", "opened_at", "resolved_at")
    return {
        **{name: getattr(replayed.incident, name) for name in names},
        "notifications": [
            {
                "at": notification.at,
                "kind": notification.entry.kind,
                "text": notification.entry.text,
            }
            for notification in replayed.notifications
        ],
    }


@program.command()
def capture(
    incident: Annotated[
        str, typer.Argument(metavar="INCIDENT", help="The incident's id, or its first letters.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it; default: print it."
        ),
    ] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write a rule test from a real incident."""
    from watcher import settings
    from watcher.daemon import factories
    from watcher.rule_tests import capture as captures

    loaded = settings.load(config)
    rules = factories.read_rules(loaded)
    test = asyncio.run(_capture(loaded.store.url, rules, incident))
    directory = (output or Path("captured.yaml")).absolute().parent
    text = captures.render(
        test,
        rules=[os.path.relpath(pattern, directory) for pattern in loaded.rules],
        **({"inventory": os.path.relpath(loaded.inventory, directory)} if loaded.inventory else {}),
        sources={
            name: {
                "kind": traits.kind,
                "blind_after": f"{traits.blind_after.total_seconds():g}s",
                "granularity": f"{traits.granularity.total_seconds():g}s",
                **({"settle": f"{traits.settle.total_seconds():g}s"} if traits.settle else {}),
            }
            for name, traits in rules.sources.items()
        },
    )
    if output is None:
        typer.echo(text, nl=False)
        return
    write_file(output, text.encode())
    typer.echo(f"{output}: written; run it with `watcher test {output}`")


async def _capture(url: str, rules: engine.Ruleset, incident: str) -> dict[str, Any]:
    from watcher.clock import SystemClock
    from watcher.rule_tests.capture import Capture
    from watcher.store import store

    async with store.open_to_read(url, clock=SystemClock()) as database:
        view = await stored_view(database.queries, incident)
        capture = Capture(view, rules, until=await _last_seen(database, view.incident.opened_at))
        async for record in database.journal.records(capture.since):
            capture.feed(record)
        return capture.build_test()


def _parse_start(since: str, now: datetime) -> datetime:
    """Return a time, given as such or as a span back from now. Raises BadParameter."""
    try:
        return now - model.parse_duration(since)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(since)
    except ValueError as error:
        raise typer.BadParameter(
            f"{since!r} is neither a duration such as 7d nor a time"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _replay_journal(
    url: str, rulesets: list[engine.Ruleset], since: datetime
) -> tuple[Extent, datetime, list[list[ReplayedIncident]]]:
    from watcher.clock import SystemClock
    from watcher.replay.replay import Replay
    from watcher.store import store

    replays = [Replay(rules, since=since) for rules in rulesets]
    async with store.open_to_read(url, clock=SystemClock()) as database:
        extent = await database.journal.extent(since)
        until = await _last_seen(database, extent.end or since)
        with _progress(extent.rows) as advance:
            async for record in database.journal.records(since):
                for replayed in replays:
                    replayed.feed(record)
                advance()
    return extent, until, [replayed.finish(until) for replayed in replays]


async def _replay_history(
    loaded: Settings, rulesets: list[engine.Ruleset], service: str, since: datetime, now: datetime
) -> list[list[ReplayedIncident]]:
    from watcher.cli import preflight
    from watcher.replay import replay
    from watcher.replay.replay import Replay
    from watcher.vendors import catalog

    key = replay.find_key(service, rulesets[0])
    name = model.source_of(key)
    config = loaded.sources[name]
    async with preflight.open_accounts(loaded) as accounts:
        source = catalog.build(name, config, accounts[config.account])
        alarms = await source.history(key, since, now)
        try:
            details = await source.details(key)
        except model.PermanentError:
            details = None  # a reservation that is over no longer has any
    results = []
    for rules in rulesets:
        replayed = Replay(rules, since=since)
        for record in replay.records_of(key, alarms, details, since, rules.sources[name]):
            replayed.feed(record)
        results.append(replayed.finish(now))
    return results


async def _last_seen(database: Store, end: datetime) -> datetime:
    """Return when a source was last seen, as the journal leaves out polls that changed nothing."""
    polls = [
        health.last_success for health in await database.queries.sources() if health.last_success
    ]
    return max((end, *polls))


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[], None]]:
    """Show the progress of a replay on a terminal; yield the function that counts one row."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=rows)
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if done % 100 == 0:
                bar.update(task, completed=done)

        yield advance
