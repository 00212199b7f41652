"""Changes of bandwidth to order, and to watch until the vendor's inventory shows them.

Law: what is going to be sent is durable before it leaves (law 5). From then on it is not sent again
unless the vendor's answer says that it did nothing; all else is looked up, and said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from watcher import clock as time
from watcher import model, ports
from watcher.jobs import verdicts
from watcher.jobs.work import Again, Outcome, Pool
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
        workshop: ports.Workshop,
        orderers: Mapping[str, ports.Orderer],
        clock: time.Clock,
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
        source = change.wanted.connection.partition("/")[0]
        orderer = self._orderers.get(source)
        if orderer is None:
            lost = RemedyStatus.FAILED if change.sent_at is None else RemedyStatus.UNKNOWN
            gone = f"there is no source {source!r} in the config any more"
            return verdicts.ended(change, lost, gone)
        if change.sent_at is not None:
            return await self._watch(change, orderer, "Watcher was interrupted while it ordered")
        return await self._begin(job, change, orderer)

    async def _begin(self, job: ports.Job, change: ports.Change, orderer: ports.Orderer) -> Outcome:
        """Order it, if that makes sense by what the inventory shows now."""
        try:
            seen = await self._look(change.wanted, orderer)
        except model.TemporaryError as error:
            return verdicts.put_off(change, error, self._clock.now())
        except model.PermanentError as error:
            return verdicts.ended(change, RemedyStatus.FAILED, str(error))
        if seen.pending:
            busy = model.TemporaryError("another change of it is under way")
            return verdicts.put_off(change, busy, self._clock.now())
        why_not = verdicts.objection(change.wanted, seen.mbps)
        if why_not:
            return verdicts.ended(change, RemedyStatus.UNTOUCHED, why_not, seen.mbps)
        return await self._order(job, change, orderer)

    async def _order(self, job: ports.Job, change: ports.Change, orderer: ports.Orderer) -> Outcome:
        """Write down that it is going to be sent, and send it."""
        now = self._clock.now()
        sent = replace(change, sent_at=now)
        start = await self._workshop.start_change(
            job, sent, now=now, customer=orderer.customer, per_day=orderer.per_day
        )
        match start:
            case ports.Start.LOST:
                return Again(change=change, due=now)
            case ports.Start.OVER:
                return verdicts.ended(change, RemedyStatus.WITHDRAWN, "the incident is over")
            case ports.Start.USED_UP:
                why = (
                    f"all {orderer.per_day} changes of today are used up;"
                    " the vendor counts anew from 00:00 UTC"
                )
                return verdicts.ended(change, RemedyStatus.FAILED, why)
            case ports.Start.BEGUN:
                return await self._send(sent, orderer)

    async def _send(self, sent: ports.Change, orderer: ports.Orderer) -> Outcome:
        wanted = sent.wanted
        try:
            async with asyncio.timeout(ORDER_WITHIN.total_seconds()):
                ordered = await orderer.order(
                    wanted.connection.partition("/")[2],
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
            return verdicts.put_off(sent, error, self._clock.now())
        except model.PermanentError as error:
            return verdicts.ended(sent, RemedyStatus.FAILED, str(error))
        news = replace(
            verdicts.news(sent, RemedyStatus.REQUESTED),
            vendor_order=ordered.number,
            price=ordered.price,
        )
        return verdicts.told(replace(sent, taken=True), news, due=self._clock.now())

    async def _watch(self, change: ports.Change, orderer: ports.Orderer, doubt: str) -> Outcome:
        """See how far it is; `doubt` is why it is not known whether it was ordered."""
        seen, unseen = None, ""
        try:
            seen = await self._look(change.wanted, orderer)
        except (model.TemporaryError, model.PermanentError) as error:
            unseen = str(error)
        return verdicts.judge(change, seen, now=self._clock.now(), doubt=doubt, unseen=unseen)

    async def _look(self, wanted: model.BandwidthNeeded, orderer: ports.Orderer) -> ports.Provision:
        """Read the connection. Raises TemporaryError or PermanentError."""
        try:
            async with asyncio.timeout(LOOK_WITHIN.total_seconds()):
                return await orderer.look(wanted.connection.partition("/")[2])
        except TimeoutError as error:
            within = model.format_duration(LOOK_WITHIN)
            raise model.TemporaryError(f"the inventory gave no answer within {within}") from error
