"""A night in a control room, in memory: what the pages and the API are asked about."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from watcher import engine, model, ports
from watcher.metrics import Metrics
from watcher.operations import status
from watcher.vendors.catalog import VENDORS

NOW = datetime(2026, 11, 21, 3, 24, 12, tzinfo=UTC)
BEGIN = datetime(2026, 11, 21, 3, 10, 22, 125000, tzinfo=UTC)
PDF = b"%PDF-1.7 what the vendor found"
_PENDING = BEGIN.replace(microsecond=0)
DELIVERED = model.Notification(
    incident="w-7k3mq2xd",
    receiver="noc",
    first_entry=1,
    last_entry=1,
    pending_since=_PENDING,
    first_attempt_at=_PENDING + timedelta(milliseconds=400),
    delivered_at=_PENDING + timedelta(minutes=2),
    failures=(
        model.FailedAttempts(
            reason=model.FailureReason.RATE_LIMITED,
            count=2,
            first_at=_PENDING + timedelta(seconds=1),
            last_at=_PENDING + timedelta(minutes=1),
            error="Slack: 429",
        ),
    ),
)
UNDER_WAY = model.Notification(
    incident="w-7k3mq2xd",
    receiver="noc",
    first_entry=2,
    pending_since=_PENDING + timedelta(minutes=5),
    first_attempt_at=_PENDING + timedelta(minutes=5, seconds=1),
)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


def incident(id: str = "w-7k3mq2xd", **changes) -> model.Incident:  # noqa: A002  # the noun's own word
    values = {
        "version": 7,
        "entries": 3,
        "rule": "vyvx-service-down",
        "source": "vyvx",
        "group": "vyvx/1234567",
        "status": model.IncidentStatus.OPEN,
        "severity": model.Severity.CRITICAL,
        "title": "NYC Arena uplink is offline: likely Lumen side",
        "opened_at": BEGIN,
        "fault_domain": model.FaultDomain.LUMEN,
        "contacts": (model.Contact(domain="lumen", text="Lumen video NOC, +1 555 0100"),),
        "runbook": "https://wiki.example/vyvx",
    }
    return model.Incident(id=id, **{**values, **changes})


def diagnosis() -> model.Diagnosis:
    return model.Diagnosis(
        run="r-4c0vw1zn",
        incident="w-7k3mq2xd",
        service_id="SVC1",
        status=model.DiagnosisStatus.DONE,
        disposition="Trouble found in Lumen's network",
        findings=("Loss of light at NYCMNY54", "Optical power: -31.2 dBm, below -24 dBm"),
        actions=("Open a repair ticket with Lumen",),
        report=model.Report(
            run="r-4c0vw1zn", filename="SVC1.pdf", size=len(PDF), sha256="0d3c" * 16, pages=4
        ),
        started_at=BEGIN,
        finished_at=BEGIN + timedelta(seconds=41),
    )


SUBJECT = model.Subject(
    key="vyvx/1234567",
    source="vyvx",
    fields={"state": "offline", "ingress_state": "online"},
    previous={"state": "online"},
    labels={"name": "NYC Arena uplink", "po_number": "4711", "origin": "Madison Square Garden"},
    bookings=(
        model.Booking(
            id="1234567",
            scheduled=model.Window(start=BEGIN - minutes(70), end=BEGIN + minutes(50)),
            activated=(model.Window(start=BEGIN - minutes(69)),),
        ),
    ),
    notes=("Backup feed on channel 4",),
    since=BEGIN,
    vendor_time=BEGIN - timedelta(seconds=4),
    detailed_at=BEGIN - minutes(70),
)


CONTACT = model.Contact(domain="lumen", text="Lumen video NOC, +1 555 0100")


class Inventory:
    """What a team has written down: the site of everything by its key, and more of one circuit."""

    def entry(self, key, labels):
        if key == SUBJECT.key:
            return engine.InventoryEntry(
                labels={"site": "NYC"}, contacts=(CONTACT,), runbook="https://wiki.example/vyvx"
            )
        return engine.InventoryEntry(labels={"site": f"SITE-{sum(key.encode()) % 40:02}"})

    def knows(self, key):
        return key == SUBJECT.key


RULES = engine.Ruleset(
    rules=(
        engine.Rule(
            name="evpl-saturated",
            sources=frozenset({"evpl"}),
            condition=engine.Threshold(metric="utilization", limit=80.0),
            title=lambda _: "",
        ),
    ),
    sources={
        name: engine.SourceTraits(
            name=name,
            kind=kind,
            blind_after=minutes(5),
            states=vendor.states,
            down=vendor.down,
            unused=vendor.unused,
            likely_domain=vendor.likely_domain,
            well=vendor.well,
            units=vendor.fields.units,
        )
        for name, kind in (("vyvx", "vyvx"), ("evpl", "evpl"), ("iod", "internet_on_demand"))
        for vendor in (VENDORS[kind],)
    },
    inventory=Inventory(),
    context=lambda names: names,
)


WORK = model.Work(
    notice=model.Notice(
        provider="lumen",
        id="CHG-20481733",
        status=model.WorkStatus.CONFIRMED,
        windows=(
            model.WorkWindow(
                begin=datetime(2026, 11, 22, 4, tzinfo=UTC),
                end=datetime(2026, 11, 22, 8, tzinfo=UTC),
            ),
        ),
        circuits=(model.AffectedCircuit(id="1-ABC", impact=model.WorkImpact.OUTAGE),),
        sequence=2,
        summary="Fibre relocation, New York",
        origin="file notice.ics",
        received_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    ),
    confirmed_by="ann",
)


async def find_subjects():
    """Return what looks the subjects of works up: one circuit is ours."""
    return lambda work: {"1-ABC": (SUBJECT.key,)} if work.notice.provider == "lumen" else {}


class InMemoryReader:
    """A library, and what is written down of the daemons.

    `broken` says why nothing can be read; while it `hangs`, nothing is answered.
    """

    def __init__(self) -> None:
        self.broken = ""
        self.hangs = False
        self.reading = self.most_reading = 0  # at a time
        self.kept: dict[str, model.Incident] = {}
        self.alerts_of: dict[str, tuple[model.IncidentAlert, ...]] = {}
        self.entries: dict[str, tuple[model.Entry, ...]] = {}
        self.kept_subjects = {SUBJECT.key: SUBJECT}
        self.samples: list[model.Sample] = []
        self.kept_works: list[model.Work] = []
        self.health = [
            model.SourceHealth(source="vyvx", last_success=NOW - timedelta(seconds=4), subjects=212)
        ]
        self.checks = model.SelfChecks()
        self.backlogs: dict[str, ports.Backlog] = {}
        self.kept_receipts: list[model.Receipt] = []
        self.kept_notifications: list[model.Notification] = []
        self.quiet: list[model.Silence] = []
        self.present = [ports.Daemon(instance="ops1", since=BEGIN - minutes(900), leads=True)]
        self.kept_files = {"r-4c0vw1zn": ports.ReportFiles(run="r-4c0vw1zn", pdf=PDF)}

    def open(self, incident: model.Incident, *, subject: str = "vyvx/1234567") -> model.Incident:
        """Keep an incident of one alert and two entries."""
        self.kept[incident.id] = incident
        self.alerts_of[incident.id] = (
            model.IncidentAlert(
                incident=incident.id,
                subject=subject,
                rule=incident.rule,
                name="NYC Arena uplink",
                labels={"name": "NYC Arena uplink", "po_number": "4711"},
                state=model.AlertState.FIRING,
                from_="online",
                to="offline",
                since=incident.opened_at,
                fields={"state": "offline", "ingress_state": "online"},
            ),
        )
        self.entries[incident.id] = (
            self._entry(
                incident, 1, model.EntryKind.OPENED, "offline since 03:10:22 UTC, was online"
            ),
            self._entry(
                incident, 2, model.EntryKind.DIAGNOSING, "asks Service Diagnostics about SVC1"
            ),
            self._entry(incident, 3, model.EntryKind.NOTED, "fibre cut at mile 12", by="ada"),
        )
        return incident

    def _entry(self, incident, number, kind, text, by=""):
        at = incident.opened_at + timedelta(seconds=number - 1)
        return model.Entry(incident=incident.id, number=number, kind=kind, at=at, text=text, by=by)

    async def _see(self) -> None:
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        await asyncio.sleep(0)
        self.reading -= 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken:
            raise model.TemporaryError(self.broken)

    async def incidents(
        self, wanted=None, *, statuses=None, limit=100, announcements=False, after=None
    ):
        await self._see()
        if wanted is not None:
            return self._list(wanted, after)[:limit]
        incidents = [
            incident
            for incident in self.kept.values()
            if statuses is None or incident.status in statuses
        ]
        return sorted(incidents, key=lambda incident: incident.opened_at, reverse=True)[:limit]

    def _list(self, wanted, after):
        """Return what a listing has; the store's own tests say which filters there are."""
        listed = [
            incident
            for incident in self.kept.values()
            if incident.status in (wanted.statuses or model.IncidentStatus)
            and incident.severity in (wanted.severities or model.Severity)
            and incident.rule == (wanted.rule or incident.rule)
            and incident.source == (wanted.source or incident.source)
            and wanted.text.casefold() in incident.title.casefold()
            and wanted.drills in {None, incident.is_drill}
            and (wanted.end is None or incident.opened_at <= wanted.end)
        ]

        def place(noun):
            return -noun.opened_at.timestamp(), noun.id

        listed.sort(key=place)
        return [incident for incident in listed if after is None or place(incident) > place(after)]

    async def resolved(self, *, since, limit=100):
        incidents = [
            incident
            for incident in self.kept.values()
            if incident.resolved_at and incident.resolved_at >= since
        ]
        return sorted(incidents, key=lambda incident: incident.resolved_at, reverse=True)[:limit]

    async def incidents_of(self, subject, *, limit=100):
        held = [
            name for name, all_ in self.alerts_of.items() if any(a.subject == subject for a in all_)
        ]
        return [self.kept[name] for name in held][:limit]

    async def firing(self):
        return sorted(
            (alert.subject, name)
            for name, alerts in self.alerts_of.items()
            for alert in alerts
            if self.kept[name].status is not model.IncidentStatus.RESOLVED
        )

    async def works(self):
        await self._see()
        return list(self.kept_works)

    async def mark(self):
        await self._see()
        open_ = [incident for incident in self.kept.values() if not incident.resolved_at]
        return f"{len(open_)}.{sum(incident.version for incident in open_)}"

    async def series(self, subject, metric, start, end):
        return tuple(
            sample
            for sample in self.samples
            if (sample.subject, sample.metric) == (subject, metric) and start <= sample.at <= end
        )

    async def incident_view(self, incident):
        await self._see()
        if incident not in self.kept:
            return None
        alerts = self.alerts_of.get(incident, ())
        return model.IncidentView(
            incident=self.kept[incident],
            alerts=alerts,
            alert_counts={"firing": len(alerts)},
            timeline=self.entries.get(incident, ()),
            subjects={
                alert.subject: self.kept_subjects[alert.subject]
                for alert in alerts
                if alert.subject in self.kept_subjects
            },
        )

    async def incident_views(self, incidents):
        views = [await self.incident_view(incident) for incident in incidents]
        return [view for view in views if view is not None]

    async def notifications(self, incident, *, limit):
        await self._see()
        return [kept for kept in self.kept_notifications if kept.incident == incident][-limit:]

    async def receipts(self, incident):
        return [receipt for receipt in self.kept_receipts if receipt.incident == incident]

    async def subject(self, key):
        await self._see()
        return self.kept_subjects.get(key)

    async def subjects(self, *, source="", after="", limit=100):
        await self._see()
        subjects = [
            subject
            for subject in self.kept_subjects.values()
            if subject.source == (source or subject.source)
        ]
        return [
            subject
            for subject in sorted(subjects, key=lambda subject: subject.key)
            if subject.key > after
        ][:limit]

    async def alerts(self, subject):
        return [
            model.Alert(
                rule="vyvx-service-down",
                subject=subject,
                state=model.AlertState.FIRING,
                since=BEGIN,
                entered_from="online",
                incident="w-7k3mq2xd",
            )
        ]

    async def sources(self):
        await self._see()
        return self.health

    async def silences(self, now):
        return self.quiet

    async def report_files(self, run):
        return self.kept_files.get(run)

    async def daemons(self):
        await self._see()
        return self.present

    async def counts(self):
        statuses = [incident.status for incident in self.kept.values()]
        return {status: statuses.count(status) for status in model.IncidentStatus}

    async def self_checks(self):
        return self.checks

    async def backlog(self):
        return self.backlogs


