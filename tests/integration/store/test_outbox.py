"""What is pending, the claims on it, and the receipts."""

import asyncio

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW, SECOND
from watcher import model, ports

BOTH = ("noc", "mqtt")


def claim(opened, *, now=NOW, receivers=BOTH, limit=10):
    return opened.outbox.claim(now=now, receivers=receivers, lease=MINUTE, limit=limit)


def delivered(pending, view=None, **changes):
    version, entries = (1, 1) if view is None else (view.incident.version, view.incident.entries)
    return replace(pending.receipt, parent_version=version, told_through=entries, **changes)


async def grow(opened, token, version, *, at=NOW, **changes):
    """Let the incident move on by one version and one entry."""
    await opened.commits.commit(
        token,
        factories.commit(
            factories.incident(version=version, entries=version, **changes),
            factories.entry(version, kind=model.EntryKind.CHANGED),
            at=at,
        ),
    )


@pytest.fixture
async def outage_effects(opened, token):
    await opened.commits.commit(token, factories.commit(*factories.outage_effects()))


async def test_a_new_incident_is_pending_for_each_of_its_receivers(opened, outage_effects):
    pending = await claim(opened)
    assert [pending.receipt for pending in pending] == [
        model.Receipt(incident="i1", receiver=receiver) for receiver in ("mqtt", "noc")
    ]


async def test_a_receiver_is_pending_until_it_is_up_to_date_due_or_not(opened, outage_effects):
    assert await opened.outbox.is_pending("noc")
    for pending in await claim(opened):
        late = NOW + HOUR if pending.receipt.receiver == "noc" else None
        receipt = pending.receipt if late else delivered(pending)
        await opened.outbox.release(receipt, pending.token, again_at=late)
    assert await opened.outbox.is_pending("noc")
    assert not await opened.outbox.is_pending("mqtt")
    assert not await opened.outbox.is_pending("nobody")


async def test_a_claim_is_exclusive_until_its_lease_ends(opened, outage_effects):
    first = await claim(opened)
    assert await claim(opened, now=NOW + MINUTE - SECOND) == []
    second = await claim(opened, now=NOW + MINUTE)
    assert [pending.receipt for pending in second] == [pending.receipt for pending in first]
    with pytest.raises(
        model.PermanentError, match=r"another daemon is delivering .* to mqtt: this claim"
    ):
        await opened.outbox.save_receipt(first[0].receipt, first[0].token)
    with pytest.raises(model.PermanentError, match="this claim took too long"):
        await opened.outbox.release(first[0].receipt, first[0].token, again_at=None)
    await opened.outbox.save_receipt(second[0].receipt, second[0].token)


async def test_two_concurrent_claims_never_get_the_same_delivery(opened, token):
    names = [f"i{number}" for number in range(20)]
    await opened.commits.commit(
        token, factories.commit(*(factories.incident(name, notify=("noc",)) for name in names))
    )
    claims = await asyncio.gather(*(claim(opened, limit=7) for _ in range(4)))
    assert sorted(len(pending) for pending in claims) == [0, 6, 7, 7]
    assert {pending.receipt.incident for pending in claims for pending in pending} == set(names)


async def test_receivers_that_are_not_configured_are_not_claimed(opened, outage_effects):
    assert [pending.receipt.receiver for pending in await claim(opened, receivers=("noc",))] == [
        "noc"
    ]
    assert await claim(opened, receivers=()) == []


async def test_the_delivery_that_is_pending_longest_comes_first(opened, token):
    for name, minutes in (("b", 0), ("a", 2), ("c", 1)):
        await opened.commits.commit(
            token,
            factories.commit(factories.incident(name, notify=("noc",)), at=NOW + minutes * MINUTE),
        )
    pending = await claim(opened, now=NOW + HOUR, limit=2)
    assert [pending.receipt.incident for pending in pending] == ["b", "c"]


async def test_a_delivered_incident_is_not_pending(opened, outage_effects):
    for pending in await claim(opened):
        await opened.outbox.release(delivered(pending), pending.token, again_at=None)
    assert await claim(opened, now=NOW + 1000 * HOUR) == []
    assert await opened.queries.backlog() == {}


@pytest.mark.parametrize("news", [{"version": 2}, {"entries": 2}])
async def test_a_change_makes_an_incident_pending_again(opened, token, outage_effects, news):
    for pending in await claim(opened):
        await opened.outbox.release(delivered(pending), pending.token, again_at=None)
    await opened.commits.commit(
        token, factories.commit(factories.incident(**news), at=NOW + MINUTE)
    )
    assert await opened.queries.backlog() == {
        receiver: ports.Backlog(owed=1, oldest=NOW + MINUTE) for receiver in BOTH
    }
    assert [pending.receipt.told_through for pending in await claim(opened, now=NOW + MINUTE)] == [
        1,
        1,
    ]


