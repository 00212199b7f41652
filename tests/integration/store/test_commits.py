"""Loading, committing, and the inbox."""

import pytest
from msgspec.structs import replace
from sqlalchemy import insert

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW, SECOND
from watcher import model, ports
from watcher.clock import SystemClock
from watcher.store import codec, commits, store, tables


async def test_a_restart_reads_back_exactly_what_was_committed(url):
    effects = [*factories.outage_effects(), factories.sample()]
    async with store.open(url, clock=SystemClock()) as opened:
        await opened.commits.commit(
            await opened.leadership.acquire("first"), factories.commit(*effects)
        )
    async with store.open(url, clock=SystemClock()) as opened:
        assert await factories.load(opened) == ports.Loaded(
            subjects=(factories.subject(),),
            samples=(factories.sample(),),
            sources=(factories.health(),),
            alerts=(factories.alert(),),
            incidents=(factories.incident(),),
            incident_alerts=(factories.incident_alert(),),
        )
        assert (await opened.queries.incident_view("i1")).timeline == (factories.entry(),)


async def test_a_new_store_is_empty(opened):
    assert await factories.load(opened) == ports.Loaded()
    assert await opened.inbox.read() == []


async def test_the_last_effect_on_a_subject_counts(opened, token):
    effects = [factories.subject(missed=missed) for missed in (0, 2, 1)]
    await opened.commits.commit(token, factories.commit(*effects))
    await opened.commits.commit(token, factories.commit(factories.subject(missed=3)))
    assert (await factories.load(opened)).subjects == (factories.subject(missed=3),)


async def test_more_rows_than_the_driver_is_given_at_once_are_written_and_replaced(opened, token):
    def outage(number, *, since):
        key = f"vyvx/{number:04}"
        yield factories.subject(key, since=since)
        yield factories.alert(key, since=since)
        yield factories.incident_alert(subject=key, since=since)

    for since in (NOW, NOW + MINUTE):
        rows = [effect for number in range(1_100) for effect in outage(number, since=since)]
        await opened.commits.commit(token, factories.commit(factories.incident(), *rows))
    loaded = await factories.load(opened)
    assert loaded.subjects == tuple(rows[0::3])
    assert loaded.alerts == tuple(rows[1::3])
    assert loaded.incident_alerts == tuple(rows[2::3])


async def test_equal_fields_share_one_mapping_after_loading(opened, token):
    similar = [factories.subject(f"vyvx/{number}") for number in range(3)]
    other = factories.subject("vyvx/9", fields={**similar[0].fields, "count": 3.0})
    await opened.commits.commit(token, factories.commit(*similar, other))
    first, second, third, fourth = (await factories.load(opened)).subjects
    assert first.fields is second.fields is third.fields
    assert first.source is second.source is third.source
    assert type(fourth.fields["count"]) is float


async def test_a_forgotten_subject_takes_its_samples_and_alerts_with_it(opened, token):
    kept = factories.subject("evpl/L2")
    await opened.commits.commit(
        token,
        factories.commit(
            kept,
            factories.subject("evpl/L1"),
            factories.sample(),
            factories.sample(subject="evpl/L2"),
            factories.alert("evpl/L1"),
        ),
    )
    await opened.commits.commit(token, factories.commit(model.Forgotten(key="evpl/L1")))
    loaded = await factories.load(opened)
    assert loaded.subjects == (kept,)
    assert loaded.samples == (factories.sample(subject="evpl/L2"),)
    assert loaded.alerts == ()


async def test_forgetting_and_seeing_again_in_one_event_keeps_what_came_after(opened, token):
    await opened.commits.commit(token, factories.commit(factories.subject(), factories.alert()))
    again = factories.subject(missed=1)
    await opened.commits.commit(
        token,
        factories.commit(
            factories.alert(value="degraded"),
            factories.sample(subject="vyvx/1"),
            model.Forgotten(key="vyvx/1"),
            again,
        ),
    )
    loaded = await factories.load(opened)
    assert (loaded.subjects, loaded.alerts, loaded.samples) == ((again,), (), ())


async def test_an_inactive_alert_is_kept_only_for_its_memory(opened, token):
    inactive = factories.alert(state=model.AlertState.INACTIVE, incident=None)
    await opened.commits.commit(token, factories.commit(inactive))
    assert (await factories.load(opened)).alerts == (inactive,)
    await opened.commits.commit(token, factories.commit(replace(inactive, entered_from=None)))
    assert (await factories.load(opened)).alerts == ()


