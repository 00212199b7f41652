"""Nouns with defaults, and direct access to the tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Table, select, update

from watcher import model, ports
from watcher.store import store, tables

NOW = datetime(2026, 11, 21, 9, 30, 0, 123457, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def subject(key: str = "vyvx/1", **changes: Any) -> model.Subject:
    defaults = model.Subject(
        key=key,
        source=model.source_of(key),
        fields={"state": "offline", "utilization": 81.5, "missing": None, "on": True, "count": 3},
        previous={"state": "online"},
        labels={"customer": "Ácme <!channel>"},
        bookings=(model.Booking(id="9", scheduled=model.Window(start=NOW, end=NOW + HOUR)),),
        since=NOW,
        vendor_time=NOW - SECOND,
    )
    return replace(defaults, **changes)


def sample(at: datetime = NOW, value: float = 81.25, **changes: Any) -> model.Sample:
    defaults = model.Sample(
        subject="evpl/L1", metric="utilization", direction="in", at=at, value=value
    )
    return replace(defaults, **changes)


def health(source: str = "vyvx", **changes: Any) -> model.SourceHealth:
    return replace(model.SourceHealth(source=source, last_success=NOW, subjects=1), **changes)


def alert(subject: str = "vyvx/1", **changes: Any) -> model.Alert:
    defaults = model.Alert(
        rule="down",
        subject=subject,
        state=model.AlertState.FIRING,
        since=NOW,
        value="offline",
        entered_from="online",
        incident="i1",
    )
    return replace(defaults, **changes)


def incident(id: str = "i1", **changes: Any) -> model.Incident:  # noqa: A002  # the noun's own word
    defaults = model.Incident(
        id=id,
        version=1,
        entries=1,
        rule="down",
        source="vyvx",
        group="vyvx/1",
        status=model.IncidentStatus.OPEN,
        severity=model.Severity.CRITICAL,
        title="ABC is offline",
        opened_at=NOW,
        fault_domain=model.FaultDomain.LUMEN,
        contacts=(model.Contact(domain="lumen", text="Lumen NOC"),),
        notify=("noc", "mqtt"),
        diagnostics=(
            model.Diagnosis(
                run="r1",
                incident=id,
                service_id="SVC1",
                status=model.DiagnosisStatus.DONE,
                findings=("no light",),
                report=model.Report(run="r1", filename="r1.pdf", size=3, sha256="ab"),
                started_at=NOW,
            ),
        ),
    )
    return replace(defaults, **changes)


def incident_alert(incident: str = "i1", **changes: Any) -> model.IncidentAlert:
    defaults = model.IncidentAlert(
        incident=incident,
        subject="vyvx/1",
        rule="down",
        name="ABC",
        labels={"customer": "acme"},
        state=model.AlertState.FIRING,
        from_="online",
        to="offline",
        since=NOW,
        fields={"state": "offline"},
    )
    return replace(defaults, **changes)


def entry(number: int = 1, incident: str = "i1", **changes: Any) -> model.Entry:
    defaults = model.Entry(
        incident=incident,
        number=number,
        kind=model.EntryKind.OPENED,
        at=NOW,
        text="ABC went offline",
        notify=True,
        data={"from": "online", "minutes": 3},
    )
    return replace(defaults, **changes)


def outage_effects(incident_id: str = "i1", **changes: Any) -> list[model.Effect]:
    """One subject goes down and opens one incident."""
    return [
        subject(),
        health(),
        alert(incident=incident_id),
        incident(incident_id, **changes),
        incident_alert(incident_id),
        entry(incident=incident_id),
    ]


def commit(
    *effects: model.Effect,
    at: datetime = NOW,
    event: model.Event | ports.RulesRead = model.Ticked(),  # noqa: B008  # frozen
    inbox: int | None = None,
    note: str = "",
    matters: bool = False,
) -> ports.Commit:
    return ports.Commit(
        at=at, event=event, effects=effects, inbox=inbox, note=note, matters=matters
    )


def load(opened: store.Store, *, now: datetime = NOW):
    return opened.commits.load(now=now, reopen_within=10 * MINUTE, keep_samples=HOUR)


async def rows(opened: store.Store, table: Table) -> list[Any]:
    async with opened.database.read() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


async def silence(opened: store.Store) -> None:
    """Let the lease of every daemon end, as if none had been heard of for a while."""
    async with opened.database.write() as connection:
        await connection.execute(update(tables.daemons).values(until=tables.EPOCH))