async def test_a_change_during_a_delivery_is_not_lost(opened, token, outage_effects):
    claimed = await claim(opened)
    await grow(opened, token, 2)
    for pending in claimed:
        await opened.outbox.release(delivered(pending), pending.token, again_at=NOW + HOUR)
    again = await claim(opened)  # at once, although another look was asked for later
    assert [pending.receipt.told_through for pending in again] == [1, 1]


async def test_a_receiver_that_was_notified_of_the_start_is_notified_of_the_end(
    opened, token, outage_effects
):
    for pending in await claim(opened):
        await opened.outbox.release(delivered(pending), pending.token, again_at=None)
    await grow(opened, token, 2, notify=("mqtt",), status=model.IncidentStatus.RESOLVED)
    assert [pending.receipt.receiver for pending in await claim(opened)] == ["mqtt", "noc"]


async def test_a_receiver_that_is_added_later_gets_everything(opened, token, outage_effects):
    for pending in await claim(opened):
        await opened.outbox.release(delivered(pending), pending.token, again_at=None)
    await opened.commits.commit(token, factories.commit(factories.incident(notify=(*BOTH, "duty"))))
    (pending,) = await claim(opened, receivers=(*BOTH, "duty"))
    assert pending.receipt == model.Receipt(incident="i1", receiver="duty")


async def test_a_receiver_that_fails_is_left_alone_until_it_is_due(opened, token, outage_effects):
    (pending,) = await claim(opened, receivers=("noc",))
    failed = replace(pending.receipt, failures=1, failing_since=NOW, error="channel_not_found")
    await opened.outbox.release(failed, pending.token, again_at=NOW + MINUTE)
    await grow(opened, token, 2)
    assert await claim(opened, now=NOW + MINUTE - SECOND, receivers=("noc",)) == []
    (pending,) = await claim(opened, now=NOW + MINUTE, receivers=("noc",))
    assert pending.receipt == failed
    await opened.outbox.release(delivered(pending, failures=0), pending.token, again_at=None)
    (pending,) = await claim(opened, now=NOW + MINUTE, receivers=("noc",))  # the second version


async def test_a_failed_delivery_does_not_block_the_others(opened, token):
    for name in ("a", "b"):
        await opened.commits.commit(
            token, factories.commit(factories.incident(name, notify=("noc",)))
        )
    (pending,) = await claim(opened, limit=1)
    await opened.outbox.release(
        replace(pending.receipt, failures=1), pending.token, again_at=NOW + SECOND
    )
    (other,) = await claim(opened, now=NOW + MINUTE, limit=1)
    assert (pending.receipt.incident, other.receipt.incident) == ("a", "b")


async def test_another_look_comes_when_it_was_asked_for(opened, outage_effects):
    (pending,) = await claim(opened, receivers=("mqtt",))
    await opened.outbox.release(delivered(pending), pending.token, again_at=NOW + 24 * HOUR)
    assert await claim(opened, now=NOW + 24 * HOUR - SECOND, receivers=("mqtt",)) == []
    (pending,) = await claim(opened, now=NOW + 24 * HOUR, receivers=("mqtt",))
    assert pending.receipt.told_through == 1
    await opened.outbox.release(pending.receipt, pending.token, again_at=None)
    assert await claim(opened, now=NOW + 1000 * HOUR, receivers=("mqtt",)) == []


async def test_the_receipts_own_due_is_another_time_to_deliver(opened, outage_effects):
    (pending,) = await claim(opened, receivers=("mqtt",))
    removal = delivered(pending, due=NOW + 24 * HOUR)
    await opened.outbox.release(removal, pending.token, again_at=None)
    assert await claim(opened, now=NOW + HOUR, receivers=("mqtt",)) == []
    (pending,) = await claim(opened, now=NOW + 24 * HOUR, receivers=("mqtt",))
    assert pending.receipt == removal


async def test_news_do_not_wait_for_another_look(opened, token, outage_effects):
    (pending,) = await claim(opened, receivers=("mqtt",))
    await opened.outbox.release(
        delivered(pending, due=NOW + 24 * HOUR), pending.token, again_at=NOW + 24 * HOUR
    )
    await grow(opened, token, 2)
    assert len(await claim(opened, receivers=("mqtt",))) == 1


async def test_a_clock_that_stepped_back_does_not_hold_news_up(opened, outage_effects):
    assert len(await claim(opened, now=NOW - HOUR)) == 2


async def test_an_intent_survives_a_crash_between_act_and_receipt(opened, outage_effects):
    (pending,) = await claim(opened, receivers=("noc",))
    intended = replace(pending.receipt, intent="post parent", handle={"channel": "C1"})
    await opened.outbox.save_receipt(intended, pending.token)
    (again,) = await claim(opened, now=NOW + MINUTE, receivers=("noc",))
    assert again.receipt == intended