async def test_samples_older_than_asked_for_are_not_loaded(opened, token):
    at_the_edge, too_old = factories.sample(NOW - HOUR), factories.sample(NOW - HOUR - SECOND)
    await opened.commits.commit(token, factories.commit(factories.sample(), too_old, at_the_edge))
    assert (await factories.load(opened)).samples == (at_the_edge, factories.sample())


async def test_a_sample_that_comes_again_replaces_its_value(opened, token):
    await opened.commits.commit(token, factories.commit(factories.sample(value=1.0)))
    await opened.commits.commit(token, factories.commit(factories.sample(value=2.0)))
    assert (await factories.load(opened)).samples == (factories.sample(value=2.0),)


async def test_incidents_that_cannot_reopen_any_more_are_not_loaded(opened, token):
    over = {"status": model.IncidentStatus.RESOLVED}
    await opened.commits.commit(
        token,
        factories.commit(
            factories.incident("open", opened_at=NOW - 1000 * HOUR),
            factories.incident("fresh", **over, resolved_at=NOW - 10 * MINUTE),
            factories.incident("stale", **over, resolved_at=NOW - 11 * MINUTE),
            *(factories.incident_alert(name) for name in ("open", "fresh", "stale")),
        ),
    )
    loaded = await factories.load(opened)
    assert [incident.id for incident in loaded.incidents] == ["open", "fresh"]
    assert {alert.incident for alert in loaded.incident_alerts} == {"open", "fresh"}


async def test_a_commit_that_fails_half_way_leaves_nothing(opened, token):
    await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
    before = await factories.load(opened)
    twice = factories.entry()  # its number is taken: the database refuses it, after the subjects
    with pytest.raises(model.TemporaryError, match="rejected a statement"):
        await opened.commits.commit(token, factories.commit(factories.subject(missed=2), twice))
    assert await factories.load(opened) == before
    assert len(await factories.rows(opened, tables.journal)) == 1


async def test_a_stale_token_is_refused_and_writes_nothing(opened, token):
    newer = await opened.leadership.acquire("tests")
    assert newer > token
    with pytest.raises(model.PermanentError, match="another daemon leads"):
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
    assert await factories.load(opened) == ports.Loaded()
    await opened.commits.commit(newer, factories.commit(*factories.outage_effects()))


async def test_nothing_is_committed_without_leadership(opened):
    with pytest.raises(model.PermanentError, match="none yet"):
        await opened.commits.commit(1, factories.commit())


async def test_a_poll_that_changed_nothing_writes_its_source_alone(opened, token):
    poll = model.Polled(source="vyvx", total=1)
    await opened.commits.commit(token, factories.commit(factories.health(), event=poll))
    later = factories.health(last_success=NOW + MINUTE)
    await opened.commits.commit(token, factories.commit(later, event=poll, at=NOW + MINUTE))
    assert (await factories.load(opened)).sources == (later,)
    assert len(await factories.rows(opened, tables.journal)) == 1  # the first sight


async def test_a_new_leader_does_not_go_by_what_it_wrote_before(opened, token):
    """Between two terms of this daemon another one has found a source failing."""
    poll = model.Polled(source="vyvx", total=1)
    seen, failing = factories.health(), factories.health(failing_since=NOW)
    await opened.commits.commit(token, factories.commit(seen, event=poll))
    other = await opened.leadership.acquire("another")
    log = commits.CommitLog(opened.database)
    await log.commit(other, factories.commit(failing, event=poll))
    again = await opened.leadership.acquire("tests")
    await opened.commits.commit(again, factories.commit(seen, event=poll))
    assert len(await factories.rows(opened, tables.journal)) == 3


@pytest.mark.parametrize(
    ("event", "effects", "kind"),
    [
        (model.Polled(source="vyvx", total=1), [factories.subject()], "polled"),
        (model.Polled(source="vyvx", total=1), [factories.health(failing_since=NOW)], "polled"),
        (model.Polled(source="evpl", total=1), [factories.health("evpl")], "polled"),
        (model.PollFailed(source="vyvx", error="x"), [factories.health(error="x")], "poll_failed"),
        (model.Ticked(), [factories.alert()], "ticked"),
        (model.Noted(incident="nobody", by="ann", text="hello"), [], "noted"),
    ],
)
async def test_what_a_replay_needs_is_journalled(opened, token, event, effects, kind):
    await opened.commits.commit(token, factories.commit(factories.health()))
    await opened.commits.commit(token, factories.commit(*effects, event=event, at=NOW + MINUTE))
    first, second = await factories.rows(opened, tables.journal)
    assert second.number > first.number
    assert (second.at, second.kind) == (NOW + MINUTE, kind)


