"""Delivers incidents to programs over MQTT: events, one retained document, PDFs as raw bytes.

Everything published carries its version or event id, so a repetition is harmless and nothing has to
be looked up. Events, document and PDFs are independent: one that the broker refuses holds up none
of the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import documents
from watcher.operations.documents import cloud_events
from watcher.operations.links import NOWHERE, Addresses
from watcher.receivers.mqtt import payloads, reports, topics
from watcher.receivers.mqtt.broker.connection import MqttConnection
from watcher.receivers.mqtt.broker.limits import BrokerLimits
from watcher.receivers.mqtt.open_list import UNRESOLVED, OpenList
from watcher.receivers.mqtt.reports import Progress, ReportState
from watcher.receivers.mqtt.retained import RetainedIncidents, States, expires_at

EVENT_SECONDS = 3_600  # how long the broker keeps an event for a client that is offline
LATER = timedelta(seconds=2)  # until a large PDF is sent, so that what is pending goes first
DAY_SECONDS = 24 * 3_600
CHUNK = 200  # incidents that are read by the same statements
FRESH_SECONDS = 0.01  # how long after it was read a document may go without another look


class MqttReceiver:
    """The broker's subscribers; `name` is the receiver's name in the settings."""

    def __init__(
        self,
        *,
        name: str,
        connection: MqttConnection,
        reader: ports.IncidentReader,
        clock: Clock,
        configured: Collection[str] | None = None,
        addresses: Addresses = NOWHERE,
    ) -> None:
        self.name = name
        self._connection = connection
        self._publisher = connection.publisher
        self._reader = reader
        self._clock = clock
        self._retained = RetainedIncidents(connection=connection, clock=clock, addresses=addresses)
        self._learned: dict[str, ReportState] = {}  # after a connect, and in no receipt yet
        self._losses: dict[str, int] = {}  # run -> acquittals at its last lost connection
        self._configured = configured  # the names of all receivers
        self._remembers = False  # what was learned before this process started
        self._open_list = OpenList(name=name, connection=connection, reader=reader, clock=clock)
        connection.on_connect(self._publish_again)

    def remarks(self) -> tuple[str, ...]:
        """Return what the broker refuses or does not deliver."""
        return self._connection.remarks()

    def cut_off(self) -> ports.CutOff | None:
        """Return since when there is no connection."""
        return self._connection.cut_off()

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """Publish events, document and PDFs. The receipt's `due` is when the document expires.

        Raises TemporaryError while there is no connection, and PermanentError when something is
        refused, after everything else.
        """
        incident = view.incident
        await self._remember_sizes()
        refusals: list[model.PermanentError] = []
        receipt = await self._publish_events(view, receipt, delivery, refusals)
        until = expires_at(incident)
        if until is not None and self._clock.now() >= until:
            await self._clear(incident, _states(incident, receipt))
            receipt = replace(receipt, parent_version=incident.version, due=None)
        else:
            receipt = await self._publish_current(view, receipt, delivery, refusals)
        if refusals:
            await delivery.save(receipt)
            raise refusals[0]
        return receipt

    async def _publish_events(
        self,
        view: model.IncidentView,
        receipt: model.Receipt,
        delivery: ports.DeliverySession,
        refusals: list[model.PermanentError],
    ) -> model.Receipt:
        topic = topics.events(self._connection.prefix)
        for entry in view.timeline:
            if entry.number <= receipt.told_through:
                continue
            payload = payloads.event(
                documents.event(view.incident, entry), self._publisher.fitting(topic)
            )
            if payload is None:
                self._publisher.note_refused(
                    topic, f"event {entry.event_id} is too large for the broker, even shortened"
                )
            else:
                try:
                    await self._connection.publish(
                        topic,
                        payload,
                        retain=False,
                        expiry=EVENT_SECONDS,
                        content_type="application/json",
                        cloud_event=cloud_events.of_entry(entry),
                    )
                except model.PermanentError as error:
                    refusals.append(error)
                    break
            receipt = replace(receipt, told_through=entry.number)
            await delivery.save(receipt)
        return receipt

    async def _publish_current(
        self,
        view: model.IncidentView,
        receipt: model.Receipt,
        delivery: ports.DeliverySession,
        refusals: list[model.PermanentError],
    ) -> model.Receipt:
        """Publish small PDFs, then the document; large PDFs if there was nothing else to do."""
        incident, limits = view.incident, self._publisher.limits
        before = _states(incident, receipt)
        states = before | {run: self._learned[run] for run in before if run in self._learned}
        busy = receipt.parent_version != incident.version
        for report in reports.reports_of(incident):
            state = states[report.run]
            if not state.settled and (not busy or _goes_first(report, state, limits)):
                try:
                    states[report.run] = await self._retained.publish_report(
                        incident, report, state, delivery
                    )
                except model.AmbiguousError:
                    states[report.run] = self._lost(report, state)
                    await delivery.save(_with_states(receipt, states))
                    raise
        changed = {run: state for run, state in states.items() if state != before[run]}
        if changed:
            receipt = replace(_with_states(receipt, states), parent_version=0)
            await delivery.save(receipt)
            for run in changed:
                self._learned.pop(run, None)
                self._losses.pop(run, None)
        if receipt.parent_version != incident.version:
            try:
                await self._publish_document(view, states)
            except model.PermanentError as error:
                refusals.append(error)
        due = expires_at(incident)
        if not all(state.settled for state in states.values()):
            due = self._clock.now() + LATER
        return replace(receipt, parent_version=incident.version, due=due)

    def _lost(self, report: model.Report, state: ReportState) -> ReportState:
        """Count a connection that was lost while a PDF was sent; a rival explains those before."""
        acquittals = self._publisher.limits.acquittals
        if self._losses.get(report.run, acquittals) != acquittals:
            state = replace(state, tries=0)
        self._losses[report.run] = acquittals
        return state.lost(report.size, self._clock.now())

    async def _publish_document(self, view: model.IncidentView, states: States) -> None:
        self._open_list.changed()
        await self._retained.publish_document(view, states)

    async def _clear(self, incident: model.Incident, states: States) -> None:
        for run in states:
            self._losses.pop(run, None)
        await self._retained.clear(incident, states)

    async def _publish_again(self) -> None:
        """Publish the retained documents again, for a broker that may have lost them.

        Incidents without a PDF come first.
        """
        await self._remember_sizes()
        await self._open_list.publish()
        live = await self._reader.incidents(statuses=UNRESOLVED, limit=10_000, announcements=True)
        resolved = await self._reader.incidents(
            statuses=(model.IncidentStatus.RESOLVED,), limit=1_000, announcements=True
        )
        now = self._clock.now()
        recent = [incident for incident in resolved if (expires_at(incident) or now) > now]
        cleared = await self._cleared(recent)
        retained = [incident for incident in recent if incident.id not in cleared]
        ours = [incident for incident in (*live, *retained) if self.name in incident.notify]
        await self._clear_strays(
            incident for incident in (*live, *resolved) if self.name not in incident.notify
        )
        ours.sort(key=lambda incident: bool(reports.reports_of(incident)))
        for first in range(0, len(ours), CHUNK):
            await self._publish_these_again(
                [incident.id for incident in ours[first : first + CHUNK]]
            )

    async def _cleared(self, resolved: Sequence[model.Incident]) -> set[str]:
        """Return those whose documents have been removed, by a clock that was ahead.

        Nothing would remove them a second time.
        """
        versions = {incident.id: incident.version for incident in resolved}
        return {
            receipt.incident
            for receipt in await self._receipts(list(versions))
            if receipt.receiver == self.name
            and receipt.due is None
            and receipt.parent_version == versions[receipt.incident]
        }

    async def _clear_strays(self, incidents: Iterable[model.Incident]) -> None:
        """Remove what a receiver has published that was renamed or removed since, once."""
        if self._configured is None:
            return
        strays = {incident.id: incident for incident in incidents}
        for receipt in await self._receipts(list(strays)):
            if receipt.receiver not in self._configured:
                incident = strays[receipt.incident]
                await self._clear(incident, _states(incident, receipt))
        self._configured = None

    async def _publish_these_again(self, incidents: Sequence[str]) -> None:
        """Publish incidents as they are now; another daemon may publish newer versions meanwhile.

        What has changed since it was read, or while it was published, is read again.
        """
        published: dict[str, int] = {}
        while incidents:
            views = await self._reader.incident_views(incidents)
            await self._publish_views_again(views, published)
            versions = await self._reader.versions([view.incident.id for view in views])
            incidents = [key for key, version in versions.items() if published.get(key) != version]

    async def _publish_views_again(
        self, views: Sequence[model.IncidentView], published: dict[str, int]
    ) -> None:
        """Publish what is still as it was read; add the versions. A refusal stops no other."""
        read_at, versions = -math.inf, dict[str, int]()
        receipts = await self._receipts_by_incident(view.incident for view in views)
        keys = [view.incident.id for view in views]
        for view in views:
            incident = view.incident
            try:
                states = await self._publish_reports_again(incident, receipts.get(incident.id))
                if self._clock.monotonic() - read_at > FRESH_SECONDS:
                    versions = dict(await self._reader.versions(keys))
                    read_at = self._clock.monotonic()
                if versions.get(incident.id) == incident.version:
                    published[incident.id] = incident.version
                    await self._publish_document(view, states)
            except model.PermanentError as error:
                published[incident.id] = incident.version
                topic = topics.incident(self._connection.prefix, incident.id)
                self._publisher.note_refused(topic, str(error))

    async def _publish_reports_again(
        self, incident: model.Incident, receipt: model.Receipt | None
    ) -> States:
        """Publish the PDFs that the broker took before, and small ones; return how far each is."""
        states = dict(_states(incident, receipt))
        for report in reports.reports_of(incident):
            state = states[report.run]
            hung_up = state.size and self._clock.now().timestamp() - state.at < DAY_SECONDS
            again = state.progress is Progress.DONE or _goes_first(
                report, state, self._publisher.limits
            )
            if again and not hung_up:
                new = await self._retained.publish_report(incident, report, state, self._reader)
                if new != state:
                    self._learned[report.run] = new
                states[report.run] = new
        return states

    async def _receipts(self, incidents: Sequence[str]) -> list[model.Receipt]:
        """Return the receipts of incidents, by as few statements as possible."""
        receipts: list[model.Receipt] = []
        for first in range(0, len(incidents), CHUNK):
            receipts += await self._reader.receipts_of(incidents[first : first + CHUNK])
        return receipts

    async def _receipts_by_incident(
        self, incidents: Iterable[model.Incident]
    ) -> Mapping[str, model.Receipt]:
        """Return our receipts of those that have PDFs."""
        keys = [incident.id for incident in incidents if reports.reports_of(incident)]
        receipts = await self._receipts(keys)
        return {receipt.incident: receipt for receipt in receipts if receipt.receiver == self.name}

    async def _remember_sizes(self) -> None:
        """Take over from the receipts which sizes the broker has hung up on, once.

        Raises TemporaryError or PermanentError without a connection.
        """
        limits = await self._connection.connected()
        if self._remembers:
            return
        unresolved = await self._reader.incidents(statuses=UNRESOLVED, limit=10_000)
        for receipt in (await self._receipts_by_incident(unresolved)).values():
            for size, at in reports.refused_sizes(receipt.files.values()):
                age = (self._clock.now() - at).total_seconds()
                now = self._clock.monotonic()
                limits.remember(size, at=now - age, now=now)
        self._remembers = True


def _states(incident: model.Incident, receipt: model.Receipt | None) -> dict[str, ReportState]:
    files = receipt.files if receipt else {}
    return {
        report.run: ReportState.parse(files.get(report.run, ""))
        for report in reports.reports_of(incident)
    }


def _with_states(receipt: model.Receipt, states: States) -> model.Receipt:
    files = {run: str(state) for run, state in states.items() if state != ReportState()}
    return replace(receipt, files={**receipt.files, **files})


def _goes_first(report: model.Report, state: ReportState, limits: BrokerLimits) -> bool:
    """Whether a PDF is sent before the document: the broker is not likely to hang up on it."""
    return not state.tries and (report.size <= reports.SMALL or limits.proven(report.size))
