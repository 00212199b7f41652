"""Commands that talk to Lumen directly: Internet On-Demand connections, and PX PreOrder.

What costs money asks for confirmation and is sent once. A change whose result is unknown ends with
exit code 1 and says how to look it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watcher import model
from watcher.cli.common import DEFAULT_CONFIG, AsJson, By, Config, print_json, user

if TYPE_CHECKING:
    from watcher.vendors.internet_on_demand.client import (
        Connection,
        InternetOnDemandClient,
        Inventory,
        Order,
    )
    from watcher.vendors.preorder.client import Qualification

iod_group = typer.Typer(
    help="List, show, order and change Internet On-Demand connections.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Source = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="The source whose account to use; required if there are several."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
ConnectionId = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="Lumen's id of the connection.")
]
Bandwidth = Annotated[
    str, typer.Argument(metavar="BANDWIDTH", help="With its unit, as in '500 Mbps' or 2Gbps.")
]


@iod_group.command("list")
def list_connections(
    config: Config = DEFAULT_CONFIG, source: Source = "", *, as_json: AsJson = False
) -> None:
    """List all connections."""
    inventory = asyncio.run(_fetch_all(config, source))
    if as_json:
        print_json(inventory.connections)
    else:
        for connection in inventory.connections:
            typer.echo(_format(connection))
        if not inventory.connections:
            typer.echo("no connections")
    if inventory.unreadable:
        typer.echo(f"{inventory.unreadable} more connections have no id", err=True)
    if not inventory.complete:
        typer.echo("pages are missing: there may be more", err=True)
        raise typer.Exit(1)


@iod_group.command()
def show(
    connection: ConnectionId,
    config: Config = DEFAULT_CONFIG,
    source: Source = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Show one connection."""
    fetched = asyncio.run(_fetch(config, source, connection))
    if as_json:
        print_json(fetched)
    else:
        typer.echo(_format(fetched))


@iod_group.command()
def create(
    location: Annotated[
        str, typer.Argument(metavar="LOCATION", help="Lumen's id of the location.")
    ],
    bandwidth: Bandwidth,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    config: Config = DEFAULT_CONFIG,
    source: Source = "",
    *,
    by: By = "",
    yes: Yes = False,
) -> None:
    """Order a new connection. It costs money."""
    mbps = parse_mbps(bandwidth)
    _confirm(f"Order a connection of {model.format_mbps(mbps)} at {location}?", yes=yes)
    order = asyncio.run(_create(config, source, location, mbps, description, user(by)))
    typer.echo(f"accepted{_order_details(order)}: `watcher iod list` shows when it is active")


@iod_group.command()
def set_bandwidth(
    connection: ConnectionId,
    bandwidth: Bandwidth,
    config: Config = DEFAULT_CONFIG,
    source: Source = "",
    *,
    by: By = "",
    yes: Yes = False,
) -> None:
    """Change the bandwidth of a connection. It costs money."""
    mbps = parse_mbps(bandwidth)
    before = asyncio.run(_fetch(config, source, connection))
    if before.bandwidth_mbps == mbps:
        typer.echo(f"{connection} has {model.format_mbps(mbps)} already: nothing was ordered")
        return
    _confirm(
        f"Change {connection} ({before.status}) from {_bandwidth(before)}"
        f" to {model.format_mbps(mbps)}?",
        yes=yes,
    )
    order = asyncio.run(_set_bandwidth(config, source, connection, mbps, user(by)))
    typer.echo(
        f"accepted{_order_details(order)}: `watcher iod show {connection}` shows when it is done"
    )


def parse_mbps(text: str) -> int:
    """Return a bandwidth in whole Mbit/s. Raises typer.BadParameter."""
    from watcher.vendors.internet_on_demand.client import LEAST_MBPS, MOST_MBPS, parse_bandwidth

    mbps = parse_bandwidth(text)
    if mbps is None:
        raise typer.BadParameter(f"{text!r} is not a bandwidth: write it as in 1500Mbps or 1.5Gbps")
    if mbps != int(mbps) or not LEAST_MBPS <= mbps <= MOST_MBPS:
        raise typer.BadParameter(
            f"{text!r} cannot be ordered: use whole Mbit/s from {LEAST_MBPS} to {MOST_MBPS}"
        )
    return int(mbps)


async def _fetch_all(config: Path, source: str) -> Inventory:
    async with _client(config, source) as client:
        return await client.all()


async def _fetch(config: Path, source: str, connection: str) -> Connection:
    async with _client(config, source) as client:
        return await client.connection(connection)


async def _create(  # noqa: PLR0917  # as its command has them
    config: Path, source: str, location: str, mbps: int, description: str, by: str
) -> Order:
    what = f"a connection of {model.format_mbps(mbps)} at {location}"
    async with _client(config, source, ordering=what, by=by) as client:
        return await client.create(location=location, mbps=mbps, description=description)