async def test_a_change_of_rules_is_journalled(opened, token):
    read = ports.RulesRead(version="3f9a", started=True, last_success=NOW)
    await opened.commits.commit(token, factories.commit(event=read))
    (row,) = await factories.rows(opened, tables.journal)
    assert row.kind == "rules"
    assert codec.decode_record(row.kind, row.data) == read


async def test_a_poll_that_matters_is_journalled_although_it_changed_nothing(opened, token):
    await opened.commits.commit(token, factories.commit(factories.health()))
    later = factories.health(last_success=NOW + MINUTE)
    poll = model.Polled(source="vyvx", total=1)
    await opened.commits.commit(token, factories.commit(later, event=poll, matters=True))
    assert [row.kind for row in await factories.rows(opened, tables.journal)] == [
        "ticked",
        "polled",
    ]


async def test_a_refused_command_is_journalled_with_the_reason(opened, token):
    command = model.Acknowledged(incident="nobody", by="ann")
    await opened.commits.commit(token, factories.commit(event=command, note="no such incident"))
    rows = await factories.rows(opened, tables.journal)
    assert [row.kind for row in rows] == ["acknowledged", "note"]
    assert rows[1].data == '"no such incident"'


async def test_an_alarm_history_is_journalled_only_if_it_has_alarms(opened, token):
    alarm = model.AlarmRecord(state="offline", start=NOW, end=NOW + MINUTE)
    read = model.HistoryRead(subject="vyvx/1", start=NOW, end=NOW + MINUTE)
    moved = factories.subject(
        judged_until=NOW, told=(model.ReportedOutage(rule="down", start=NOW),)
    )
    await opened.commits.commit(token, factories.commit(moved, event=read))
    assert await factories.rows(opened, tables.journal) == []
    assert (await factories.load(opened)).subjects == (moved,)
    for event in (replace(read, alarms=(alarm,)), read):
        effects = [model.Forgotten(key="vyvx/1")] if event is read else [moved]
        await opened.commits.commit(token, factories.commit(*effects, event=event))
    kinds = [row.kind for row in await factories.rows(opened, tables.journal)]
    assert kinds == ["history_read", "history_read"]


async def test_a_tick_without_effects_is_not_journalled(opened, token):
    await opened.commits.commit(token, factories.commit())
    need = model.HistoryNeeded(subject="vyvx/1", start=NOW, end=NOW + MINUTE)
    await opened.commits.commit(token, factories.commit(need))
    await opened.commits.commit(token, factories.commit(model.PollNeeded(source="vyvx")))
    assert await factories.rows(opened, tables.journal) == []


async def test_commands_come_once_and_in_order(opened):
    commands = [
        model.Acknowledged(incident="i1", by="ann"),
        model.Noted(incident="i1", by="ann", text="called"),
        model.Diagnosed(diagnosis=factories.incident().diagnostics[0]),
    ]
    for number, command in enumerate(commands):
        assert await opened.inbox.submit(f"key-{number}", command, NOW + number * SECOND)
    assert not await opened.inbox.submit("key-0", commands[1], NOW)
    waiting = await opened.inbox.read()
    assert [envelope.command for envelope in waiting] == commands
    assert [envelope.key for envelope in waiting] == ["key-0", "key-1", "key-2"]
    assert [envelope.at for envelope in waiting] == [NOW, NOW + SECOND, NOW + 2 * SECOND]
    assert await opened.inbox.read(limit=1) == waiting[:1]


async def test_what_jobs_fetched_waits_until_nobody_else_does(opened, token):
    details = [model.DetailsRead(subject=f"vyvx/{number}", details=None) for number in range(30)]
    for command in details:
        await opened.inbox.submit(command.subject, command, NOW)
    acknowledged = model.Acknowledged(incident="i1", by="ann")
    await opened.inbox.submit("ack", acknowledged, NOW)
    (first,) = await opened.inbox.read()
    assert first.command == acknowledged
    await opened.commits.commit(
        token, factories.commit(event=acknowledged, inbox=first.number, note="no such incident")
    )
    waiting = await opened.inbox.read()  # not all of them, so that others come in between
    assert [envelope.command for envelope in waiting] == details[:20]


async def test_a_command_of_a_newer_version_is_left_to_it_and_keeps_no_other_waiting(opened):
    row = commits.inbox_row("new", model.Acknowledged(incident="i1", by="ann"), NOW)
    async with opened.database.write() as connection:
        await connection.execute(insert(tables.inbox), {**row, "kind": "praised"})
    command = model.Acknowledged(incident="i1", by="bob")
    await opened.inbox.submit("old", command, NOW)
    assert [envelope.command for envelope in await opened.inbox.read()] == [command]
    assert await opened.inbox.outcome("new") is None


