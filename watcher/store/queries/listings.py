"""What the board and the API list. Changes nothing."""

from __future__ import annotations

from sqlalchemy import select

from watcher import model
from watcher.store import tables
from watcher.store.database import Database


class Listings:
    """Reads lists. Implements ports.ListingReader."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def firing(self) -> list[tuple[str, str]]:
        """Return subjects and incidents, by subject."""
        table, alerts = tables.incidents.c, tables.incident_alerts.c
        query = (
            select(alerts.subject, alerts.incident)
            .join(tables.incidents, table.id == alerts.incident)
            .where(
                table.status != model.IncidentStatus.RESOLVED.value,
                alerts.state == model.AlertState.FIRING.value,
            )
            .order_by(alerts.subject, alerts.incident)
            .distinct()
        )
        async with self._database.read() as connection:
            return [(row.subject, row.incident) for row in await connection.execute(query)]
