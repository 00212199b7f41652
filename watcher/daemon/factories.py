"""Builds adapters from the settings: accounts, sources, receivers, rules. Nothing here connects.

The daemon and `watcher check --connect` both build them here, so what was checked is what runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import aiohttp
from msgspec.structs import replace
from sqlalchemy import make_url

from watcher import delivery, engine, model, ports, ruleset
from watcher.clock import Clock
from watcher.oncall.schedules import Schedules, rota_in
from watcher.operations import explain, status
from watcher.operations.commands import CommandService
from watcher.operations.links import Addresses
from watcher.receivers import settings as receiver_settings
from watcher.receivers import webhook
from watcher.receivers.sample import sample_view
from watcher.receivers.slack import template as message_template
from watcher.receivers.slack.api import RateLimits
from watcher.receivers.slack.interactive import service
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.receivers.slack.template import MessageTemplate
from watcher.settings import Settings
from watcher.store.counters import CallCounter
from watcher.vendors import catalog
from watcher.vendors import settings as vendor_settings
from watcher.vendors.diagnostics.client import DiagnosticsClient, LumenDiagnostics
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource
from watcher.vendors.preorder.backups import PreorderBackupFinder
from watcher.vendors.preorder.client import PreorderClient

if TYPE_CHECKING:
    from watcher.receivers.mqtt.broker.client import BuildClient
    from watcher.receivers.mqtt.broker.connection import MqttConnection
    from watcher.receivers.mqtt.commands import CommandListener


class VendorAccounts:
    """The configured accounts, each built once, because a vendor limits an account's calls."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        clock: Clock,
        call_counter: ports.CallCounter,
    ) -> None:
        self._settings = settings
        self.session = session
        self.clock = clock
        self._call_counter = call_counter
        self._built: dict[str, VendorAccount] = {}

    def __getitem__(self, name: str) -> VendorAccount:
        """Return an account; with an empty name a new one without credentials."""
        if not name:
            return self._build(name, None)
        if name not in self._built:
            self._built[name] = self._build(name, self._settings.accounts[name])
        return self._built[name]

    def _build(self, name: str, account: vendor_settings.Account | None) -> VendorAccount:
        return VendorAccount(name, account, self.session, self.clock, self._call_counter)

    def trouble(self, name: str) -> str:
        """Return why requests of an account are held back, in words; empty if they are not."""
        return self._built[name].circuit.trouble if name in self._built else ""


async def usages(
    settings: Settings, accounts: VendorAccounts, usage: ports.UsageReader, now: datetime
) -> list[status.Usage]:
    """Return the usage of the configured accounts this month. Raises TemporaryError."""
    month = f"{now:%Y-%m}"
    return [
        status.Usage(
            account=name,
            month=month,
            calls=await usage.used(name, month) if account.calls_per_month else 0,
            calls_per_month=account.calls_per_month,
            trouble=accounts.trouble(name),
        )
        for name, account in settings.accounts.items()
    ]


async def count_change(
    settings: Settings, counter: CallCounter, source: str, now: datetime
) -> bool:
    """Count an order by hand; return whether it is within the changes of the day (UTC).

    Raises KeyError where there is no such source, or none that can be changed.
    """
    section = settings.sources[source]
    if not isinstance(section, InternetOnDemandSource):
        raise KeyError(source)
    day = now.astimezone(UTC).date()
    return await counter.spend_change(section.customer, day, section.changes_per_day)


def read_rules(settings: Settings, extra: Iterable[str] = ()) -> engine.Ruleset:
    """Load rules and inventory; rules may also name the `extra` receivers.

    Raises model.InvalidConfigError with every fault of every file.
    """
    rules = ruleset.load(
        settings.rules,
        inventory=settings.inventory,
        sources={
            **{
                name: ruleset.source_traits(name, source)
                for name, source in settings.sources.items()
            },
            **ruleset.works_traits(settings.works),
        },
        receivers=(*settings.receivers, *extra),
        quiet=[name for name, receiver in settings.receivers.items() if receiver.kind == "mqtt"],
        works=replace(
            ruleset.works_policy(settings.works.grace, settings.works.providers),
            receivers=settings.works.receivers or tuple(settings.receivers),
            zone=ZoneInfo(settings.works.zone),
        ),
    )
    problems = [
        f"receivers.{name}.mention: there is no rota {rota!r} in the rule files"
        for name, receiver in settings.receivers.items()
        if receiver.kind == "slack"
        and (rota := rota_in(receiver.mention)) is not None
        and rota not in rules.rotas
    ]
    if problems:
        raise model.InvalidConfigError(tuple(problems))
    return rules


def build_sources(settings: Settings, accounts: VendorAccounts) -> dict[str, ports.Source]:
    """Build every configured source."""
    return {
        name: catalog.build(name, source, accounts[source.account])
        for name, source in settings.sources.items()
    }


def build_diagnostics_runner(
    settings: Settings, accounts: VendorAccounts
) -> ports.DiagnosticsRunner | None:
    """Build the client of Service Diagnostics; None when it is not configured."""
    diagnostics = settings.diagnostics
    if diagnostics is None:
        return None
    client = DiagnosticsClient(
        accounts[diagnostics.account], diagnostics.base_url, timeout=diagnostics.timeout
    )
    return LumenDiagnostics(client, diagnostics, PdfPreviewer())


def build_backup_finder(
    settings: Settings,
    accounts: VendorAccounts,
    unserved_addresses: ports.UnservedAddresses,
    clock: Clock,
) -> ports.BackupFinder | None:
    """Build the client that looks for backup options; None when it is not configured."""
    preorder = settings.preorder
    if preorder is None:
        return None
    client = PreorderClient(accounts[preorder.account], preorder)
    return PreorderBackupFinder(client, unserved_addresses, clock)


