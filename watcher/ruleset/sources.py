"""The settings of a source, and those of planned works, become what the engine has to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from watcher import engine
from watcher.vendors import catalog, settings
from watcher.works import settings as works_settings


def works_traits(config: works_settings.Works) -> dict[str, engine.SourceTraits]:
    """Return the source `works`, by its name: it can be blind, and has no subjects."""
    if not config.fetches:
        return {}
    name = works_settings.SOURCE
    return {name: engine.SourceTraits(name=name, kind=name, blind_after=config.blind_after)}


def source_traits(name: str, config: settings.Polled) -> engine.SourceTraits:
    """Return a configured source as the engine sees it; its vendor says what it can do."""
    vendor = catalog.VENDORS[config.kind]
    traits = vendor.traits(config)
    return engine.SourceTraits(
        name=name,
        kind=vendor.kind,
        blind_after=config.blind_after,
        granularity=traits.granularity,
        settle=traits.settle,
        clock_tolerance=config.clock_tolerance,
        detailed=vendor.detailed,
        history=traits.history,
        pre_roll=traits.pre_roll,
        states=vendor.states,
        down=vendor.down,
        unused=vendor.unused,
        likely_domain=vendor.likely_domain,
        well=vendor.well,
        carrier=vendor.carrier,
        units=vendor.fields.units,
        place=vendor.place,
        changes_bandwidth=vendor.bandwidth is not None,
    )


def works_policy(
    grace: timedelta | None = None, providers: Mapping[str, str] = MappingProxyType({})
) -> engine.WorksPolicy:
    """Return how planned works are taken. `providers` are added to the names that are known."""
    names = {name: carrier for carrier, names in catalog.PROVIDERS.items() for name in names}
    for name, provider in providers.items():
        carrier = engine.circuit_key(provider)
        names[engine.circuit_key(name)] = names.get(carrier, carrier)
    if grace is None:
        return engine.WorksPolicy(providers=names)
    return engine.WorksPolicy(grace=grace, providers=names)