async def test_the_backlog_counts_by_receiver(opened, token, outage_effects):
    await opened.commits.commit(
        token, factories.commit(factories.incident("i2", notify=("noc",)), at=NOW + HOUR)
    )
    assert await opened.queries.backlog() == {
        "noc": ports.Backlog(owed=2, oldest=NOW),
        "mqtt": ports.Backlog(owed=1, oldest=NOW),
    }


async def test_the_backlog_has_the_error_of_the_oldest_failed_delivery(
    opened, token, outage_effects
):
    await opened.commits.commit(
        token, factories.commit(factories.incident("i2", notify=("noc",)), at=NOW + HOUR)
    )
    for number, pending in enumerate(await claim(opened, now=NOW + HOUR, receivers=("noc",))):
        failed = replace(
            pending.receipt, failures=2, failing_since=NOW + number * MINUTE, error=f"no {number}"
        )
        await opened.outbox.release(failed, pending.token, again_at=NOW + 2 * HOUR)
    backlog = await opened.queries.backlog()
    assert backlog["noc"] == ports.Backlog(owed=2, oldest=NOW, failing_since=NOW, error="no 0")
    assert backlog["mqtt"].error == ""


async def test_incidents_that_are_not_over_are_counted(opened, token, outage_effects):
    acknowledged = model.IncidentStatus.ACKNOWLEDGED
    for name in ("i2", "i3"):
        await opened.commits.commit(
            token, factories.commit(factories.incident(name, status=acknowledged))
        )
    over = factories.incident("i4", status=model.IncidentStatus.RESOLVED, resolved_at=NOW)
    await opened.commits.commit(token, factories.commit(over))
    assert await opened.queries.counts() == {model.IncidentStatus.OPEN: 1, acknowledged: 2}


async def test_an_announcement_of_planned_works_is_no_open_incident(opened, token, outage_effects):
    for number, status in enumerate(model.IncidentStatus):
        over = NOW if status is model.IncidentStatus.RESOLVED else None
        announcement = factories.incident(
            f"a{number}",
            rule=model.ANNOUNCEMENT,
            source=model.WORKS,
            flags=(model.WORKS,),
            status=status,
            resolved_at=over,
        )
        await opened.commits.commit(token, factories.commit(announcement))
    assert await opened.queries.counts() == {model.IncidentStatus.OPEN: 1}
    assert [incident.id for incident in await opened.queries.incidents()] == ["i1"]
    assert await opened.queries.resolved(since=NOW - HOUR) == []
    everything = await opened.queries.incidents(announcements=True)
    assert {incident.id for incident in everything} == {"i1", "a0", "a1", "a2"}


async def test_more_changes_do_not_make_a_pending_delivery_younger(opened, token, outage_effects):
    await grow(opened, token, 2, at=NOW + HOUR)
    assert (await opened.queries.backlog())["noc"] == ports.Backlog(owed=1, oldest=NOW)


async def test_an_incident_view_holds_everything_about_an_incident(opened, token, outage_effects):
    await opened.commits.commit(
        token,
        factories.commit(
            factories.incident(version=2, entries=2),
            factories.incident_alert(subject="vyvx/gone", state=model.AlertState.RESOLVED),
            factories.entry(2),
            factories.outage_effects("other")[3],
            factories.incident_alert("other"),
            factories.entry(1, "other"),
        ),
    )
    assert await opened.queries.incident_view("i1") == model.IncidentView(
        incident=factories.incident(version=2, entries=2),
        alerts=(
            factories.incident_alert(),
            factories.incident_alert(subject="vyvx/gone", state=model.AlertState.RESOLVED),
        ),
        alert_counts={"firing": 1, "resolved": 1},
        timeline=(factories.entry(1), factories.entry(2)),
        subjects={"vyvx/1": factories.subject()},
    )


async def test_what_was_measured_around_a_breach_is_read(opened, token):
    times = [factories.NOW + number * factories.MINUTE for number in range(5)]
    wanted = [factories.sample(at, float(n)) for n, at in enumerate(times)]
    others = [
        factories.sample(times[2], subject="evpl/L2"),
        factories.sample(times[2], metric="errors"),
    ]
    out = factories.sample(times[2], direction="out")
    await opened.commits.commit(token, factories.commit(*wanted, *others, out))
    read = await opened.queries.series("evpl/L1", "utilization", times[1], times[3])
    assert read == (*wanted[1:4], out)


async def test_the_view_of_an_unknown_incident_is_none(opened):
    assert await opened.queries.incident_view("nobody") is None


