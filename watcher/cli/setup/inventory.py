"""`watcher inventory import`: an inventory of the circuits that NetBox or Nautobot has."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
import yaml

from watcher import model, system_words
from watcher.cli.common import DEFAULT_CONFIG, Config, print_errors
from watcher.cli.setup import circuits
from watcher.cli.setup.circuits import Circuit

group = typer.Typer(help="Write an inventory from what you have already.", no_args_is_help=True)

# Whose circuits a source of a kind watches, by a word in the provider's name.
_PROVIDERS = {
    "orange": "evpl",
    "lumen": "internet_on_demand",
    "centurylink": "internet_on_demand",
    "level 3": "internet_on_demand",
}


@group.callback()
def _options() -> None:
    """Keep `import` a verb of a group."""


@group.command("import")
def import_circuits(
    netbox: Annotated[
        str,
        typer.Option(
            metavar="URL|FILE.csv", help="NetBox, with its token in NETBOX_TOKEN; or its export."
        ),
    ] = "",
    nautobot: Annotated[
        str, typer.Option(metavar="URL", help="Nautobot, with its token in NAUTOBOT_TOKEN.")
    ] = "",
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="PROVIDER=SOURCE",
            help="Which source watches a provider's circuits; may be repeated.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A new file; default: print it."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write an inventory: circuit id, provider, sites, tenant and commit rate of each circuit."""
    if bool(netbox) is bool(nautobot):
        raise typer.BadParameter("name one of --netbox and --nautobot")
    listed = asyncio.run(_read(netbox, nautobot))
    sources, existing = _configured(config)
    entries, left_out = assign(listed, parse_mapping(mapping or ()), sources)
    new = {key: entry for key, entry in entries.items() if key not in existing}
    document = render(new)
    if output is None:
        typer.echo(document, nl=False)
    else:
        _write(output, document)
        typer.echo(f"{output}: written, {model.format_count(len(new), 'circuit')}")
    if len(new) < len(entries):
        circuits = model.format_count(len(entries) - len(new), "circuit")
        print_errors(f"note: in the inventory already: {circuits}")
    for provider, count in sorted(left_out.items()):
        circuits = model.format_count(count, "circuit")
        print_errors(
            f"note: left out: {circuits} of {provider or 'no provider'}; "
            f'--map "{provider}=SOURCE" takes them'
        )
    if not new:
        raise typer.Exit(1)


async def _read(netbox: str, nautobot: str) -> list[Circuit]:
    from watcher.http.exchange import open_session

    if netbox and "://" not in netbox:
        return circuits.read_csv(Path(netbox))
    token = os.environ.get("NETBOX_TOKEN" if netbox else "NAUTOBOT_TOKEN", "")
    async with open_session() as session:
        return await circuits.fetch(session, netbox or nautobot, token)


def _configured(config: Path) -> tuple[dict[str, str], frozenset[str]]:
    """Return the first source of each kind, and the keys that the inventory has."""
    from watcher import settings

    if not config.exists():
        return {}, frozenset()
    loaded = settings.load(config)
    sources: dict[str, str] = {}
    for name, source in loaded.sources.items():
        sources.setdefault(source.kind, name)
    existing: Mapping[str, object] = {}
    if loaded.inventory is not None and loaded.inventory.exists():
        content = yaml.safe_load(loaded.inventory.read_text(encoding="utf-8"))
        existing = content.get("subjects") or {} if isinstance(content, dict) else {}
    return sources, frozenset(map(str, existing))


def parse_mapping(given: Sequence[str]) -> dict[str, str]:
    """Return sources by provider, in small letters. Raises BadParameter."""
    pairs = [pair.partition("=") for pair in given]
    for provider, _, source in pairs:
        if not provider or not source:
            raise typer.BadParameter(f"{provider!r}: write PROVIDER=SOURCE, as in Orange=evpl")
    return {provider.casefold(): source for provider, _, source in pairs}


def assign(
    listed: Sequence[Circuit], mapping: Mapping[str, str], sources: Mapping[str, str]
) -> tuple[dict[str, Circuit], Counter[str]]:
    """Return circuits by their subject's key, and how many of each provider have no source."""
    entries: dict[str, Circuit] = {}
    left_out: Counter[str] = Counter()
    for circuit in listed:
        provider = circuit.provider.casefold()
        kind = _kind(provider)
        source = mapping.get(provider) or sources.get(kind, "" if sources else kind)
        if source:
            entries[f"{source}/{circuit.cid}"] = circuit
        else:
            left_out[circuit.provider] += 1
    return entries, left_out


def render(entries: Mapping[str, Circuit]) -> str:
    """Return the inventory file, with each circuit as the carrier's notices call it."""
    subjects = {key: dict(_entry(circuit)) for key, circuit in sorted(entries.items())}
    return yaml.safe_dump({"subjects": subjects}, allow_unicode=True, sort_keys=False, width=100)


def _entry(circuit: Circuit) -> Iterator[tuple[str, object]]:
    yield "circuit_ids", [circuit.cid]
    if circuit.provider:
        yield "provider", _carrier(circuit.provider)
    names = ("provider", "site", "site_z", "tenant")
    labels = {name: value for name in names if (value := getattr(circuit, name))}
    if labels:
        yield "labels", labels
    if circuit.mbps:
        yield "bandwidth", f"{circuit.mbps:g} Mbps"


def _carrier(provider: str) -> str:
    """Return who sends notices for a provider: a carrier's own name where it is one of these."""
    from watcher.vendors.catalog import VENDORS

    kind = _kind(provider.casefold())
    return VENDORS[kind].carrier if kind else provider


def _kind(provider: str) -> str:
    return next((kind for word, kind in _PROVIDERS.items() if word in provider), "")


def _write(path: Path, document: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(document)
    except FileExistsError as error:
        raise model.PermanentError(f"{path} exists: name a new file, and merge the two") from error
    except OSError as error:
        raise model.PermanentError(
            f"{path} cannot be written: {system_words.of_error(error)}"
        ) from error
