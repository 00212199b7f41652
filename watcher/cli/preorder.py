"""The verbs of `watcher preorder`: what Lumen could deliver to an address.

It asks and never orders, and it asks whatever the daemon remembers of an address. An answer ends
with 0, also when it is "nothing"; an address that a person has to choose or to correct, with 1.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watcher import model
from watcher.cli.options import DEFAULT, AsJson, Config, print_json

if TYPE_CHECKING:
    from watcher.vendors import preorder

program = typer.Typer(
    help="Asks what Lumen could deliver to an address.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@program.callback()
def _group() -> None:
    """Keep `qualify` a word of its own, though it is the only one."""


@program.command()
def qualify(
    address: Annotated[str, typer.Argument(help="As in '1 Main St, Denver, CO 80202'.")],
    choose: Annotated[str, typer.Option(help="One of the near matches, by its id.")] = "",
    transaction: Annotated[str, typer.Option(help="The transaction that offered it.")] = "",
    config: Config = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask what could be ordered at an address; nothing is.

    Asks Lumen each time, though the daemon remembers for 30 days what lies outside its area.
    """
    if bool(choose) != bool(transaction):
        raise typer.BadParameter("--choose and --transaction belong together")
    found = asyncio.run(_qualify(config, address, choose, transaction))
    if as_json:
        print_json(found)
    else:
        _tell(address, found)
    if found.outcome in {"near_matches", "no_match"}:
        raise typer.Exit(1)


async def _qualify(
    config: Path, text: str, choice: str, transaction: str
) -> preorder.Qualification:
    from watcher import preflight, settings
    from watcher.vendors import preorder

    loaded = settings.load(config)
    keys = loaded.preorder
    if keys is None:
        raise model.FaultyConfigError((f"{config}: there is no [preorder] section",))
    address = preorder.read_address(text)
    async with preflight.by_hand(loaded) as accounts:
        client = preorder.Client(accounts[keys.account], keys)
        if choice:
            return await client.choose(address, choice=choice, transaction=transaction)
        return await client.qualify(address)


def _tell(address: str, found: preorder.Qualification) -> None:
    typer.echo(f"{address}: {found.words or 'can be ordered:'}")
    for offer in found.offers:
        typer.echo(f"  {offer.name}  {offer.price}".rstrip())
    for near in found.near:
        typer.echo(f"  {near.id}  {near.address}")
    if found.near:
        typer.echo(f"then: --choose ID --transaction {found.transaction}")