async def test_a_command_is_consumed_with_its_effects_or_not_at_all(opened, token):
    await opened.inbox.submit("a", model.Acknowledged(incident="i1", by="ann"), NOW)
    (envelope,) = await opened.inbox.read()
    twice = [factories.entry(), factories.entry()]
    with pytest.raises(model.TemporaryError):
        await opened.commits.commit(
            token, factories.commit(*twice, event=envelope.command, inbox=envelope.number)
        )
    assert await opened.inbox.read() == [envelope]
    assert await opened.inbox.outcome("a") is None
    await opened.commits.commit(
        token, factories.commit(event=envelope.command, inbox=envelope.number)
    )
    assert await opened.inbox.read() == []
    assert await opened.inbox.outcome("a") == ""
    assert await opened.inbox.outcome("b") is None
    assert not await opened.inbox.submit("a", envelope.command, NOW)  # its key stays taken


async def test_why_a_command_was_refused_is_kept_for_who_waits(opened, token):
    await opened.inbox.submit("a", model.Acknowledged(incident="i9", by="ann"), NOW)
    (envelope,) = await opened.inbox.read()
    note = "there is no incident 'i9'"
    await opened.commits.commit(
        token, factories.commit(event=envelope.command, inbox=envelope.number, note=note)
    )
    assert await opened.inbox.outcome("a") == note


async def test_text_that_no_database_can_hold_is_refused_in_words(opened):
    note = model.Noted(incident="i1", by="ann", text="\ud800")
    with pytest.raises(model.PermanentError, match="not valid Unicode"):
        await opened.inbox.submit("a", note, NOW)
    assert await opened.inbox.read() == []


async def test_what_ingest_asks_for_becomes_jobs_once(opened, token):
    details = model.DetailsNeeded(subject="vyvx/1")
    diagnosis = model.DiagnosisNeeded(run="r1", incident="i1", service_id="SVC1")
    record = model.HistoryNeeded(subject="vyvx/1", start=NOW, end=NOW + MINUTE)
    await opened.commits.commit(token, factories.commit(details, diagnosis, record))
    await opened.commits.commit(
        token, factories.commit(details, diagnosis, record, at=NOW + MINUTE)
    )
    jobs = [
        job
        for kind in ("details", "diagnose", "history")
        for job in await opened.jobs.claim(kind=kind, now=NOW + MINUTE, lease=MINUTE, limit=10)
    ]
    assert [(job.kind, job.key, job.incident, job.service_id, job.due) for job in jobs] == [
        ("details", "vyvx/1", "", "", NOW),
        ("diagnose", "r1", "i1", "SVC1", NOW),
        ("history", "vyvx/1", "", "", NOW),
    ]
    assert [job.record for job in jobs] == [None, None, record]


async def test_a_silence_that_only_its_incident_ends_is_loaded_and_listed_until_then(opened, token):
    matcher = model.Matcher(name="subject", value="vyvx/1")
    endless = model.Silence(
        id="s-1",
        matchers=(matcher,),
        or_matchers=((matcher, matcher),),
        begin=NOW,
        end=None,
        until=model.SilenceUntil.RESOLVED,
        incident="i1",
        by="ann",
        ticket="C-1",
    )
    await opened.commits.commit(token, factories.commit(endless))
    assert (await factories.load(opened)).silences == (endless,)
    assert await opened.queries.silences(NOW + 1_000 * HOUR) == [endless]
    over = replace(endless, end=NOW, ended_by="bob")
    await opened.commits.commit(token, factories.commit(over))
    assert (await factories.load(opened)).silences == ()
    assert await opened.queries.silences(NOW) == []


async def test_a_silence_of_an_earlier_version_is_read_as_it_was_written(opened, token):
    written = (
        '{"id":"s-1","matchers":[{"name":"rule","value":"vyvx-*","negative":true}],'
        '"begin":"2026-11-21T02:45:02Z","end":"2026-11-21T02:50:10Z","by":"ana","comment":"works"}'
    )
    silence = codec.SILENCE.decode(written)
    assert silence.written == "rule!=vyvx-*"
    assert (silence.sets, silence.until, silence.ended_by) == ((silence.matchers,), None, "")
    assert codec.decode_command("silenced", f'{{"silence":{written}}}').silence == silence
