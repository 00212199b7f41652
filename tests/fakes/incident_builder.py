"""One outage as the receivers see it, and a store of receipts in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from watcher import model, ports

BEGIN = datetime(2026, 11, 21, 3, 10, 22, 125000, tzinfo=UTC)


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = BEGIN + timedelta(seconds=3)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


class IncidentBuilder:
    """Builds views of an incident of one reservation; `grow` adds timeline entries."""

    begin = BEGIN

    def __init__(self) -> None:
        self.all_alerts: tuple[model.IncidentAlert, ...] = ()  # all of a storm
        self.alert = model.IncidentAlert(
            incident="w-7k3m",
            subject="vyvx/1234567",
            rule="vyvx-service-down",
            name="NYC Arena uplink",
            labels={
                "name": "NYC Arena uplink",
                "po_number": "4711",
                "origin": "Madison Square Garden",
                "origin_city": "New York",
                "destination": "LA Broadcast Center, Denver TOC",
                "destination_city": "Los Angeles, Denver",
            },
            state=model.AlertState.FIRING,
            from_="online",
            to="offline",
            since=BEGIN,
            fields={"state": "offline", "ingress_state": "online"},
        )
        self.subject = model.Subject(
            key="vyvx/1234567",
            source="vyvx",
            fields=self.alert.fields,
            labels=self.alert.labels,
            bookings=(
                model.Booking(
                    id="1234567",
                    scheduled=model.Window(
                        start=datetime(2026, 11, 21, 2, tzinfo=UTC),
                        end=datetime(2026, 11, 21, 4, tzinfo=UTC),
                    ),
                ),
            ),
            notes=("Backup feed on channel 4",),
            since=BEGIN,
            vendor_time=BEGIN - timedelta(seconds=4),
        )
        self.incident = model.Incident(
            id="w-7k3m",
            version=1,
            entries=0,
            rule="vyvx-service-down",
            source="vyvx",
            group="vyvx/1234567",
            status=model.IncidentStatus.OPEN,
            severity=model.Severity.CRITICAL,
            title="NYC Arena uplink is offline: likely Lumen side",
            opened_at=BEGIN,
            fault_domain=model.FaultDomain.LUMEN,
            contacts=(model.Contact(domain="lumen", text="Lumen NOC, +1 800 555 0100"),),
            notify=("noc", "mqtt"),
            runbook="https://wiki.example/vyvx?a=1&b=2",
        )
        self.timeline: list[model.Entry] = []
        self.report_files: dict[str, ports.ReportFiles] = {}
        self.samples: list[model.Sample] = []
        self.add_entry(
            model.EntryKind.OPENED, "offline since 03:10:22 UTC, was online", notify=True
        )

    def add_entry(
        self,
        kind: model.EntryKind,
        text: str,
        *,
        after: float = 0,
        by: str = "",
        notify: bool = False,
        **data: model.Scalar,
    ) -> None:
        number = len(self.timeline) + 1
        at = BEGIN + timedelta(seconds=after)
        self.timeline.append(
            model.Entry(
                incident=self.incident.id,
                number=number,
                kind=kind,
                at=at,
                text=text,
                by=by,
                notify=notify,
                data=data,
            )
        )
        self.change(entries=number)

    def change(self, **changes: Any) -> None:
        changes.setdefault("version", self.incident.version + 1)
        self.incident = replace(self.incident, **changes)

    def diagnose(self, run: str = "r-1", pdf: bytes = b"%PDF-1.7 one", **more: Any) -> None:
        report = model.Report(
            run=run,
            filename=f"SVC1-{run}.pdf",
            size=len(pdf),
            sha256="ab" * 32,
            pages=2,
            preview=True,
        )
        self.report_files[run] = ports.ReportFiles(run=run, pdf=pdf, preview=b"\x89PNG preview")
        done = {
            "run": run,
            "incident": self.incident.id,
            "service_id": "SVC1",
            "status": model.DiagnosisStatus.DONE,
            "disposition": "Trouble found in the Lumen network",
            "findings": ("Loss of light at NYCMNY54", "Power: ok", "Port: down", "CRC: 0"),
            "actions": ("Open a ticket with Lumen repair",),
            "report": report,
            "started_at": BEGIN,
            **more,
        }
        self.change(diagnostics=(*self.incident.diagnostics, model.Diagnosis(**done)))
        self.add_entry(
            model.EntryKind.DIAGNOSED,
            "Service Diagnostics for SVC1: Trouble found in the Lumen network",
            after=40,
            run=run,
            status=str(done["status"]),
        )

    def measure(self) -> None:
        """Let it be about a line that has filled up, both ways, with a gap of half an hour."""
        self.alert = replace(
            self.alert,
            subject="evpl/PAR-LYS",
            name="PAR-LYS",
            from_=None,
            to=None,
            value=93.0,
            metric="utilization",
            limit=80.0,
        )
        for number in range(96):
            at = BEGIN + timedelta(minutes=5 * (number - 72))
            if not 30 <= number < 36:
                for direction, value in (("in", 20 + number % 7), ("out", 15 + number)):
                    self.samples.append(
                        model.Sample(
                            subject="evpl/PAR-LYS",
                            metric="utilization",
                            direction=direction,
                            at=at,
                            value=float(value),
                        )
                    )

    def resolve(self, after: float = 1_800) -> None:
        at = BEGIN + timedelta(seconds=after)
        self.alert = replace(
            self.alert, state=model.AlertState.RESOLVED, from_="offline", to="online"
        )
        self.change(
            status=model.IncidentStatus.RESOLVED,
            resolution=model.Resolution.RECOVERED,
            resolved_at=at,
        )
        self.add_entry(
            model.EntryKind.RESOLVED,
            "recovered at 03:40:22 UTC after 30 min: online",
            after=after,
            notify=True,
        )

    def incident_view(self, *alerts: model.IncidentAlert) -> model.IncidentView:
        shown = alerts or self.all_alerts or (self.alert,)
        counts: dict[str, int] = {}
        for alert in shown:
            counts[alert.state] = counts.get(alert.state, 0) + 1
        return model.IncidentView(
            incident=self.incident,
            alerts=shown[:100],
            alert_counts=counts,
            timeline=tuple(self.timeline),
            subjects={self.subject.key: self.subject} if not alerts else {},
        )


class PowerCutError(Exception):
    """The power is cut: nothing after this instant happens."""


class InMemoryDelivery:
    """Keeps one receipt as the store would; `cut_at` counts down to a power cut in `save`."""

    def __init__(self, builder: IncidentBuilder, receiver: str) -> None:
        self.builder = builder
        self.receipt = model.Receipt(incident=builder.incident.id, receiver=receiver)
        self.saved: list[model.Receipt] = []
        self.intended_at: float | None = None
        self.fails_at: int | None = None  # the number of the save that does not come back
        self.fails_before_saving = False  # whether that save is lost with it

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        return self.builder.all_alerts or (self.builder.alert,)

    async def series(self, subject, metric, start, end) -> tuple[model.Sample, ...]:
        return tuple(
            sample
            for sample in self.builder.samples
            if (sample.subject, sample.metric) == (subject, metric) and start <= sample.at <= end
        )

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        return self.builder.report_files.get(run)

    async def save(self, receipt: model.Receipt) -> None:
        cut = self.fails_at is not None and len(self.saved) + 1 == self.fails_at
        if not (cut and self.fails_before_saving):
            self.receipt = receipt
        self.saved.append(receipt)
        if cut:
            raise PowerCutError

    async def deliver(self, receiver: ports.Receiver) -> None:
        """Deliver as the delivery worker does, and settle as it does."""
        try:
            receipt = await receiver.deliver(self.builder.incident_view(), self.receipt, self)
        except model.WatcherError as error:
            self.receipt = replace(
                self.receipt, failures=self.receipt.failures + 1, error=str(error)
            )
            raise
        self.receipt = replace(receipt, failures=0, error="")

    async def incidents(
        self, *, statuses: Any = None, limit: int = 100, announcements=False
    ) -> list[model.Incident]:
        return [
            incident
            for incident in [self.builder.incident]
            if statuses is None or incident.status in statuses
        ]

    async def receipts(self, incident: str) -> list[model.Receipt]:
        return [self.receipt]

    async def receipts_of(self, incidents: Sequence[str]) -> list[model.Receipt]:
        return [self.receipt] if incidents else []

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        return self.builder.incident_view()

    async def incident_views(self, incidents: Sequence[str]) -> list[model.IncidentView]:
        views = [await self.incident_view(incident) for incident in incidents]
        return [view for view in views if view is not None]

    async def versions(self, incidents: Sequence[str]) -> Mapping[str, int]:
        views = await self.incident_views(incidents)
        return {view.incident.id: view.incident.version for view in views}
