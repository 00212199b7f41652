"""Jobs that order a change of bandwidth and watch it until the vendor's inventory shows it.

Law: an order is durable before it leaves. From then on it is not sent again unless the vendor's
answer says that it did nothing; otherwise its outcome is looked up in the inventory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock
from watcher.jobs.work import Continue, Done, Outcome, Pool
from watcher.model import RemedyStatus

AT_ONCE = 4
FETCH_TIMEOUT = timedelta(seconds=30)
ORDER_TIMEOUT = timedelta(seconds=90)
STOP_GRACE = timedelta(seconds=10)  # an answer that comes in this time still counts


class BandwidthJobs:
    """Orders and watches; `changers` are by source."""

    def __init__(
        self,
        *,
        queue: ports.JobQueue,
        changers: Mapping[str, ports.BandwidthChanger],
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._changers = changers
        self._clock = clock

    def pool(self) -> Pool:
        """Return how the loop runs this kind."""
        timeout = ORDER_TIMEOUT + 2 * FETCH_TIMEOUT
        return Pool(
            kind="bandwidth", timeout=timeout, size=AT_ONCE, run=self._run, grace=STOP_GRACE
        )

    async def _run(self, job: ports.Job) -> Outcome:
        change = job.change
        assert change is not None  # noqa: S101  # it is written with the job
        source = model.source_of(change.wanted.connection)
        changer = self._changers.get(source)
        if changer is None:
            status = RemedyStatus.FAILED if change.sent_at is None else RemedyStatus.UNKNOWN
            why = f"source {source!r} is no longer configured"
            return ended(change, status, why)
        if change.sent_at is not None:
            return await self._watch(change, changer, "Watcher was interrupted while it ordered")
        return await self._start(job, change, changer)

    async def _start(
        self, job: ports.Job, change: ports.BandwidthChange, changer: ports.BandwidthChanger
    ) -> Outcome:
        """Order it, unless what the inventory shows now speaks against it."""
        try:
            provision = await self._fetch(change.wanted, changer)
        except model.TemporaryError as error:
            return postpone(change, error, self._clock.now())
        except model.PermanentError as error:
            return ended(change, RemedyStatus.FAILED, str(error))
        if provision.pending:
            busy = model.TemporaryError("another change is in progress")
            return postpone(change, busy, self._clock.now())
        why_not = objection(change.wanted, provision.mbps)
        if why_not:
            return ended(change, RemedyStatus.UNTOUCHED, why_not, provision.mbps)
        return await self._order(job, replace(change, had=provision.words), changer)

    async def _order(
        self, job: ports.Job, change: ports.BandwidthChange, changer: ports.BandwidthChanger
    ) -> Outcome:
        """Record that it is going to be sent, and send it."""
        now = self._clock.now()
        sent = replace(change, sent_at=now)
        start = await self._queue.start_change(
            job, sent, now=now, customer=changer.customer, per_day=changer.per_day
        )
        match start:
            case ports.ChangeStart.LOST:
                return Continue(change=change, due=now)
            case ports.ChangeStart.OVER:
                return ended(change, RemedyStatus.WITHDRAWN, "the incident is over")
            case ports.ChangeStart.USED_UP:
                why = (
                    f"all {changer.per_day} changes of today are used up;"
                    " the limit resets at 00:00 UTC"
                )
                return ended(change, RemedyStatus.FAILED, why)
            case ports.ChangeStart.BEGUN:
                return await self._send(sent, changer)

    async def _send(self, sent: ports.BandwidthChange, changer: ports.BandwidthChanger) -> Outcome:
        wanted = sent.wanted
        try:
            async with asyncio.timeout(ORDER_TIMEOUT.total_seconds()):
                ordered = await changer.order(
                    model.id_of(wanted.connection),
                    mbps=wanted.to_mbps,
                    at_most=wanted.max_mbps,
                    reference=wanted.order,
                    words=wanted.to_words,
                )
        except TimeoutError:
            within = model.format_duration(ORDER_TIMEOUT)
            return await self._watch(sent, changer, f"no answer within {within}")
        except model.AmbiguousError as error:
            return await self._watch(sent, changer, str(error.__cause__ or error))
        except model.TemporaryError as error:
            return postpone(sent, error, self._clock.now())
        except model.PermanentError as error:
            return ended(sent, RemedyStatus.FAILED, str(error))
        news = replace(
            bandwidth_news(sent, RemedyStatus.REQUESTED),
            vendor_order=ordered.number,
            price=ordered.price,
        )
        return reported(replace(sent, taken=True), news, due=self._clock.now())

    async def _watch(
        self, change: ports.BandwidthChange, changer: ports.BandwidthChanger, doubt: str
    ) -> Outcome:
        """Look up how far it is; `doubt` is why it is not known whether it was ordered."""
        provision, error_text = None, ""
        try:
            provision = await self._fetch(change.wanted, changer)
        except model.WatcherError as error:
            error_text = str(error)
        return evaluate(
            change, provision, now=self._clock.now(), doubt=doubt, inventory_error=error_text
        )

    async def _fetch(
        self, wanted: model.BandwidthNeeded, changer: ports.BandwidthChanger
    ) -> ports.Provision:
        """Fetch what the connection has. Raises TemporaryError or PermanentError."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT.total_seconds()):
                return await changer.fetch(model.id_of(wanted.connection))
        except TimeoutError as error:
            within = model.format_duration(FETCH_TIMEOUT)
            raise model.TemporaryError(f"the inventory did not answer within {within}") from error