def build_bandwidth_changers(
    settings: Settings, accounts: VendorAccounts
) -> dict[str, ports.BandwidthChanger]:
    """Build a bandwidth changer for each source whose vendor offers that."""
    return {
        name: bandwidth(source, accounts[source.account])
        for name, source in settings.sources.items()
        if (bandwidth := catalog.VENDORS[source.kind].bandwidth) is not None
    }


def build_mqtt_connection(
    settings: Settings,
    clock: Clock,
    build_client: BuildClient | None = None,
) -> MqttConnection | None:
    """Build the one connection to the broker; None, and nothing loaded, when it is not needed."""
    has_receiver = any(receiver.kind == "mqtt" for receiver in settings.receivers.values())
    if not has_receiver and not settings.mqtt.commands:
        return None
    from watcher.receivers.mqtt.broker import client, connection  # noqa: PLC0415  # for those who use MQTT alone

    return connection.MqttConnection(
        settings=settings.mqtt,
        instance=settings.instance,
        clock=clock,
        sources=settings.sources,
        is_alone=settings.store.url.startswith("sqlite"),
        build_client=build_client or client.build,
    )


def build_command_listener(
    settings: Settings, mqtt: MqttConnection, commands: CommandService
) -> CommandListener:
    """Build what carries out the commands that arrive from the broker."""
    from watcher.receivers.mqtt.commands import CommandListener  # noqa: PLC0415  # for those who use MQTT alone

    return CommandListener(
        connection=mqtt,
        commands=commands,
        token=settings.mqtt.commands_token.get_secret_value(),
    )


def read_templates(settings: Settings) -> dict[str, MessageTemplate]:
    """Read the receivers' templates, each tried on a made-up incident.

    Raises model.InvalidConfigError with the fault of each.
    """
    templates: dict[str, MessageTemplate] = {}
    problems = []
    at = datetime(2000, 1, 1, tzinfo=UTC)
    for name, receiver in settings.receivers.items():
        if isinstance(receiver, receiver_settings.SlackReceiver) and receiver.template is not None:
            try:
                templates[name] = message_template.load(receiver.template)
                templates[name].render(sample_view(at), at, ("built-in text",))
            except message_template.RenderingError as error:
                problems.append(f"receivers.{name}.template: {receiver.template}: {error}")
    if problems:
        raise model.InvalidConfigError(tuple(problems))
    return templates


def build_receivers(
    settings: Settings,
    *,
    session: aiohttp.ClientSession,
    clock: Clock,
    mqtt: MqttConnection | None,
    reader: ports.IncidentReader,
    schedules: Schedules | None = None,
) -> dict[str, ports.Receiver]:
    """Build every configured receiver."""
    receivers: dict[str, ports.Receiver] = {}
    templates = read_templates(settings)
    addresses = Addresses(board=settings.web.public_url)
    limits = RateLimits(clock)
    for name, receiver in settings.receivers.items():
        match receiver:
            case receiver_settings.SlackReceiver():
                receivers[name] = SlackReceiver(
                    name=name,
                    channel=receiver,
                    settings=settings.slack,
                    session=session,
                    clock=clock,
                    limits=limits,
                    template=templates.get(name),
                    find_mention=schedules.mention if schedules else str,
                    addresses=addresses,
                )
            case receiver_settings.WebhookReceiver():
                receivers[name] = webhook.WebhookReceiver(
                    name=name,
                    settings=receiver,
                    session=session,
                    clock=clock,
                    addresses=addresses,
                )
            case receiver_settings.MqttReceiver():
                from watcher.receivers.mqtt.receiver import MqttReceiver  # noqa: PLC0415  # for those who use MQTT alone

                assert mqtt is not None  # noqa: S101  # there is a connection for this kind
                receivers[name] = MqttReceiver(
                    name=name,
                    connection=mqtt,
                    reader=reader,
                    clock=clock,
                    configured=settings.receivers,
                    addresses=addresses,
                )
    return receivers


def build_slack_actions(
    settings: Settings,
    *,
    session: aiohttp.ClientSession,
    commands: CommandService,
    reader: ports.IncidentReader,
    clock: Clock,
    schedules: Schedules,
    by_time: explain.ByTime,
) -> service.SlackActions | None:
    """Build what handles Slack's buttons; None where there are none."""
    channels = [
        receiver.channel for receiver in settings.receivers.values() if receiver.kind == "slack"
    ]
    if not channels or not settings.slack.app_token.get_secret_value():
        return None
    return service.SlackActions(
        settings=settings.slack,
        channels=channels,
        session=session,
        commands=commands,
        reader=reader,
        clock=clock,
        on_call=schedules.all,
        by_time=by_time,
    )


def build_fallbacks(settings: Settings) -> dict[str, delivery.Fallback]:
    """Return when the others learn that a receiver is failing, and its fallback if it has one."""
    return {
        name: delivery.Fallback(receiver=receiver.fallback, after=receiver.fallback_after)
        for name, receiver in settings.receivers.items()
    }


def rejected_folder(settings: Settings) -> Path:
    """Return where what carriers sent and is not a notice is kept."""
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]  # systemd's
    database = make_url(settings.store.url)
    if settings.works.directory is not None:
        state = str(settings.works.directory)
    elif not state and database.get_backend_name() == "sqlite" and database.database:
        state = str(Path(database.database).parent)
    return (Path(state) if state else settings.control.socket.parent) / "rejected"
