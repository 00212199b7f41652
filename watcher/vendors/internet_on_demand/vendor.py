"""Describes Lumen Internet On-Demand to the rest of Watcher."""

from __future__ import annotations

from collections.abc import Mapping

from watcher import model
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.internet_on_demand import settings
from watcher.vendors.internet_on_demand.client import ConnectionsClient, InternetOnDemandClient
from watcher.vendors.internet_on_demand.naas import Contact, NaasClient
from watcher.vendors.internet_on_demand.source import (
    STATUSES,
    InternetOnDemandBandwidth,
    InternetOnDemandSource,
)
from watcher.vendors.vendor import Fields, Vendor


def build_client(
    config: settings.InternetOnDemandSource, account: VendorAccount
) -> InternetOnDemandClient:
    """Return the client of the dialect that a section names."""
    api = VendorApi(account, config.base_url, timeout=config.timeout)
    if config.dialect == "naas":
        return NaasClient(
            api,
            customer_number=config.customer_number,
            unit=config.bandwidth_unit,
            contact=Contact(
                name=config.contact_name, email=config.contact_email, phone=config.contact_phone
            ),
        )
    return ConnectionsClient(api, unit=config.bandwidth_unit)


def _build(
    name: str, config: settings.InternetOnDemandSource, account: VendorAccount
) -> InternetOnDemandSource:
    return InternetOnDemandSource(name, build_client(config, account))


def _bandwidth(
    config: settings.InternetOnDemandSource, account: VendorAccount
) -> InternetOnDemandBandwidth:
    return InternetOnDemandBandwidth(
        build_client(config, account), customer=config.customer, per_day=config.changes_per_day
    )


async def _other_dialect(config: settings.InternetOnDemandSource, account: VendorAccount) -> str:
    """Return a sentence when it is the other dialect that answers, else nothing."""
    other = "naas" if config.dialect == "connections" else "connections"
    if other == "naas" and not config.customer_number:
        return "if you meant the dialect naas, set dialect and customer_number"
    changed = config.model_copy(update={"dialect": other})
    try:
        await build_client(changed, account).all()
    except model.WatcherError:
        return ""
    also = ", or check customer_number" if config.dialect == "naas" else ""
    return f'the other dialect answers: set dialect = "{other}"{also}'


def well(fields: Mapping[str, model.Scalar], bought: float | None) -> bool | None:
    """Return whether a connection is active and has the bandwidth that was bought, where known."""
    status, mbps = fields.get("status"), fields.get("bandwidth_mbps")
    if status not in STATUSES:
        return None
    if status != "active" or bought is None:
        return status == "active"
    return None if mbps is None else mbps == bought


VENDOR = Vendor(
    kind="internet_on_demand",
    carrier="Lumen",
    settings=settings.InternetOnDemandSource,
    build=_build,
    fields=Fields(words={"status": (*STATUSES, model.UNKNOWN)}, figures=("bandwidth_mbps",)),
    likely_domain=lambda _: model.FaultDomain.LUMEN,
    well=well,
    down=("suspended",),
    unused=("provisioning", "terminated"),
    hint=_other_dialect,
    bandwidth=_bandwidth,
)
