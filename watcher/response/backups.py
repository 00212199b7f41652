"""What Lumen could deliver to a site as a backup (PX PreOrder), in a few words.

Law: it asks and never orders; pxConfig, which runs a credit check on a person, is never called.
About an address outside the area served it asks once in 30 days.
"""

from __future__ import annotations

from datetime import timedelta

from watcher import model, ports
from watcher.clock import Clock
from watcher.vendors import preorder
from watcher.vendors.preorder import Outcome

REMEMBER = timedelta(days=30)
_NEAR = 3  # near matches in a sentence


class PreorderQualifier:
    """Asks pxQualify about an address of the inventory."""

    def __init__(self, client: preorder.Client, gazetteer: ports.Gazetteer, clock: Clock) -> None:
        self._client = client
        self._gazetteer = gazetteer
        self._clock = clock

    async def qualify(self, address: str) -> ports.Backups:
        """Ask about one address, unless Lumen has said lately that it does not serve it.

        Raises TemporaryError or PermanentError.
        """
        asked = preorder.read_address(address)
        now = self._clock.now()
        told_at = await self._gazetteer.unserved(asked.key, since=now - REMEMBER)
        if told_at is not None:
            span = model.format_duration(REMEMBER)
            return ports.Backups(
                why=f"the address is outside the area served, as Lumen said on"
                f" {told_at:%Y-%m-%d}; it is asked again {span} later"
            )
        found = await self._client.qualify(asked)
        if found.outcome is Outcome.OUTSIDE:
            await self._gazetteer.keep_unserved(asked.key, now, since=now - REMEMBER)
        return backups(found)


def backups(found: preorder.Qualification) -> ports.Backups:
    """Say what an answer means to somebody who needs a backup."""
    if found.outcome is Outcome.NEAR_MATCHES:
        near = "; ".join(each.address for each in found.near[:_NEAR])
        why = f"Lumen knows it only as something like {near}: correct address in the inventory"
        return ports.Backups(why=why)
    offers = tuple(f"{each.name} {each.price}".strip() for each in found.offers)
    return ports.Backups(offers=offers, why="" if offers else found.words)