def reporter(
    reader: InMemoryReader, *, receivers=None, seen=None, accounts=(), works=(), **others
) -> status.StatusReporter:
    receivers = receivers or {"noc": status.ReceiverState(), "mqtt": status.ReceiverState()}

    async def usages():
        return list(accounts)

    async def coming():
        return tuple(works)

    return status.StatusReporter(
        instance="ops1",
        version="1",
        since=BEGIN,
        sources=[health.source for health in reader.health],
        reader=reader,
        metrics=Metrics(version="1", sources=["vyvx"], receivers=receivers),
        overview=lambda: seen,
        receivers=lambda: receivers,
        usages=usages,
        works=coming,
        now=lambda: NOW,
        **others,
    )


def bad_night(reader: InMemoryReader) -> status.StatusReporter:
    """Fill a shelf with everything at once."""
    reader.open(incident(diagnostics=(diagnosis(),)))
    reader.open(
        incident(
            "w-2b8fz0aa",
            title="Paris to London is over 80 % (in), p95 over 24 h",
            severity=model.Severity.WARNING,
            source="evpl",
            rule="evpl-saturated",
            opened_at=BEGIN - minutes(700),
            status=model.IncidentStatus.ACKNOWLEDGED,
            acknowledged_by="ada",
            acknowledged_at=BEGIN - minutes(690),
            fault_domain=model.FaultDomain.ORANGE,
            contacts=(model.Contact(domain="orange", text="Orange Wholesale GCSC, +33 555 0199"),),
            flags=("blind", "flapping"),
        )
    )
    reader.open(
        incident(
            "w-0c2j7t11",
            title="evpl cannot be seen",
            severity=model.Severity.WARNING,
            source="evpl",
            rule="evpl-blind",
            opened_at=BEGIN - minutes(2),
            fault_domain=model.FaultDomain.NONE,
            contacts=(),
        )
    )
    reader.open(
        incident(
            "w-9q4r5s66",
            title="Denver studio return is degraded",
            severity=model.Severity.CRITICAL,
            opened_at=BEGIN - minutes(31),
            flags=("silenced",),
            suppressed_by=("s-1",),
            suppressions=(
                model.Suppression(
                    kind=model.SuppressionKind.SILENCE,
                    name="s-1",
                    by="grace",
                    until=NOW + minutes(96),
                ),
            ),
            fault_domain=model.FaultDomain.SOURCE,
            contacts=(
                model.Contact(domain="source", text="Truck 4, Denver, +1 555 0147"),
                model.Contact(domain="lumen", text="Lumen video NOC, +1 555 0100"),
            ),
        )
    )
    reader.open(
        incident(
            "w-1a1a1a1a",
            title="Chicago feed 3 is offline",
            status=model.IncidentStatus.RESOLVED,
            resolution=model.Resolution.RECOVERED,
            opened_at=BEGIN - minutes(130),
            resolved_at=BEGIN - minutes(111),
        )
    )
    reader.health += [
        model.SourceHealth(
            source="evpl",
            sight=model.Visibility.BLIND,
            last_success=NOW - minutes(14),
            failing_since=NOW - minutes(13),
            error="api.orange.com/api-monitoring-live/v1: no answer in 30 s",
            subjects=18,
        ),
        model.SourceHealth(
            source="iod",
            sight=model.Visibility.FAILING,
            last_success=NOW - minutes(2),
            failing_since=NOW - minutes(1),
            error="api.lumen.com: 401, the client secret was refused",
            permanent=True,
            subjects=3,
        ),
    ]
    reader.backlogs = {"noc": ports.Backlog(owed=3, oldest=BEGIN)}
    reader.kept_receipts = [
        model.Receipt(incident="w-7k3mq2xd", receiver="mqtt", parent_version=7, told_through=3),
        model.Receipt(
            incident="w-7k3mq2xd",
            receiver="noc",
            parent_version=5,
            told_through=1,
            handle={"channel": "C0123456789", "ts": "1763694622.125"},
            failing_since=BEGIN + minutes(1),
            failures=9,
            error="Slack: there is no channel C0123456789 for this app (channel_not_found)",
        ),
    ]
    reader.quiet = [
        model.Silence(
            id="s-1",
            matchers=(model.Matcher(name="subject", value="vyvx/7654321"),),
            begin=BEGIN,
            end=NOW + minutes(96),
            by="grace",
            comment="planned fibre work, ticket 991",
        )
    ]
    reader.present.append(ports.Daemon(instance="ops2", since=BEGIN - minutes(600), leads=False))
    return reporter(
        reader,
        receivers={
            "noc": status.ReceiverState(
                failing_since=BEGIN + minutes(1),
                error="Slack: there is no channel C0123456789 for this app (channel_not_found)",
                permanent=True,
                owed=3,
                owed_since=BEGIN,
            ),
            "mqtt": status.ReceiverState(),
            "bridge": status.ReceiverState(),
        },
        accounts=[
            status.Usage(account="orange", month="2026-11", calls=8_912, calls_per_month=10_000),
            status.Usage(account="lumen", month="2026-11", calls=19_400, calls_per_month=20_000),
            status.Usage(
                account="vyvx",
                month="2026-11",
                calls=0,
                calls_per_month=0,
                trouble="ws.lumen.com has not answered 5 times, tried again at 03:25:00 UTC",
            ),
        ],
    )


