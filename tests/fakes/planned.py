"""An incident that belongs to planned works, as every door shows it."""

from datetime import timedelta

from tests.fakes.incident_builder import BEGIN
from watcher import model

WORKS = model.Planned(
    provider="lumen",
    id="CHG-1",
    begin=BEGIN - timedelta(minutes=10),
    end=BEGIN + timedelta(minutes=50),
    impact=model.WorkImpact.OUTAGE,
)
SUPPRESSION = model.Suppression(
    kind=model.SuppressionKind.PLANNED,
    name=WORKS.id,
    by=WORKS.provider,
    until=WORKS.end + timedelta(minutes=10),
    planned=WORKS,
)


def plan(builder):
    """Make the incident of a builder a planned one."""
    builder.change(
        notify=("mqtt",),
        suppressed_by=(str(SUPPRESSION),),
        suppressions=(SUPPRESSION,),
        planned=WORKS,
        flags=("planned",),
    )
    builder.add_entry(
        model.EntryKind.SUPPRESSED,
        "planned by works CHG-1 of Lumen until 04:00 UTC: nobody is called",
    )
