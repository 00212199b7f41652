"""Changes of bandwidth to order, and to watch until the vendor's inventory shows them.

Law: what is going to be sent is durable before it leaves (law 5). From then on it is not sent again
unless the vendor's answer says that it did nothing; all else is looked up, and said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from watcher import model, ports
from watcher.clock import Clock
from watcher.jobs.work import Again, Done, Outcome, Pool
from watcher.model import RemedyStatus

AT_ONCE = 4
LOOK_WITHIN = timedelta(seconds=30)
ORDER_WITHIN = timedelta(seconds=90)
STOP_WITHIN = timedelta(seconds=10)  # an answer that comes in this time is still heard


class Bandwidths:
    """Orders and watches, with the orderer of each Internet On-Demand source."""

    def __init__(
        self,
        *,
        workshop: ports.JobQueue,
        orderers: Mapping[str, ports.BandwidthChanger],
        clock: Clock,
    ) -> None:
        self._workshop = workshop
        self._orderers = orderers
        self._clock = clock

    def pool(self) -> Pool:
        """Say how the loop is to run this kind."""
        within = ORDER_WITHIN + 2 * LOOK_WITHIN
        return Pool(
            kind="bandwidth", within=within, size=AT_ONCE, work=self._work, patience=STOP_WITHIN
        )

    async def _work(self, job: ports.Job) -> Outcome:
        change = job.change
        assert change is not None  # noqa: S101  # it is written with the job
        source = model.source_of(change.wanted.connection)
        orderer = self._orderers.get(source)
        if orderer is None:
            lost = RemedyStatus.FAILED if change.sent_at is None else RemedyStatus.UNKNOWN
            gone = f"there is no source {source!r} in the config any more"
            return ended(change, lost, gone)
        if change.sent_at is not None:
            return await self._watch(change, orderer, "Watcher was interrupted while it ordered")
        return await self._begin(job, change, orderer)

    async def _begin(
        self, job: ports.Job, change: ports.BandwidthChange, orderer: ports.BandwidthChanger
    ) -> Outcome:
        """Order it, if that makes sense by what the inventory shows now."""
        try:
            seen = await self._look(change.wanted, orderer)
        except model.TemporaryError as error:
            return put_off(change, error, self._clock.now())
        except model.PermanentError as error:
            return ended(change, RemedyStatus.FAILED, str(error))
        if seen.pending:
            busy = model.TemporaryError("another change of it is under way")
            return put_off(change, busy, self._clock.now())
        why_not = objection(change.wanted, seen.mbps)
        if why_not:
            return ended(change, RemedyStatus.UNTOUCHED, why_not, seen.mbps)
        return await self._order(job, change, orderer)

    async def _order(
        self, job: ports.Job, change: ports.BandwidthChange, orderer: ports.BandwidthChanger
    ) -> Outcome:
        """Write down that it is going to be sent, and send it."""
        now = self._clock.now()
        sent = replace(change, sent_at=now)
        start = await self._workshop.start_change(
            job, sent, now=now, customer=orderer.customer, per_day=orderer.per_day
        )
        match start:
            case ports.ChangeStart.LOST:
                return Again(change=change, due=now)
            case ports.ChangeStart.OVER:
                return ended(change, RemedyStatus.WITHDRAWN, "the incident is over")
            case ports.ChangeStart.USED_UP:
                why = (
                    f"all {orderer.per_day} changes of today are used up;"
                    " the vendor counts anew from 00:00 UTC"
                )
                return ended(change, RemedyStatus.FAILED, why)
            case ports.ChangeStart.BEGUN:
                return await self._send(sent, orderer)

    async def _send(self, sent: ports.BandwidthChange, orderer: ports.BandwidthChanger) -> Outcome:
        wanted = sent.wanted
        try:
            async with asyncio.timeout(ORDER_WITHIN.total_seconds()):
                ordered = await orderer.order(
                    model.id_of(wanted.connection),
                    mbps=wanted.to_mbps,
                    at_most=wanted.max_mbps,
                    reference=wanted.order,
                )
        except TimeoutError:
            within = model.format_duration(ORDER_WITHIN)
            return await self._watch(sent, orderer, f"there was no answer within {within}")
        except model.AmbiguousError as error:
            return await self._watch(sent, orderer, str(error.__cause__ or error))
        except model.TemporaryError as error:
            return put_off(sent, error, self._clock.now())
        except model.PermanentError as error:
            return ended(sent, RemedyStatus.FAILED, str(error))
        news = replace(
            bandwidth_news(sent, RemedyStatus.REQUESTED),
            vendor_order=ordered.number,
            price=ordered.price,
        )
        return told(replace(sent, taken=True), news, due=self._clock.now())

    async def _watch(
        self, change: ports.BandwidthChange, orderer: ports.BandwidthChanger, doubt: str
    ) -> Outcome:
        """See how far it is; `doubt` is why it is not known whether it was ordered."""
        seen, unseen = None, ""
        try:
            seen = await self._look(change.wanted, orderer)
        except model.WatcherError as error:
            unseen = str(error)
        return judge(change, seen, now=self._clock.now(), doubt=doubt, unseen=unseen)

    async def _look(
        self, wanted: model.BandwidthNeeded, orderer: ports.BandwidthChanger
    ) -> ports.Provision:
        """Read the connection. Raises TemporaryError or PermanentError."""
        try:
            async with asyncio.timeout(LOOK_WITHIN.total_seconds()):
                return await orderer.look(model.id_of(wanted.connection))
        except TimeoutError as error:
            within = model.format_duration(LOOK_WITHIN)
            raise model.TemporaryError(f"the inventory gave no answer within {within}") from error


SOON_EVERY = timedelta(seconds=5)  # as long as it may still be done at once
SOON_FOR = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=30)
LATE_AFTER = timedelta(minutes=15)
LATE_EVERY = timedelta(minutes=5)
WATCHED_FOR = timedelta(hours=24)
TRY_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))


def objection(wanted: model.BandwidthNeeded, mbps: float | None) -> str:
    """Say why a change is not to be ordered, by what the connection has now; empty if it is."""
    if mbps is None:
        return "the inventory does not tell its bandwidth"
    enough = mbps > wanted.to_mbps and not wanted.reverting
    if enough or _is_same(mbps, wanted.to_mbps):
        return f"it has {model.format_mbps(mbps)} already"
    return "" if _is_same(mbps, wanted.from_mbps) else _by_another(mbps)


def put_off(change: ports.BandwidthChange, error: model.TemporaryError, now: datetime) -> Outcome:
    """Order it later, a few times: nothing has happened."""
    if change.tries == len(TRY_AGAIN):
        why = f"{error}; it was tried {change.tries + 1} times"
        return ended(change, RemedyStatus.FAILED, why)
    wait = max(TRY_AGAIN[change.tries], timedelta(seconds=error.delay or 0))
    later = replace(change, sent_at=None, tries=change.tries + 1)
    if RemedyStatus.WAITING in change.told:
        return Again(change=later, due=now + wait)
    message = f"{error}; it is tried again in {model.format_duration(wait)}"
    return told(later, bandwidth_news(change, RemedyStatus.WAITING, message), due=now + wait)


def judge(
    change: ports.BandwidthChange,
    seen: ports.Provision | None,
    *,
    now: datetime,
    doubt: str,
    unseen: str = "",
) -> Outcome:
    """Say how far a change is that was sent.

    `doubt` is why nobody can tell whether it was ordered, for one that was not taken. `unseen` is
    why the inventory shows nothing.
    """
    age = now - (change.sent_at or now)
    if seen is not None and seen.mbps is not None and not seen.pending:
        if _is_same(seen.mbps, change.wanted.to_mbps):
            lasted = f"{model.format_duration(age)} after it was requested"
            return ended(change, RemedyStatus.APPLIED, lasted, seen.mbps)
        if not _is_same(seen.mbps, change.wanted.from_mbps):
            return ended(change, RemedyStatus.FAILED, _by_another(seen.mbps), seen.mbps)
    shown = f"the inventory cannot be read now ({unseen})" if seen is None else _shown(seen)
    if age >= WATCHED_FOR:
        lost = RemedyStatus.STUCK if change.taken else RemedyStatus.UNKNOWN
        day = model.format_duration(WATCHED_FOR)
        return ended(change, lost, f"after {day} {shown}, and nobody looks any more")
    due = now + _pause(age)
    if seen is not None and seen.pending:
        change = replace(change, taken=True)  # whether or not its answer was heard
    tell = _to_tell(change, seen, shown, age=age, doubt=doubt)
    return Again(change=change, due=due) if tell is None else told(change, tell, due=due)


def bandwidth_news(
    change: ports.BandwidthChange,
    status: RemedyStatus,
    message: str = "",
    mbps: float | None = None,
) -> model.BandwidthNews:
    """Write how a change is now."""
    return model.BandwidthNews(
        incident=change.wanted.incident,
        order=change.wanted.order,
        status=status,
        message=message,
        mbps=mbps,
    )


def told(change: ports.BandwidthChange, tell: model.BandwidthNews, *, due: datetime) -> Again:
    """Go on later, with something to tell."""
    return Again(change=replace(change, told=(*change.told, tell.status)), due=due, news=tell)


def ended(
    change: ports.BandwidthChange, status: RemedyStatus, message: str, mbps: float | None = None
) -> Done:
    """Say that nothing more will come of it."""
    return Done(command=replace(bandwidth_news(change, status, message, mbps), over=True))


def _to_tell(
    change: ports.BandwidthChange,
    seen: ports.Provision | None,
    shown: str,
    *,
    age: timedelta,
    doubt: str,
) -> model.BandwidthNews | None:
    """Find what people do not know yet of a change that is not done."""
    mbps = None if seen is None else seen.mbps
    if seen is not None and seen.pending and RemedyStatus.PENDING not in change.told:
        return bandwidth_news(change, RemedyStatus.PENDING, mbps=mbps)
    if not change.taken and RemedyStatus.UNKNOWN not in change.told:
        message = f"{doubt}. It is not ordered again; {shown}"
        return bandwidth_news(change, RemedyStatus.UNKNOWN, message, mbps)
    if age >= LATE_AFTER and RemedyStatus.STUCK not in change.told:
        late, slow = model.format_duration(LATE_AFTER), model.format_duration(LATE_EVERY)
        message = f"after {late} {shown}; it is looked at every {slow} from now on"
        return bandwidth_news(change, RemedyStatus.STUCK, message, mbps)
    return None


def _pause(age: timedelta) -> timedelta:
    if age < SOON_FOR:
        return SOON_EVERY
    return LOOK_EVERY if age < LATE_AFTER else LATE_EVERY


def _shown(seen: ports.Provision) -> str:
    pending = ", with a change pending" if seen.pending else ""
    return f"the inventory shows {model.format_mbps(seen.mbps)}{pending}"


def _by_another(mbps: float) -> str:
    return f"somebody has changed it meanwhile: it has {model.format_mbps(mbps)} now"


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) < 0.5  # what was read as kbps does not come out even