def full_house(reader: InMemoryReader, *, subjects: int = 2_000, incidents: int = 200) -> None:
    """Fill a shelf with what a large team watches on a bad day, beside the bad night."""
    words = ("online", "online", "online", "online", "impaired", "degraded", "offline", "unknown")
    for number in range(subjects):
        source, state = "vyvx", words[number % len(words)] if number < incidents * 2 else "online"
        start = NOW + minutes(number % 300 - 150)
        fields: dict[str, model.Scalar] = {"state": state, "ingress_state": "online"}
        if number % 4 == 1:
            source, fields = "evpl", {"utilization": 12.5 + number % 80}
        elif number % 4 == 2:
            source, fields = "iod", {"status": "active", "bandwidth_mbps": 100.0}
        key = f"{source}/{1_000_000 + number}"
        reader.kept_subjects[key] = model.Subject(
            key=key,
            source=source,
            fields=fields,
            labels={"name": f"{('Arena', 'Studio', 'Truck', 'Court')[number % 4]} feed {number}"},
            bookings=(
                model.Booking(
                    id=str(number),
                    scheduled=model.Window(start=start, end=start + minutes(120)),
                ),
            )
            if source == "vyvx"
            else (),
            since=NOW - minutes(number % 997 + 1),
        )
    severities = (model.Severity.CRITICAL, model.Severity.WARNING, model.Severity.INFO)
    keys = sorted(reader.kept_subjects)
    for number in range(incidents):
        key = keys[number * 7 % len(keys)]
        reader.open(
            incident(
                f"w-many{number:04}",
                title=f"Arena feed {number} is offline: likely Lumen side",
                severity=severities[number % 3],
                source=key.partition("/")[0],
                opened_at=BEGIN - minutes(number),
                status=model.IncidentStatus.ACKNOWLEDGED
                if number % 5 == 0
                else model.IncidentStatus.OPEN,
                acknowledged_by="ada" if number % 5 == 0 else None,
            ),
            subject=key,
        )
