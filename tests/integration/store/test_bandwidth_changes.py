"""A change of bandwidth: its intent, its count, and how far it is, on every database."""

from datetime import timedelta

from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW
from watcher import model, ports

WANTED = model.BandwidthNeeded(
    order="b-1",
    incident="i1",
    connection="iod/77",
    from_mbps=500.0,
    to_mbps=2000.0,
    max_mbps=2000.0,
)
NEWS = model.BandwidthNews(incident="i1", order="b-1", status=model.RemedyStatus.PENDING)
REMEDY = model.Remedy(
    connection="iod/77",
    status=model.RemedyStatus.PENDING,
    from_mbps=500.0,
    to_mbps=2000.0,
    max_mbps=2000.0,
    order="b-1",
    proposed_at=NOW,
)


async def want(opened, token, wanted=WANTED, **incident):
    await opened.commits.commit(token, factories.commit(factories.incident(**incident), wanted))


async def claim(opened, now=NOW):
    return await opened.jobs.claim(kind="bandwidth", now=now, lease=3 * MINUTE, limit=10)


def start(opened, job, *, now=NOW, per_day=24):
    sent = replace(job.change, sent_at=now)
    return opened.jobs.start_change(job, sent, now=now, customer="1-ABC", per_day=per_day)


async def test_what_is_to_be_sent_is_durable_before_it_leaves(opened, token):
    await want(opened, token)
    (job,) = await claim(opened)
    assert job.change == ports.BandwidthChange(wanted=WANTED)
    assert await start(opened, job) is ports.ChangeStart.BEGUN
    (again,) = await claim(opened, NOW + 3 * MINUTE)
    assert again.change.sent_at == NOW


async def test_a_daemon_that_lost_the_job_may_not_order_and_writes_nothing(opened, token):
    await want(opened, token)
    (lost,) = await claim(opened)
    (held,) = await claim(opened, NOW + 3 * MINUTE)
    assert await start(opened, lost) is ports.ChangeStart.LOST
    assert not await opened.jobs.save_change(lost, lost.change, now=NOW, due=NOW, news=NEWS)
    assert await opened.inbox.read() == []
    assert (
        await start(opened, held, per_day=1) is ports.ChangeStart.BEGUN
    )  # the other was not counted


async def test_a_change_does_not_start_after_its_incident_but_a_revert_does(opened, token):
    over = {"status": model.IncidentStatus.RESOLVED, "resolved_at": NOW}
    await want(opened, token, **over)
    await want(opened, token, replace(WANTED, order="b-2", reverting=True), **over)
    up, back = sorted(await claim(opened), key=lambda job: job.key)
    assert await start(opened, up) is ports.ChangeStart.OVER
    assert await start(opened, back) is ports.ChangeStart.BEGUN


async def test_changes_are_counted_by_day(opened, token):
    for number in range(3):
        await want(opened, token, replace(WANTED, order=f"b-{number}"))
    jobs = await claim(opened)
    assert await start(opened, jobs[0], per_day=2) is ports.ChangeStart.BEGUN
    assert await opened.call_counter.spend_change("1-ABC", NOW.date(), 2)
    assert await start(opened, jobs[1], per_day=2) is ports.ChangeStart.USED_UP
    assert await opened.call_counter.spend_change("1-OTHER", NOW.date(), 2)
    midnight = (NOW + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert await start(opened, jobs[2], now=midnight, per_day=2) is ports.ChangeStart.BEGUN


async def test_how_far_it_is_and_its_news_are_kept_together_until_it_is_due(opened, token):
    await want(opened, token)
    (job,) = await claim(opened)
    further = replace(job.change, taken=True, told=(model.RemedyStatus.PENDING,))
    assert await opened.jobs.save_change(job, further, now=NOW, due=NOW + MINUTE, news=NEWS)
    (envelope,) = await opened.inbox.read()
    assert envelope.command == NEWS
    assert await claim(opened) == []
    (again,) = await claim(opened, NOW + MINUTE)
    assert again.change == further
    assert await opened.jobs.finish(again, at=NOW, command=NEWS)
    assert await claim(opened, NOW + HOUR) == []


async def test_an_incident_is_loaded_as_long_as_news_of_its_remedy_may_come(opened, token):
    over = {"status": model.IncidentStatus.RESOLVED, "resolved_at": NOW}
    proposed = factories.incident(remedy=REMEDY, **over)
    await opened.commits.commit(token, factories.commit(proposed))

    async def load():
        loaded = await opened.commits.load(
            now=NOW + 20 * HOUR, reopen_within=10 * MINUTE, keep_samples=HOUR
        )
        return loaded.incidents

    assert await load() == (proposed,)
    ended = replace(REMEDY, status=model.RemedyStatus.REVERTED, ended_at=NOW)
    await opened.commits.commit(token, factories.commit(replace(proposed, remedy=ended, version=2)))
    assert await load() == ()
