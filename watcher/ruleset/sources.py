"""The settings of a source become what the engine has to know of it."""

from __future__ import annotations

from watcher import engine
from watcher.vendors import catalog, settings


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