async def test_an_incident_view_shows_a_hundred_alerts_those_that_fire_first(opened, token):
    states = [*[model.AlertState.RESOLVED] * 150, *[model.AlertState.FIRING] * 60]
    await opened.commits.commit(
        token,
        factories.commit(
            factories.incident(),
            *(
                factories.incident_alert(subject=f"vyvx/{number:03}", state=state)
                for number, state in enumerate(states)
            ),
        ),
    )
    view = await opened.queries.incident_view("i1")
    shown = [alert.state for alert in view.alerts]
    assert shown == [model.AlertState.FIRING] * 60 + [model.AlertState.RESOLVED] * 40
    assert view.alert_counts == {"resolved": 150, "firing": 60}


async def test_a_large_incident_takes_no_more_queries_than_a_small_one(opened, token, statements):
    for name, size in (("small", 1), ("large", 90)):
        await opened.commits.commit(
            token,
            factories.commit(
                factories.incident(name, notify=("noc",)),
                *(factories.subject(f"vyvx/{number}") for number in range(size)),
                *(factories.incident_alert(name, subject=f"vyvx/{n}") for n in range(size)),
                *(factories.entry(number + 1, name) for number in range(size)),
            ),
        )
    counts = {}
    for name in ("small", "large"):
        statements.clear()
        view = await opened.queries.incident_view(name)
        counts[name] = len(statements)
    assert len(view.subjects) == 90
    assert counts["small"] == counts["large"] <= 6

    statements.clear()
    assert len(await claim(opened)) == 2
    assert len(statements) <= 2 + counts["small"]  # with the views of both


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # a planner without statistics
@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (
            """SELECT data FROM receipts WHERE receiver IN ('noc') AND due <= 1
            ORDER BY due, owed_since, incident, receiver LIMIT 1""",
            "ix_receipts_due",
        ),
        ("SELECT data FROM inbox WHERE consumed_at IS NULL ORDER BY number", "ix_inbox_waiting"),
        ("SELECT 1 FROM jobs WHERE kind = 'details' AND due <= 1 ORDER BY due", "ix_jobs_due"),
        ("SELECT data FROM incidents ORDER BY opened_at DESC", "ix_incidents_opened"),
        (
            """SELECT data FROM incidents WHERE status = 'resolved' AND resolved_at >= 1
            ORDER BY resolved_at DESC""",
            "ix_incidents_status",
        ),
        (
            "SELECT incident FROM incident_alerts WHERE subject = 'a'",
            "COVERING INDEX sqlite_autoindex",
        ),
        ("DELETE FROM alerts WHERE subject = 'a'", "ix_alerts_subject"),
        ("DELETE FROM samples WHERE subject = 'a'", "PRIMARY KEY"),
        ("SELECT data FROM entries WHERE incident = 'a' ORDER BY number", "sqlite_autoindex"),
    ],
)
async def test_hot_queries_use_an_index_and_sort_nothing(opened, statement, index):
    async with opened.database.read() as connection:
        plan = str(list(await connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))))
    assert index in plan
    assert "TEMP B-TREE" not in plan


def notification(incident="i1", **changes):
    usual = {"first_entry": 1, "last_entry": 1, "pending_since": NOW, "first_attempt_at": NOW}
    return model.Notification(
        incident=incident, receiver="noc", **{**usual, "delivered_at": NOW + SECOND, **changes}
    )


async def test_what_is_delivered_is_kept_with_its_times_in_order(opened, token, outage_effects):
    assert [pending.owed_since for pending in await claim(opened, receivers=("mqtt",))] == [NOW]
    reasons = tuple(
        model.FailedAttempts(reason=reason, count=2, first_at=NOW, last_at=NOW, error="no")
        for reason in model.FailureReason
    )
    first, second = notification(failures=reasons), notification(first_entry=2, last_entry=2)
    for version, kept in enumerate((first, second), start=1):
        (pending,) = await claim(opened, receivers=("noc",))
        told = replace(pending.receipt, parent_version=version, told_through=version)
        await opened.outbox.release(told, pending.token, again_at=None, delivered=kept)
        await grow(opened, token, version + 1)
    assert await opened.listings.notifications("i1", limit=9) == [first, second]
    assert await opened.listings.notifications("i1", limit=1) == [second]
    assert await opened.listings.notifications("i2", limit=9) == []


async def test_what_is_delivered_under_a_lost_claim_is_not_kept(opened, outage_effects):
    (lost,) = await claim(opened, receivers=("noc",))
    (pending,) = await claim(opened, receivers=("noc",), now=NOW + MINUTE)
    with pytest.raises(model.PermanentError, match="this claim took too long"):
        await opened.outbox.release(
            delivered(lost), lost.token, again_at=None, delivered=notification()
        )
    assert await opened.listings.notifications("i1", limit=9) == []
    kept = notification(pending_since=NOW - HOUR)
    await opened.outbox.release(delivered(pending), pending.token, again_at=None, delivered=kept)
    assert await opened.listings.notifications("i1", limit=9) == [kept]
