"""What Lumen could deliver to a site as a backup (PX PreOrder), in a few words.

Law: it asks and never orders; pxConfig, which runs a credit check on a person, is never called.
"""

from __future__ import annotations

from watcher import ports
from watcher.vendors import preorder
from watcher.vendors.preorder import Outcome

_NEAR = 3  # near matches in a sentence


class PreorderQualifier:
    """Asks pxQualify about an address of the inventory."""

    def __init__(self, client: preorder.Client) -> None:
        self._client = client

    async def qualify(self, address: str) -> ports.Backups:
        """Ask about one address. Raises TemporaryError or PermanentError."""
        return backups(await self._client.qualify(preorder.read_address(address)))


def backups(found: preorder.Qualification) -> ports.Backups:
    """Say what an answer means to somebody who needs a backup."""
    if found.outcome is Outcome.NEAR_MATCHES:
        near = "; ".join(each.address for each in found.near[:_NEAR])
        why = f"Lumen knows it only as something like {near}: correct address in the inventory"
        return ports.Backups(why=why)
    offers = tuple(f"{each.name} {each.price}".strip() for each in found.offers)
    return ports.Backups(offers=offers, why="" if offers else found.words)