SOON_EVERY = timedelta(seconds=5)  # as long as it may still be done at once
SOON_FOR = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=30)
LATE_AFTER = timedelta(minutes=15)
LATE_EVERY = timedelta(minutes=5)
WATCHED_FOR = timedelta(hours=24)
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))


def objection(wanted: model.BandwidthNeeded, mbps: float | None) -> str:
    """Return why a change must not be ordered, by what the connection has now; empty if it may."""
    if mbps is None:
        return "the inventory does not show its bandwidth"
    enough = mbps > wanted.to_mbps and not wanted.reverting
    if enough or _is_same(mbps, wanted.to_mbps):
        return f"it has {model.format_mbps(mbps)} already"
    return "" if _is_same(mbps, wanted.from_mbps) else _by_another(mbps)


def postpone(change: ports.BandwidthChange, error: model.TemporaryError, now: datetime) -> Outcome:
    """Retry the order later, a few times: nothing has happened."""
    if change.tries == len(RETRY_DELAYS):
        why = f"{error}; tried {change.tries + 1} times"
        return ended(change, RemedyStatus.FAILED, why)
    wait = max(RETRY_DELAYS[change.tries], timedelta(seconds=error.delay or 0))
    later = replace(change, sent_at=None, tries=change.tries + 1)
    if RemedyStatus.WAITING in change.told:
        return Continue(change=later, due=now + wait)
    message = f"{error}; next attempt in {model.format_duration(wait)}"
    return reported(later, bandwidth_news(change, RemedyStatus.WAITING, message), due=now + wait)


def evaluate(
    change: ports.BandwidthChange,
    provision: ports.Provision | None,
    *,
    now: datetime,
    doubt: str,
    inventory_error: str = "",
) -> Outcome:
    """Return how far a change is that was sent.

    `doubt` is why it is not known whether it was ordered, for one that was not taken.
    `inventory_error` is why the inventory shows nothing.
    """
    age = now - (change.sent_at or now)
    if provision is not None and provision.mbps is not None and not provision.pending:
        if _is_same(provision.mbps, change.wanted.to_mbps):
            lasted = f"{model.format_duration(age)} after it was requested"
            return ended(change, RemedyStatus.APPLIED, lasted, provision.mbps)
        if not _is_same(provision.mbps, change.wanted.from_mbps):
            return ended(change, RemedyStatus.FAILED, _by_another(provision.mbps), provision.mbps)
    shown = (
        f"the inventory cannot be fetched ({inventory_error})"
        if provision is None
        else _shown(provision)
    )
    if age >= WATCHED_FOR:
        status = RemedyStatus.STUCK if change.taken else RemedyStatus.UNKNOWN
        day = model.format_duration(WATCHED_FOR)
        return ended(change, status, f"after {day} {shown}; it is no longer watched")
    due = now + _pause(age)
    if provision is not None and provision.pending:
        change = replace(change, taken=True)  # whether or not its answer arrived
    news = _unreported(change, provision, shown, age=age, doubt=doubt)
    return Continue(change=change, due=due) if news is None else reported(change, news, due=due)


def bandwidth_news(
    change: ports.BandwidthChange,
    status: RemedyStatus,
    message: str = "",
    mbps: float | None = None,
) -> model.BandwidthNews:
    """Return how a change is now."""
    return model.BandwidthNews(
        incident=change.wanted.incident,
        order=change.wanted.order,
        status=status,
        message=message,
        mbps=mbps,
        had=change.had,
    )


def reported(
    change: ports.BandwidthChange, news: model.BandwidthNews, *, due: datetime
) -> Continue:
    """Continue later, with something to report."""
    return Continue(change=replace(change, told=(*change.told, news.status)), due=due, news=news)


def ended(
    change: ports.BandwidthChange, status: RemedyStatus, message: str, mbps: float | None = None
) -> Done:
    """Return that nothing more will come of it."""
    return Done(command=replace(bandwidth_news(change, status, message, mbps), over=True))


def _unreported(
    change: ports.BandwidthChange,
    provision: ports.Provision | None,
    shown: str,
    *,
    age: timedelta,
    doubt: str,
) -> model.BandwidthNews | None:
    """Return what people do not know yet of a change that is not done."""
    mbps = None if provision is None else provision.mbps
    if provision is not None and provision.pending and RemedyStatus.PENDING not in change.told:
        return bandwidth_news(change, RemedyStatus.PENDING, mbps=mbps)
    if not change.taken and RemedyStatus.UNKNOWN not in change.told:
        message = f"{doubt}. It will not be ordered again; {shown}"
        return bandwidth_news(change, RemedyStatus.UNKNOWN, message, mbps)
    if age >= LATE_AFTER and RemedyStatus.STUCK not in change.told:
        late, slow = model.format_duration(LATE_AFTER), model.format_duration(LATE_EVERY)
        message = f"after {late} {shown}; checking every {slow} from now on"
        return bandwidth_news(change, RemedyStatus.STUCK, message, mbps)
    return None


def _pause(age: timedelta) -> timedelta:
    if age < SOON_FOR:
        return SOON_EVERY
    return LOOK_EVERY if age < LATE_AFTER else LATE_EVERY


def _shown(provision: ports.Provision) -> str:
    pending = ", with a change pending" if provision.pending else ""
    return f"the inventory shows {model.format_mbps(provision.mbps)}{pending}"


def _by_another(mbps: float) -> str:
    return f"someone else has changed it: it has {model.format_mbps(mbps)} now"


def _is_same(mbps: float, other: float) -> bool:
    return abs(mbps - other) < 0.5  # what was given in kbps does not come out even
