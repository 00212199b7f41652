"""Describes Orange EVPL, Ethernet lines, to the rest of Watcher."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.model import FaultDomain
from watcher.vendors.evpl import settings
from watcher.vendors.evpl.client import PAGE_CAP, EvplClient
from watcher.vendors.evpl.source import METRIC, EvplSource
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.vendor import Fields, Traits, Vendor


def _build(name: str, config: settings.EvplSource, account: VendorAccount) -> EvplSource:
    client = EvplClient(
        VendorApi(account, config.base_url, timeout=config.timeout, cap=PAGE_CAP),
        operator_code=config.operator_code,
        application_id=config.application_id,
        granularity=config.granularity,
        job=config.job,
        report=config.report,
    )
    return EvplSource(name, config, client, account.clock)


def _place(labels: Mapping[str, str]) -> str:
    """Return the point of presence at which a line is measured: `POP PARIS (FR)`."""
    name = labels.get("pop_name") or labels.get("pop_section", "")
    country = labels.get("pop_country", "")
    if not name:
        return f"POP {country}" if country else ""
    return f"POP {name} ({country})" if country else f"POP {name}"


VENDOR = Vendor(
    kind="evpl",
    carrier="Orange",
    settings=settings.EvplSource,
    build=_build,
    fields=Fields(figures=(METRIC,), metrics=(METRIC,), units={METRIC: "%"}),
    # A full line is its user's own traffic and nobody's fault.
    likely_domain=lambda _: FaultDomain.NONE,
    place=_place,
    traits=lambda config: Traits(granularity=config.granularity, settle=config.settle),
)
