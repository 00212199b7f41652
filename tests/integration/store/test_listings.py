"""What the board and the API list of the store."""

from tests.fakes import factories
from tests.fakes.factories import HOUR, NOW
from watcher import model


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
