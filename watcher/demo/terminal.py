"""A receiver that tells each timeline entry as a line on the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from watcher import model, ports


class Terminal:
    """Says what happened, once; `say` prints one line."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self.name = name
        self._say = say

    async def tell(
        self, dossier: model.Dossier, receipt: model.Receipt, telling: ports.Telling
    ) -> model.Receipt:
        """Print the entries that have not been told."""
        incident = dossier.incident
        for entry in dossier.timeline:
            if entry.number > receipt.told_through:
                when, what = f"{entry.at:%H:%M:%S}", _line(incident, entry)
                self._say(f"{when}  {incident.id}  {entry.kind:<12}  {what}")
                receipt = replace(receipt, told_through=entry.number)
                await telling.save(receipt)
        return replace(receipt, parent_version=incident.version)


def _line(incident: model.Incident, entry: model.Entry) -> str:
    if entry.kind is model.EntryKind.OPENED:
        return f"{incident.title}: {entry.text}"
    return entry.text
