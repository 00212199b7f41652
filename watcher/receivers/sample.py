"""A made-up incident: to try a template, and to look at a message that nothing has caused."""

from __future__ import annotations

from datetime import datetime, timedelta

from watcher import model

NAME = "NYC Arena uplink"


def sample_view(now: datetime) -> model.IncidentView:
    """Return an incident about one circuit that is down, with its diagnosis."""
    begin = now - timedelta(minutes=14)
    labels = {
        "name": NAME,
        "po_number": "4711",
        "origin": "Madison Square Garden",
        "origin_city": "New York",
        "destination": "LA Broadcast Center",
        "destination_city": "Los Angeles",
    }
    fields: dict[str, model.Scalar] = {"state": "offline", "ingress_state": "online"}
    alert = model.IncidentAlert(
        incident="w-sample00",
        subject="vyvx/1234567",
        rule="vyvx-service-down",
        name=NAME,
        labels=labels,
        state=model.AlertState.FIRING,
        from_="online",
        to="offline",
        since=begin,
        fields=fields,
    )
    window = model.Window(start=begin - timedelta(hours=1), end=now + timedelta(minutes=46))
    subject = model.Subject(
        key=alert.subject,
        source="vyvx",
        fields=fields,
        labels=labels,
        bookings=(model.Booking(id="1234567", scheduled=window),),
        since=begin,
        vendor_time=now - timedelta(seconds=4),
    )
    diagnosis = model.Diagnosis(
        run="r-sample",
        incident=alert.incident,
        service_id="SVC1",
        status=model.DiagnosisStatus.DONE,
        disposition="Trouble found in the Lumen network",
        findings=("Loss of light at NYCMNY54", "Power: ok"),
        actions=("Open a ticket with Lumen repair",),
        started_at=begin,
    )
    incident = model.Incident(
        id=alert.incident,
        version=1,
        entries=1,
        rule=alert.rule,
        source="vyvx",
        group=alert.subject,
        status=model.IncidentStatus.OPEN,
        severity=model.Severity.CRITICAL,
        title=f"{NAME} is offline: likely Lumen side",
        opened_at=begin,
        fault_domain=model.FaultDomain.LUMEN,
        contacts=(model.Contact(domain="lumen", text="Lumen NOC, +1 800 555 0100"),),
        diagnostics=(diagnosis,),
        runbook="https://wiki.example/vyvx",
        services=("SVC1",),
    )
    opened = model.Entry(
        incident=incident.id,
        number=1,
        kind=model.EntryKind.OPENED,
        at=begin,
        text=f"offline since {model.format_time(begin, now)}, was online",
        notify=True,
    )
    return model.IncidentView(
        incident=incident,
        alerts=(alert,),
        alert_counts={"firing": 1},
        timeline=(opened,),
        subjects={subject.key: subject},
    )
