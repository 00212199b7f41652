"""What the board and the API list of the store."""

import pytest
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.factories import HOUR, NOW
from watcher import model, ports

CRITICAL, WARNING = model.Severity.CRITICAL, model.Severity.WARNING
OPEN, RESOLVED = model.IncidentStatus.OPEN, model.IncidentStatus.RESOLVED
ANY = ports.IncidentFilter()


async def test_what_fires_is_listed_with_the_incidents_that_are_not_over(opened, token):
    over = factories.incident(
        "over", status=model.IncidentStatus.RESOLVED, opened_at=NOW - HOUR, resolved_at=NOW
    )
    for incident in (over, factories.incident("one"), factories.incident("two")):
        await opened.commits.commit(
            token,
            factories.commit(
                incident,
                factories.incident_alert(incident.id, subject="vyvx/1"),
                factories.incident_alert(incident.id, subject="vyvx/1", rule="another"),
                factories.incident_alert(
                    incident.id, subject="vyvx/2", state=model.AlertState.RESOLVED
                ),
            ),
        )
    assert await opened.listings.firing() == [("vyvx/1", "one"), ("vyvx/1", "two")]


@pytest.fixture
async def history(opened, token):
    for incident in (
        factories.incident("a", opened_at=NOW, severity=CRITICAL, rule="line-down"),
        factories.incident("b", opened_at=NOW, severity=WARNING, title="100% of 'x_y' \\ \"q\""),
        factories.incident(
            "c", opened_at=NOW - 9 * HOUR, resolved_at=NOW - 8 * HOUR, status=RESOLVED
        ),
        factories.incident("d", opened_at=NOW - 10 * HOUR, source="drill", flags=("drill",)),
        factories.incident("e", opened_at=NOW - HOUR, source=model.WORKS, rule=model.ANNOUNCEMENT),
    ):
        alert = factories.incident_alert(
            incident.id,
            subject=f"vyvx/{incident.id}",
            labels={"site": 'N"Y', "name": f"feed %_{incident.id}"},
            fields={"colour": "red"},
        )
        await opened.commits.commit(token, factories.commit(incident, alert))


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (ANY, "abcd"),
        (replace(ANY, drills=False), "abc"),
        (replace(ANY, drills=True), "d"),
        (replace(ANY, statuses=(RESOLVED,)), "c"),
        (replace(ANY, severities=(CRITICAL,), drills=False, statuses=(OPEN,)), "a"),
        (replace(ANY, severities=(CRITICAL, WARNING), statuses=(OPEN,), drills=False), "ab"),
        (replace(ANY, rule="line-down"), "a"),
        (replace(ANY, source="drill"), "d"),
        (replace(ANY, subject="vyvx/c"), "c"),
        (replace(ANY, labels=(("site", 'N"Y'), ("name", "feed %_b"))), "b"),
        (replace(ANY, labels=(("name", "feed b"),)), ""),
        (replace(ANY, labels=(("colour", "red"),)), ""),
        (replace(ANY, text="100% OF 'x_y' \\ \"q"), "b"),
        (replace(ANY, text="x.y"), ""),
        (replace(ANY, begin=NOW - 2 * HOUR, drills=False), "ab"),
        (replace(ANY, end=NOW - 9 * HOUR), "cd"),
        (replace(ANY, begin=NOW - 8.5 * HOUR, end=NOW - 8.2 * HOUR, drills=False), "c"),
    ],
)
async def test_incidents_are_filtered(opened, history, wanted, ids):
    listed = await opened.listings.incidents(wanted, limit=10)
    assert "".join(incident.id for incident in listed) == ids


async def test_a_list_goes_on_after_its_last_incident(opened, history):
    listed, after = [], None
    while incidents := await opened.listings.incidents(ANY, after=after, limit=1):
        listed += [incident.id for incident in incidents]
        after = ports.IncidentCursor(opened_at=incidents[-1].opened_at, id=incidents[-1].id)
    assert listed == ["a", "b", "c", "d"]


async def test_the_mark_differs_after_each_change_of_what_is_open(opened, token):
    marks = [await opened.listings.mark()]
    for version, status in ((1, OPEN), (2, OPEN), (3, RESOLVED)):
        incident = factories.incident(
            "a", version=version, status=status, resolved_at=NOW if status is RESOLVED else None
        )
        await opened.commits.commit(token, factories.commit(incident))
        marks.append(await opened.listings.mark())
    assert marks == ["0.0", "1.1", "1.2", "0.0"]
