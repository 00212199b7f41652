"""Builds the source that a `[sources.NAME]` section asks for."""

from __future__ import annotations

from watcher import ports
from watcher.sources import evpl, internet_on_demand, settings, vyvx
from watcher.vendors import evpl as evpl_client
from watcher.vendors import http, naas, naas_forms
from watcher.vendors import internet_on_demand as iod_client
from watcher.vendors import vyvx as vyvx_client


def build(name: str, config: settings.Source, account: http.Account) -> ports.Source:
    """Build one source on its account; it opens nothing."""
    match config:
        case settings.VyvxSource():
            api = http.Api(
                account, config.base_url, timeout=config.timeout, cap=vyvx_client.STATUS_CAP
            )
            return vyvx.VyvxSource(name, vyvx_client.Client(api))
        case settings.EvplSource():
            client = evpl_client.Client(
                http.Api(
                    account, config.base_url, timeout=config.timeout, cap=evpl_client.PAGE_CAP
                ),
                operator_code=config.operator_code,
                application_id=config.application_id,
                granularity=config.granularity,
                job=config.job,
                report=config.report,
            )
            return evpl.EvplSource(name, config, client, account.clock)
        case settings.InternetOnDemandSource():
            return internet_on_demand.InternetOnDemandSource(name, iod_dialect(config, account))


def iod_dialect(
    config: settings.InternetOnDemandSource, account: http.Account
) -> iod_client.Client:
    """Build the Internet On-Demand client of the dialect that a section names."""
    api = http.Api(account, config.base_url, timeout=config.timeout)
    if config.dialect == "naas":
        return naas.Naas(
            api,
            customer_number=config.customer_number,
            unit=config.bandwidth_unit,
            contact=naas_forms.Contact(
                name=config.contact_name, email=config.contact_email, phone=config.contact_phone
            ),
        )
    return iod_client.Connections(api, unit=config.bandwidth_unit)
