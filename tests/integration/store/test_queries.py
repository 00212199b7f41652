"""What the pages and the API ask of the store."""

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW
from watcher import model

RESOLVED = model.IncidentStatus.RESOLVED


async def test_what_was_resolved_lately_comes_with_the_last_one_first(opened, token):
    for name, hours in (("old", 30), ("first", 3), ("last", 1)):
        over = factories.incident(
            name, status=RESOLVED, opened_at=NOW - 40 * HOUR, resolved_at=NOW - hours * HOUR
        )
        await opened.commits.commit(token, factories.commit(over))
    await opened.commits.commit(token, factories.commit(factories.incident("open")))
    resolved = await opened.queries.resolved(since=NOW - 24 * HOUR)
    assert [incident.id for incident in resolved] == ["last", "first"]
    assert [
        incident.id for incident in await opened.queries.resolved(since=NOW - 24 * HOUR, limit=1)
    ] == ["last"]


async def test_a_subject_finds_the_incidents_that_it_was_in(opened, token):
    for number in range(3):
        name = f"i{number}"
        await opened.commits.commit(
            token,
            factories.commit(
                factories.incident(name, opened_at=NOW + number * MINUTE),
                factories.incident_alert(name, subject="vyvx/1"),
                factories.incident_alert(name, subject="vyvx/1", rule="another"),
                factories.incident_alert(name, subject=f"vyvx/2{number}"),
            ),
        )
    assert [incident.id for incident in await opened.queries.incidents_of("vyvx/1")] == [
        "i2",
        "i1",
        "i0",
    ]
    assert [incident.id for incident in await opened.queries.incidents_of("vyvx/1", limit=2)] == [
        "i2",
        "i1",
    ]
    assert [incident.id for incident in await opened.queries.incidents_of("vyvx/21")] == ["i1"]
    assert await opened.queries.incidents_of("vyvx/none") == []


async def test_incidents_with_a_ticket_are_read_with_their_subjects(opened, token):
    ticket = model.Ticket(number="4711", by="ana", at=NOW)
    for name, more in (("i0", {}), ("i1", {"ticket": ticket})):
        await opened.commits.commit(
            token,
            factories.commit(
                factories.incident(name, **more),
                factories.incident_alert(name, subject="vyvx/1"),
                factories.incident_alert(name, subject="vyvx/2", rule="other"),
                factories.incident_alert(name, subject="vyvx/2"),
            ),
        )
    ticketed = await opened.queries.ticketed(NOW)
    assert [(subject, incident.id) for subject, incident in ticketed] == [
        ("vyvx/1", "i1"),
        ("vyvx/2", "i1"),
    ]


async def test_a_subject_with_several_alerts_is_counted_once(opened, token):
    over = model.AlertState.RESOLVED
    members = [
        factories.incident_alert("i1", subject=f"vyvx/{number:03}", rule=rule, state=state)
        for number in range(60)
        for rule, state in (("degraded", over), ("offline", factories.incident_alert("i1").state))
    ]
    members.append(factories.incident_alert("i1", subject="vyvx/900", state=over))
    await opened.commits.commit(token, factories.commit(factories.incident("i1"), *members))
    view = await opened.queries.incident_view("i1")
    assert len(view.alerts) == 100
    assert view.alert_counts == {"firing": 60, "resolved": 61}
    assert view.subject_counts == {"firing": 60, "resolved": 1}


async def test_subjects_are_read_a_part_at_a_time(opened, token):
    keys = [f"evpl/{number}" for number in range(3)] + ["vyvx/1", "vyvx/2"]
    await opened.commits.commit(token, factories.commit(*map(factories.subject, keys)))

    async def read(**which) -> list[str]:
        return [subject.key for subject in await opened.queries.subjects(**which)]

    assert await read() == keys
    assert await read(limit=2) == keys[:2]
    assert await read(after="evpl/1", limit=2) == ["evpl/2", "vyvx/1"]
    assert await read(source="vyvx", after="vyvx/1") == ["vyvx/2"]


async def test_an_incident_is_found_by_the_first_letters_of_its_id(opened, token):
    for name in ("w-3f9k", "w-3f2a", "w-4aaa", "w_3fxx"):
        await opened.commits.commit(token, factories.commit(factories.incident(name)))
    assert await opened.queries.incident_ids("w-3f") == ["w-3f2a", "w-3f9k"]
    assert await opened.queries.incident_ids("w-3f", limit=1) == ["w-3f2a"]
    assert await opened.queries.incident_ids("w-3f9k") == ["w-3f9k"]
    assert await opened.queries.incident_ids("w_3") == ["w_3fxx"]
    assert await opened.queries.incident_ids("w-5") == []
