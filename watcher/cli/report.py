"""Commands about what was: report."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watcher import model
from watcher.cli import common
from watcher.cli.common import DEFAULT_CONFIG, AsJson, Config

if TYPE_CHECKING:
    from watcher import engine
    from watcher.ledger.document import LedgerDocument
    from watcher.ledger.period import Period

program = typer.Typer()

Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write to this file; - is standard output.")
]


@program.command()
def report(
    *,
    month: Annotated[
        str, typer.Option(metavar="YEAR-MONTH", help="Which month; default: this one.")
    ] = "",
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Whose months, as in Europe/Paris.")
    ] = "UTC",
    subject: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE/ID", help="Only this circuit; may be repeated."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only circuits with this label; may be repeated."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print a line for each circuit.")] = False,
    outages: Annotated[
        bool, typer.Option("--outages", help="With --csv: print a line for each outage.")
    ] = False,
    as_json: AsJson = False,
    html: Output = None,
    pdf: Output = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Report how long each circuit was up, down and unknown in a month."""
    from watcher import settings
    from watcher.clock import SystemClock
    from watcher.daemon import factories
    from watcher.ledger import page, period, text

    if outages and not csv:
        raise typer.BadParameter("--outages goes with --csv; --json has outages and bookings")
    common.collect_seldom()
    now = SystemClock().now()
    try:
        wanted = period.parse_month(month or period.month_of(now, zone), zone)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    labels = [_parse_label(written) for written in label or ()]
    loaded = settings.load(config)
    rules = factories.read_rules(loaded)
    document = asyncio.run(_read(loaded.store.url, rules, wanted))
    shown = _narrowed(document, subject or [], labels)
    if as_json:
        common.print_json(shown)
    elif csv:
        typer.echo(text.outages_csv(shown) if outages else text.csv_text(shown), nl=False)
    elif html is not None:
        _write(html, page.html(shown).encode())
    elif pdf is not None:
        _write(pdf, _pdf(shown))
    else:
        for line in text.lines(shown):
            typer.echo(line)


async def _read(url: str, rules: engine.Ruleset, wanted: Period) -> LedgerDocument:
    from watcher.clock import SystemClock
    from watcher.ledger import read
    from watcher.store import store

    clock = SystemClock()
    async with store.open_to_read(url, clock=clock) as database:
        sources = await database.queries.sources()
        ticketed = await database.queries.ticketed(wanted.start)
        works = await database.queries.works()
        return await read.read(
            database.journal, sources, ticketed, rules, wanted, now=clock.now(), works=works
        )


def _narrowed(
    document: LedgerDocument, subjects: list[str], labels: list[tuple[str, str]]
) -> LedgerDocument:
    """Keep the circuits that were asked for. Raises PermanentError for one that is not known."""
    import msgspec

    recorded = {circuit.subject for circuit in document.circuits}
    if unknown := sorted({*subjects} - recorded):
        raise model.PermanentError(
            f"nothing is recorded of {', '.join(unknown)} in {document.month}: `watcher report`"
            " without --subject lists what is"
        )
    circuits = [
        circuit
        for circuit in document.circuits
        if (not subjects or circuit.subject in subjects)
        and all(circuit.labels.get(name) == value for name, value in labels)
    ]
    return msgspec.structs.replace(document, circuits=circuits)


def _pdf(document: LedgerDocument) -> bytes:
    """Return a PDF. Raises PermanentError where the extra that makes one is not installed."""
    try:
        from watcher.ledger import pdf
    except ImportError as error:
        raise model.PermanentError(
            "a PDF needs reportlab: install watcher[report], or print --html from a browser"
        ) from error
    return pdf.pdf(document)


def _parse_label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise typer.BadParameter(f"{text!r} is not a label: write NAME=VALUE, as in site=NYC")
    return name, value


def _write(file: Path, content: bytes) -> None:
    common.write_file(file, content)
    if str(file) != "-":
        typer.echo(f"{file}: written")
