"""Describes the lighthouses to the rest of Watcher."""

from __future__ import annotations

from watcher.model import UNKNOWN, FaultDomain
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.toy.settings import ToySource as ToySettings
from watcher.vendors.toy.source import STATES, ToySource
from watcher.vendors.vendor import Fields, Vendor


def _build(name: str, config: ToySettings, account: VendorAccount) -> ToySource:
    return ToySource(name, VendorApi(account, config.base_url, timeout=config.timeout))


VENDOR = Vendor(
    kind="toy",
    settings=ToySettings,
    build=_build,
    fields=Fields(words={"state": (*STATES, UNKNOWN)}),
    likely_domain=lambda fields: (
        FaultDomain.SOURCE if fields["state"] == "dark" else FaultDomain.UNDETERMINED
    ),
    states=STATES,
)
