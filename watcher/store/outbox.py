"""What delivery asks of the store: who is owed what, what to tell, and to keep the receipts.

Law: an incident knows what is true and a receipt what was told; owed is the difference, computed
in the transaction that changes either, so no change is lost while somebody is being told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, bindparam, case, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model, ports
from watcher.store import codec, commits, jobs, tables
from watcher.store.database import Database

_ALERTS = 100  # of an incident, as many as are told
_FIRST = (model.AlertState.FIRING, model.AlertState.PENDING, model.AlertState.RESOLVED)

# Built once, because building them takes longer than running them, and people wait for a dossier.
_OF: BindParameter[str] = bindparam("incident")
_MEMBERS = tables.incident_alerts.c
_INCIDENT = select(tables.incidents.c.data).where(tables.incidents.c.id == _OF)
_SHOWN = (
    select(_MEMBERS.data)
    .where(_MEMBERS.incident == _OF)
    .order_by(
        case(
            {state.value: rank for rank, state in enumerate(_FIRST)},
            value=_MEMBERS.state,
            else_=len(_FIRST),
        ),
        _MEMBERS.subject,
        _MEMBERS.rule,
    )
    .limit(_ALERTS)
)
_COUNTS = (
    select(_MEMBERS.state, func.count().label("alerts"))
    .where(_MEMBERS.incident == _OF)
    .group_by(_MEMBERS.state)
)
_TIMELINE = (
    select(tables.entries.c.data)
    .where(tables.entries.c.incident == _OF)
    .order_by(tables.entries.c.number)
)
_SUBJECTS = select(tables.subjects.c.data).where(
    tables.subjects.c.key.in_(bindparam("keys", expanding=True))
)
_ROSTER = (
    select(_MEMBERS.data).where(_MEMBERS.incident == _OF).order_by(_MEMBERS.subject, _MEMBERS.rule)
)


class Outbox:
    """Claims debts, reads dossiers, keeps receipts."""

    _database: Database

    async def claim(
        self, *, now: datetime, receivers: Sequence[str], lease: timedelta, limit: int
    ) -> list[ports.PendingDelivery]:
        """Claim pairs whose receipt lags behind the incident and is due, oldest first.

        Pairs that asked for another look come after those that lag, the longest due first.
        """
        table, dialect = tables.receipts, self._database.dialect
        token = jobs.new_token()
        async with self._database.write() as connection:
            rows = (
                await connection.execute(
                    select(table.c.incident, table.c.receiver, table.c.data)
                    .where(
                        table.c.due <= now,
                        jobs.is_free(table.c.lease_until, dialect.moment(now)),
                        table.c.receiver.in_(receivers),
                    )
                    .order_by(table.c.due, table.c.owed_since, table.c.incident, table.c.receiver)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            if rows:
                await connection.execute(
                    update(table)
                    .where(
                        tuple_(table.c.incident, table.c.receiver).in_(
                            [(row.incident, row.receiver) for row in rows]
                        )
                    )
                    .values(
                        token=token,
                        holder=self._database.session,
                        lease_until=dialect.moment(now, lease),
                    )
                )
        return [
            ports.PendingDelivery(receipt=codec.RECEIPT.decode(row.data), token=token)
            for row in rows
        ]

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        """Read an incident with its alerts, timeline and subjects; None when there is no such.

        At most 100 alerts, those that fire first; `alert_counts` counts all of them by state.
        """
        named = {"incident": incident}
        async with self._database.read() as connection:
            data = await connection.scalar(_INCIDENT, named)
            if data is None:
                return None
            shown = codec.INCIDENT_ALERT.decode_all(await connection.scalars(_SHOWN, named))
            counts: Mapping[str, int] = Counter(alert.state.value for alert in shown)
            if len(shown) == _ALERTS:  # there may be more
                counts = {row.state: row.alerts for row in await connection.execute(_COUNTS, named)}
            timeline = await connection.scalars(_TIMELINE, named)
            keys = list({alert.subject for alert in shown})
            known = await connection.scalars(_SUBJECTS, {"keys": keys}) if keys else ()
            return model.IncidentView(
                incident=codec.INCIDENT.decode(data),
                alerts=shown,
                alert_counts=dict(counts),
                timeline=codec.ENTRY.decode_all(timeline),
                subjects={subject.key: subject for subject in codec.SUBJECT.decode_all(known)},
            )

    async def save_receipt(self, receipt: model.Receipt, token: int) -> None:
        """Keep what was told so far; the claim and what is owed stay as they are.

        Raises PermanentError when the claim was lost.
        """
        async with self._database.write() as connection:
            await _keep(connection, receipt, token)

    async def settle(
        self, receipt: model.Receipt, token: int, *, again_at: datetime | None
    ) -> None:
        """Keep the receipt and give the claim back; look again at `again_at` if it is given.

        What still lags behind is owed at once, or, after failures, not before `again_at`. Without
        `again_at` the receipt's own `due` counts. Raises PermanentError when the claim was lost.
        """
        incidents = tables.incidents
        async with self._database.write() as connection:
            # Locked, so that the writer's next change of it comes after this or is seen here.
            truth = (
                await connection.execute(
                    select(incidents.c.version, incidents.c.entries, incidents.c.data)
                    .where(incidents.c.id == receipt.incident)
                    .with_for_update(read=True)
                )
            ).first()
            lags = truth is not None and (
                truth.version > receipt.parent_version or truth.entries > receipt.told_through
            )
            lags = lags and truth is not None and _is_for(truth.data, receipt.receiver)
            due = receipt.due if again_at is None else again_at
            if lags and not (receipt.failures > 0 and again_at is not None):
                due = tables.EPOCH  # at once
            values = {"owed": lags, "due": due, "token": 0, "lease_until": None}
            if not lags:
                values["owed_since"] = None
            await _keep(connection, receipt, token, values)

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        """Read what one diagnostics run brought."""
        table = tables.papers
        async with self._database.read() as connection:
            row = (await connection.execute(select(table).where(table.c.run == run))).first()
            if row is None:
                return None
            return ports.ReportFiles(run=row.run, pdf=row.pdf, preview=row.preview, raw=row.raw)

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Read all alerts of an incident, by subject and rule."""
        async with self._database.read() as connection:
            rows = await connection.scalars(_ROSTER, {"incident": incident})
            return codec.INCIDENT_ALERT.decode_all(rows)

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Read what was measured, both ends included, by direction and time."""
        samples = tables.samples.c
        async with self._database.read() as connection:
            return await commits.read_samples(
                connection,
                samples.subject == subject,
                samples.metric == metric,
                samples.at.between(start, end),
            )


def _is_for(data: str, receiver: str) -> bool:
    """Whether a receiver is to be told now: who was told of it is in any case told of its end."""
    incident = codec.INCIDENT.decode(data)
    return receiver in incident.notify or incident.status is model.IncidentStatus.RESOLVED


async def _keep(
    connection: AsyncConnection,
    receipt: model.Receipt,
    token: int,
    claim: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    table = tables.receipts
    kept = await connection.execute(
        update(table)
        .where(
            table.c.incident == receipt.incident,
            table.c.receiver == receipt.receiver,
            table.c.token == token,
        )
        .values(
            parent_version=receipt.parent_version,
            told_through=receipt.told_through,
            failures=receipt.failures,
            data=codec.encode(receipt),
            **claim,
        )
    )
    if kept.rowcount == 0:
        raise model.PermanentError(
            f"{receipt.receiver} is being told of incident {receipt.incident} by somebody else:"
            " this claim took too long and was lost"
        )
