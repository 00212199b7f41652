"""An outbox in memory, as strict about claims as the store, and a receiver that records acts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from tests.fakes.virtual_time import START
from watcher import model, ports


@dataclass
class Row:
    receipt: model.Receipt
    due: datetime | None = START
    token: int = 0
    lease_until: datetime | None = None


class InMemoryOutbox:
    """Implements ports.Outbox and ports.IncidentReader; `happen` adds an entry to a timeline."""

    def __init__(self, clock, receivers: Sequence[str]) -> None:
        self.incidents: dict[str, model.Incident] = {}
        self.timelines: dict[str, list[model.Entry]] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        self.asked = 0
        self.commands: list[model.Command] = []
        self.notifications: list[model.Notification] = []
        self._clock = clock
        self._receivers = receivers
        self._tokens = 0

    async def is_pending(self, receiver: str) -> bool:
        return any(name == receiver and row.due for (_, name), row in self.rows.items())

    async def submit(self, key: str, command: model.Command, at: datetime) -> bool:
        self.commands.append(command)
        return True

    def happen(self, incident: str, *, resolved: bool = False) -> None:
        timeline = self.timelines.setdefault(incident, [])
        entry = model.Entry(
            incident=incident,
            number=len(timeline) + 1,
            kind=model.EntryKind.RESOLVED if resolved else model.EntryKind.NOTED,
            at=self._clock.now(),
            text=f"entry {len(timeline) + 1}",
        )
        timeline.append(entry)
        self.incidents[incident] = model.Incident(
            id=incident,
            version=entry.number,
            entries=entry.number,
            rule="rule",
            source="vyvx",
            group=incident,
            status=model.IncidentStatus.OPEN,
            severity=model.Severity.WARNING,
            title=incident,
            opened_at=START,
            fault_domain=model.FaultDomain.NONE,
            notify=tuple(self._receivers),
        )
        for name in self._receivers:
            row = self.rows.setdefault(
                (incident, name), Row(model.Receipt(incident=incident, receiver=name))
            )
            if row.due is None:
                row.due = START

    def lags(self, receipt: model.Receipt) -> bool:
        incident = self.incidents[receipt.incident]
        return incident.version > receipt.parent_version or incident.entries > receipt.told_through

    @property
    def is_settled(self) -> bool:
        return not any(self.lags(row.receipt) or row.lease_until for row in self.rows.values())

    async def claim(
        self, *, now: datetime, receivers: Sequence[str], lease: timedelta, limit: int
    ) -> list[ports.PendingDelivery]:
        await asyncio.sleep(0)
        self.asked += 1
        free = [
            row
            for (_, name), row in self.rows.items()
            if name in receivers
            and row.due is not None
            and row.due <= now
            and (row.lease_until is None or row.lease_until <= now)
        ]
        free.sort(key=lambda row: row.due)
        pending = []
        for row in free[:limit]:
            self._tokens += 1
            row.token, row.lease_until = self._tokens, now + lease
            view = await self.incident_view(row.receipt.incident)
            pending.append(ports.PendingDelivery(receipt=row.receipt, token=row.token, view=view))
        return pending

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        if incident not in self.incidents:
            return None
        return model.IncidentView(
            incident=self.incidents[incident],
            alerts=(),
            alert_counts={},
            timeline=tuple(self.timelines[incident]),
        )

    async def save_receipt(self, receipt: model.Receipt, token: int) -> None:
        await asyncio.sleep(0)
        self._claimed(receipt, token).receipt = receipt

    async def release(
        self,
        receipt: model.Receipt,
        token: int,
        *,
        again_at: datetime | None,
        delivered: model.Notification | None = None,
    ) -> None:
        await asyncio.sleep(0)
        row = self._claimed(receipt, token)
        self.notifications += [delivered] if delivered else []
        row.receipt, row.token, row.lease_until = receipt, 0, None
        waits = receipt.failures > 0 and again_at is not None
        row.due = START if self.lags(receipt) and not waits else again_at or receipt.due

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        return ()

    async def series(self, subject, metric, start, end) -> tuple[model.Sample, ...]:
        return ()

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        return None

    def _claimed(self, receipt: model.Receipt, token: int) -> Row:
        row = self.rows[receipt.incident, receipt.receiver]
        if row.token != token:
            raise model.PermanentError("the claim was lost")
        return row


@dataclass
class RecordingReceiver:
    """A receiver that delivers entry by entry, with intents, and fails as `faults` says.

    A fault is raised before the act, or after it when it is ambiguous: then the act has happened,
    and only a look-up in `delivered` shows that. Each act takes `seconds`.
    """

    name: str
    delivered: list[tuple[str, int]] = field(default_factory=list)
    faults: Callable[[], Exception | None] = lambda: None
    seconds: float = 0.0
    deliveries: int = 0

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, session: ports.DeliverySession
    ) -> model.Receipt:
        self.deliveries += 1
        for entry in view.timeline:
            if entry.number <= receipt.told_through:
                continue
            act = (entry.incident, entry.number)
            if receipt.intent != str(entry.number) or act not in self.delivered:
                receipt = replace(receipt, intent=str(entry.number))
                await session.save(receipt)
                await self._act(act)
            receipt = replace(receipt, told_through=entry.number, intent="")
            await session.save(receipt)
        return replace(receipt, parent_version=view.incident.version)

    async def _act(self, act: tuple[str, int]) -> None:
        fault = self.faults()
        if fault is not None and not isinstance(fault, model.AmbiguousError):
            raise fault
        await asyncio.sleep(self.seconds)
        self.delivered.append(act)
        if fault is not None:
            raise fault
