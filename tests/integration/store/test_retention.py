"""Pruning, and what people ask."""

import pytest
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW
from watcher import model, ports
from watcher.store import journal, tables

BEFORE = NOW - HOUR
OLD = BEFORE - MINUTE


async def everything(opened):
    return {
        table.name: len(await factories.rows(opened, table))
        for table in tables.metadata.sorted_tables
        if table is not tables.journal
    }


async def grow_old(opened, token, name, at):
    resolved = factories.incident(name, status=model.IncidentStatus.RESOLVED, resolved_at=at)
    await opened.commits.commit(
        token,
        factories.commit(
            resolved,
            factories.incident_alert(name),
            factories.entry(1, name),
            factories.sample(at),
            model.DiagnosisNeeded(run=name, incident=name, service_id=name),
            at=at,
        ),
    )
    (delivery,) = await opened.outbox.claim(now=at, receivers=["noc"], lease=MINUTE, limit=1)
    told = replace(delivery.receipt, parent_version=1, told_through=1)
    notification = model.Notification(
        incident=name,
        receiver="noc",
        first_entry=1,
        last_entry=1,
        pending_since=at,
        first_attempt_at=at,
        delivered_at=at,
    )
    await opened.outbox.release(told, delivery.token, again_at=None, delivered=notification)
    (job,) = await opened.jobs.claim(kind="diagnose", now=at, lease=MINUTE, limit=1)
    await opened.jobs.start_run(job, now=at, cooldown=MINUTE, per_incident=1, per_hour=9)
    noted = model.Noted(incident=name, by="ann", text="")
    await opened.jobs.finish(job, at=at, command=noted, report_files=ports.ReportFiles(run=name))
    (envelope,) = await opened.inbox.read()
    await opened.commits.commit(token, factories.commit(event=noted, inbox=envelope.number, at=at))


async def test_what_is_over_and_old_is_pruned_and_nothing_else(opened, token):
    await grow_old(opened, token, "new", BEFORE)
    before = await everything(opened)
    await grow_old(opened, token, "old", OLD)
    assert await everything(opened) != before
    # Six of the incident, and a sample, a run, a paper and a command.
    assert await opened.retention.prune(BEFORE) == 10
    assert await everything(opened) == before
    assert [incident.id for incident in await opened.queries.incidents()] == ["new"]
    assert await opened.queries.report_files("old") is None
    assert await opened.queries.report_files("new") is not None
    assert await opened.retention.prune(BEFORE) == 0


async def test_open_incidents_and_waiting_commands_are_kept_however_old(opened, token):
    await opened.commits.commit(
        token, factories.commit(*factories.outage_effects(), at=OLD - 1000 * HOUR)
    )
    await opened.inbox.submit("a", model.Noted(incident="i1", by="ann", text=""), OLD)
    assert await opened.retention.prune(NOW) == 0
    assert len(await opened.inbox.read()) == 1
    assert await opened.queries.incident_view("i1") is not None


async def test_samples_may_be_kept_for_a_shorter_time(opened, token):
    await opened.commits.commit(
        token, factories.commit(*(factories.sample(NOW - hours * HOUR) for hours in range(5)))
    )
    await opened.retention.prune(NOW - 1000 * HOUR, samples_before=NOW - 2 * HOUR)
    assert len(await factories.rows(opened, tables.samples)) == 3


@pytest.mark.parametrize("extra", [0, 1])
async def test_any_number_of_rows_is_pruned(opened, token, extra):
    number = journal._PRUNE_CHUNK + extra
    over = {"status": model.IncidentStatus.RESOLVED, "resolved_at": OLD, "notify": ()}
    await opened.commits.commit(
        token,
        factories.commit(
            *(factories.incident(f"i{n}", **over) for n in range(number)),
            *(factories.sample(OLD, subject=f"evpl/{n}") for n in range(number)),
        ),
    )
    assert await opened.retention.prune(BEFORE) == 2 * number
    assert await opened.queries.incidents() == []


async def test_incidents_come_newest_first_by_status(opened, token):
    await opened.commits.commit(
        token,
        factories.commit(
            factories.incident("a", opened_at=NOW),
            factories.incident(
                "b", opened_at=NOW + MINUTE, status=model.IncidentStatus.ACKNOWLEDGED
            ),
            factories.incident(
                "c",
                opened_at=NOW - MINUTE,
                status=model.IncidentStatus.RESOLVED,
                resolved_at=NOW,
            ),
        ),
    )

    async def names(**query):
        return [incident.id for incident in await opened.queries.incidents(**query)]

    assert await names() == ["b", "a", "c"]
    assert await names(limit=1) == ["b"]
    assert await names(statuses=[model.IncidentStatus.OPEN]) == ["a"]
    assert await names(statuses=list(model.IncidentStatus)) == ["b", "a", "c"]
    assert await names(statuses=[]) == []


async def test_subjects_and_sources_are_read_by_name(opened, token):
    await opened.commits.commit(
        token,
        factories.commit(
            factories.subject("vyvx/2"),
            factories.subject("evpl/1"),
            factories.health("vyvx"),
            factories.health("evpl"),
        ),
    )
    assert [subject.key for subject in await opened.queries.subjects()] == ["evpl/1", "vyvx/2"]
    assert [health.source for health in await opened.queries.sources()] == ["evpl", "vyvx"]


async def test_the_journal_goes_up_to_the_last_checkpoint_that_is_old(opened, token):
    keys = {"reopen_within": MINUTE, "keep_samples": HOUR}
    for at in (OLD, BEFORE, NOW):
        await opened.commits.commit(token, factories.commit(factories.alert(), at=at))
        await opened.journal.checkpoint(at, **keys)
    assert await opened.retention.prune(BEFORE) == 3
    kinds = [(row.at, row.kind) for row in await factories.rows(opened, tables.journal)]
    assert kinds == [(BEFORE, "checkpoint"), (NOW, "ticked"), (NOW, "checkpoint")]
