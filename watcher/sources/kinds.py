"""Builds the source that a `[sources.NAME]` section asks for."""

from __future__ import annotations

from watcher import ports
from watcher.sources import evpl, internet_on_demand, settings, vyvx
from watcher.vendors import evpl as evpl_client
from watcher.vendors import http
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
                http.Api(account, config.base_url, timeout=config.timeout),
                operator_code=config.operator_code,
                application_id=config.application_id,
                granularity=config.granularity,
                job=config.job,
                report=config.report,
            )
            return evpl.EvplSource(name, config, client, account.clock)
        case settings.InternetOnDemandSource():
            api = http.Api(account, config.base_url, timeout=config.timeout)
            inventory = (
                iod_client.Naas(api, customer_number=config.customer_number)
                if config.dialect == "naas"
                else iod_client.Connections(api)
            )
            return internet_on_demand.InternetOnDemandSource(name, inventory)
