"""Delivers incidents to programs over MQTT: events, one retained document, PDFs as raw bytes.

Everything published carries its version or event id, so a repetition is harmless and nothing has to
be looked up. Events, document and PDFs are independent: one that the broker refuses holds up none
of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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

        Incidents without a PDF come first. One that is refused stops none of the others.
        """
        await self._remember_sizes()
        await self._open_list.publish()
        live = await self._reader.incidents(statuses=UNRESOLVED, limit=10_000, announcements=True)
        resolved = await self._reader.incidents(
            statuses=(model.IncidentStatus.RESOLVED,), limit=1_000, announcements=True
        )
        now = self._clock.now()
        retained = [incident for incident in resolved if (expires_at(incident) or now) > now]
        ours = [incident for incident in (*live, *retained) if self.name in incident.notify]
        await self._clear_strays(
            incident for incident in (*live, *resolved) if self.name not in incident.notify
        )
        for incident in sorted(ours, key=lambda incident: bool(reports.reports_of(incident))):
            try:
                await self._publish_one_again(incident.id)
            except model.PermanentError as error:
                topic = topics.incident(self._connection.prefix, incident.id)
                self._publisher.note_refused(topic, str(error))

    async def _clear_strays(self, incidents: Iterable[model.Incident]) -> None:
        """Remove what a receiver has published that was renamed or removed since, once."""
        if self._configured is None:
            return
        for incident in incidents:
            for receipt in await self._reader.receipts(incident.id):
                if receipt.receiver not in self._configured:
                    await self._clear(incident, _states(incident, receipt))
        self._configured = None

    async def _publish_one_again(self, incident: str) -> None:
        """Publish the incident as it is now; another daemon may publish a newer version meanwhile.

        It is read again after its PDFs, which may take long, and after its document.
        """
        published = 0
        view = await self._reader.incident_view(incident)
        while view is not None and view.incident.version != published:
            states = await self._publish_reports_again(view.incident)
            version = view.incident.version
            view = await self._reader.incident_view(incident)
            if view is not None and view.incident.version == version:
                await self._publish_document(view, states)
                published = version
                view = await self._reader.incident_view(incident)

    async def _publish_reports_again(self, incident: model.Incident) -> States:
        """Publish the PDFs that the broker took before, and small ones; return how far each is."""
        reports_here = reports.reports_of(incident)
        receipt = await self._receipt(incident.id) if reports_here else None
        states = dict(_states(incident, receipt))
        for report in reports_here:
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

    async def _receipt(self, incident: str) -> model.Receipt | None:
        receipts = await self._reader.receipts(incident)
        return next((receipt for receipt in receipts if receipt.receiver == self.name), None)

    async def _remember_sizes(self) -> None:
        """Take over from the receipts which sizes the broker has hung up on, once.

        Raises TemporaryError or PermanentError without a connection.
        """
        limits = await self._connection.connected()
        if self._remembers:
            return
        for incident in await self._reader.incidents(statuses=UNRESOLVED, limit=10_000):
            if reports.reports_of(incident):
                receipt = await self._receipt(incident.id)
                for size, at in reports.refused_sizes(receipt.files.values() if receipt else ()):
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