async def _set_bandwidth(config: Path, source: str, connection: str, mbps: int, by: str) -> Order:
    from watcher.clock import token

    what = f"{connection} to {model.format_mbps(mbps)}"
    async with _client(config, source, ordering=what, by=by) as client:
        return await client.set_bandwidth(connection, mbps, reference=f"w-{token()}")


@asynccontextmanager
async def _client(
    config: Path, name: str, *, ordering: str = "", by: str = ""
) -> AsyncIterator[InternetOnDemandClient]:
    """Open the client of the named Internet On-Demand source, or of the only one.

    `ordering` says what is ordered, and counts one of the day's changes. Raises InvalidConfigError
    when there is no such source, or when it must be named, and PermanentError when the day's
    changes are used up.
    """
    from watcher import settings
    from watcher.cli import preflight
    from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource
    from watcher.vendors.internet_on_demand.vendor import build_client

    loaded = settings.load(config)
    candidates = {
        key: source
        for key, source in loaded.sources.items()
        if isinstance(source, InternetOnDemandSource) and name in {"", key}
    }
    if not candidates:
        wanted = f"[sources.{name}]" if name else "source"
        raise model.InvalidConfigError(
            (f"{config}: there is no {wanted} of kind internet_on_demand",)
        )
    if len(candidates) > 1:
        raise model.InvalidConfigError(
            (f"{config}: there are several sources, so name one: --source {'|'.join(candidates)}",)
        )
    ((key, source),) = candidates.items()
    if ordering:
        uncounted = await preflight.count_change(loaded, key, source, by=by, what=ordering)
        if uncounted:
            typer.echo(f"not counted among the changes of the day: {uncounted}", err=True)
    async with preflight.open_accounts(loaded) as accounts:
        yield build_client(source, accounts[source.account])


def _confirm(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        typer.echo("nothing was ordered", err=True)
        raise typer.Exit(1)


def _format(connection: Connection) -> str:
    bandwidth = _bandwidth(connection)
    columns = f"{connection.id:<14}  {connection.status:<16}  {bandwidth:>10}"
    return f"{columns}  {connection.location}".rstrip()


def _bandwidth(connection: Connection) -> str:
    """Return what a connection has; where that is not certain, the vendor's own words."""
    unknown = connection.bandwidth_mbps is None and connection.bandwidth
    return connection.bandwidth if unknown else model.format_mbps(connection.bandwidth_mbps)


def _order_details(order: Order) -> str:
    details = [f"as {order.id}"] if order.id else []
    details += [f"at {order.price}"] if order.price else []
    return " " + ", ".join(details) if details else ""


preorder_group = typer.Typer(
    help="Ask what Lumen can deliver to an address.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@preorder_group.callback()
def _group() -> None:
    """Keep `qualify` a subcommand: typer drops the name of a group's only command."""


@preorder_group.command()
def qualify(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="As in '1 Main St, Denver, CO 80202'.")
    ],
    choose: Annotated[str, typer.Option(metavar="ID", help="Choose a near match, by its id.")] = "",
    transaction: Annotated[
        str, typer.Option(metavar="ID", help="The transaction that offered it.")
    ] = "",
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask what can be ordered at an address. Nothing is ordered.

    Asks Lumen each time, even where the daemon remembers that an address is not served.
    """
    if bool(choose) != bool(transaction):
        raise typer.BadParameter("--choose and --transaction go together")
    qualification = asyncio.run(_qualify(config, address, choose, transaction))
    if as_json:
        print_json(qualification)
    else:
        _print(address, qualification)
    if qualification.outcome in {"near_matches", "no_match"}:
        raise typer.Exit(1)


async def _qualify(config: Path, text: str, choice: str, transaction: str) -> Qualification:
    from watcher import settings
    from watcher.cli import preflight
    from watcher.vendors.preorder.client import PreorderClient, parse_address

    loaded = settings.load(config)
    preorder = loaded.preorder
    if preorder is None:
        raise model.InvalidConfigError(
            (f"{config}: there is no [preorder] section: write one, as config.example.toml has it",)
        )
    address = parse_address(text)
    async with preflight.open_accounts(loaded) as accounts:
        client = PreorderClient(accounts[preorder.account], preorder)
        if choice:
            return await client.choose(address, choice=choice, transaction=transaction)
        return await client.qualify(address)


def _print(address: str, qualification: Qualification) -> None:
    from watcher.vendors.preorder.backups import note_on

    typer.echo(f"{address}: {qualification.words or 'can be ordered:'}")
    for offer in qualification.offers:
        typer.echo(f"  {offer.name}  {offer.price}".rstrip())
    if note := note_on(qualification):
        typer.echo(f"note: {note}")
    for match in qualification.near:
        typer.echo(f"  {match.id}  {match.address}")
    if qualification.near:
        typer.echo(f"then: --choose ID --transaction {qualification.transaction}")
