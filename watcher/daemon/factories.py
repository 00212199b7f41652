"""Settings become adapters: accounts, sources, the examiner, the rules. Nothing here connects.

The daemon and `watcher check --connect` both build them here: what was checked is what runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import aiohttp

from watcher import delivery, engine, ports, ruleset
from watcher.clock import Clock
from watcher.operations import status
from watcher.operations.commands import CommandService
from watcher.receivers import settings as receiver_settings
from watcher.receivers import webhook
from watcher.receivers.mqtt import connection
from watcher.receivers.mqtt.receiver import MqttReceiver
from watcher.receivers.slack import interactions
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.settings import Settings
from watcher.vendors import catalog
from watcher.vendors import settings as vendor_settings
from watcher.vendors.diagnostics.client import DiagnosticsClient, LumenDiagnostics
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.preorder.client import PreorderBackupFinder, PreorderClient


class VendorAccounts:
    """The configured accounts, each built once, because a vendor counts its calls together."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        clock: Clock,
        meter: ports.CallCounter,
    ) -> None:
        self._settings = settings
        self.session = session
        self.clock = clock
        self._meter = meter
        self._built: dict[str, VendorAccount] = {}

    def __getitem__(self, name: str) -> VendorAccount:
        """Give an account; the empty name is one without credentials, which nobody shares."""
        if not name:
            return self._build(name, None)
        if name not in self._built:
            self._built[name] = self._build(name, self._settings.accounts[name])
        return self._built[name]

    def _build(self, name: str, keys: vendor_settings.Account | None) -> VendorAccount:
        return VendorAccount(name, keys, self.session, self.clock, self._meter)

    def trouble(self, name: str) -> str:
        """Say why an account's vendor is not asked; empty while it is."""
        return self._built[name].circuit.trouble if name in self._built else ""


async def usages(
    settings: Settings, accounts: VendorAccounts, meter: ports.UsageReader, now: datetime
) -> list[status.Usage]:
    """Read how the configured accounts do; raises TemporaryError."""
    month = f"{now:%Y-%m}"
    return [
        status.Usage(
            account=name,
            month=month,
            calls=await meter.calls(name, month) if account.calls_per_month else 0,
            calls_per_month=account.calls_per_month,
            trouble=accounts.trouble(name),
        )
        for name, account in settings.accounts.items()
    ]


def read_rules(settings: Settings, extra: Iterable[str] = ()) -> engine.Ruleset:
    """Read rules and inventory; rules may also name the `extra` receivers.

    Raises model.InvalidConfigError with every fault of every file.
    """
    return ruleset.load(
        settings.rules,
        inventory=settings.inventory,
        sources={
            name: ruleset.source_traits(name, source) for name, source in settings.sources.items()
        },
        receivers=(*settings.receivers, *extra),
        quiet=[name for name, each in settings.receivers.items() if each.kind == "mqtt"],
    )


def build_sources(settings: Settings, accounts: VendorAccounts) -> dict[str, ports.Source]:
    """Build every configured source."""
    return {
        name: catalog.build(name, source, accounts[source.account])
        for name, source in settings.sources.items()
    }


def build_examiner(settings: Settings, accounts: VendorAccounts) -> ports.DiagnosticsRunner | None:
    """Build what runs Service Diagnostics; None when it is not configured."""
    keys = settings.diagnostics
    if keys is None:
        return None
    client = DiagnosticsClient(accounts[keys.account], keys.base_url, timeout=keys.timeout)
    return LumenDiagnostics(client, keys, PdfPreviewer())


def build_qualifier(
    settings: Settings, accounts: VendorAccounts, gazetteer: ports.UnservedAddresses, clock: Clock
) -> ports.BackupFinder | None:
    """Build what asks for backups; None when it is not configured."""
    keys = settings.preorder
    if keys is None:
        return None
    client = PreorderClient(accounts[keys.account], keys)
    return PreorderBackupFinder(client, gazetteer, clock)


def build_orderers(
    settings: Settings, accounts: VendorAccounts
) -> dict[str, ports.BandwidthChanger]:
    """Build what changes bandwidths, for each source whose vendor offers it."""
    return {
        name: bandwidth(source, accounts[source.account])
        for name, source in settings.sources.items()
        if (bandwidth := catalog.VENDORS[source.kind].bandwidth) is not None
    }


def build_broker(settings: Settings, clock: Clock) -> connection.MqttConnection | None:
    """Build the one connection to the broker; None when nothing is told or asked there."""
    told = any(one.kind == "mqtt" for one in settings.receivers.values())
    if not told and not settings.mqtt.commands:
        return None
    return connection.MqttConnection(
        settings=settings.mqtt, instance=settings.instance, clock=clock
    )


def build_receivers(
    settings: Settings,
    *,
    session: aiohttp.ClientSession,
    clock: Clock,
    hub: connection.MqttConnection | None,
    reader: ports.IncidentReader,
) -> dict[str, ports.Receiver]:
    """Build every configured receiver."""
    receivers: dict[str, ports.Receiver] = {}
    for name, keys in settings.receivers.items():
        match keys:
            case receiver_settings.SlackReceiver():
                receivers[name] = SlackReceiver(
                    name=name, channel=keys, settings=settings.slack, session=session, clock=clock
                )
            case receiver_settings.WebhookReceiver():
                receivers[name] = webhook.WebhookReceiver(
                    name=name, settings=keys, session=session, clock=clock
                )
            case receiver_settings.MqttReceiver():
                assert hub is not None  # noqa: S101  # build_broker looks for the same kind
                receivers[name] = MqttReceiver(
                    name=name, connection=hub, reader=reader, clock=clock
                )
    return receivers


def build_actions(
    settings: Settings,
    *,
    session: aiohttp.ClientSession,
    wishes: CommandService,
    library: ports.IncidentReader,
    clock: Clock,
) -> interactions.SlackActions | None:
    """Build what obeys Slack's buttons; None where there are none."""
    channels = [one.channel for one in settings.receivers.values() if one.kind == "slack"]
    if not channels or not settings.slack.app_token.get_secret_value():
        return None
    return interactions.SlackActions(
        settings=settings.slack,
        channels=channels,
        session=session,
        commands=wishes,
        reader=library,
        clock=clock,
    )


def build_fallbacks(settings: Settings) -> dict[str, delivery.Fallback]:
    """Say who is told in the place of which receiver, and when."""
    return {
        name: delivery.Fallback(receiver=keys.fallback, after=keys.fallback_after)
        for name, keys in settings.receivers.items()
        if keys.fallback
    }
