"""What could be ordered as a backup at an address, and what a person should know of the answer."""

from __future__ import annotations

from datetime import timedelta

import structlog

from watcher import model, ports
from watcher.clock import Clock
from watcher.vendors.preorder.client import (
    Outcome,
    PreorderClient,
    Qualification,
    RetiredError,
    parse_address,
)

log = structlog.get_logger()

REMEMBERED_FOR = timedelta(days=30)
RETIRED_FOR = timedelta(days=1)  # then it is asked again, as an address may have been corrected
OFFERS_NOTE = (
    "offers of CenturyLink and Quantum Fiber; most of that fibre is AT&T's since 2026-02-02:"
    " confirm who delivers"
)
NO_OFFERS_NOTE = "AT&T took over most of Lumen's fibre to homes on 2026-02-02: ask there"
_NEAR = 3  # near matches in a sentence


class PreorderBackupFinder:
    """Asks pxQualify about an address of the inventory."""

    def __init__(
        self, client: PreorderClient, unserved_addresses: ports.UnservedAddresses, clock: Clock
    ) -> None:
        self._client = client
        self._unserved_addresses = unserved_addresses
        self._clock = clock
        self._retired_at: float | None = None  # on the monotonic clock

    async def find(self, address: str) -> ports.BackupOptions:
        """Qualify one address, unless Lumen has reported lately that it does not serve it.

        An endpoint that is gone is asked once a day, and logged once. Raises TemporaryError or
        PermanentError.
        """
        asked = parse_address(address)
        now = self._clock.now()
        if self._retired_at is not None:
            age = timedelta(seconds=self._clock.monotonic() - self._retired_at)
            if age < RETIRED_FOR:
                return ports.BackupOptions(
                    why=f"pxQualify was not there on {now - age:%Y-%m-%d}, so nobody is asked"
                )
        since = now - REMEMBERED_FOR
        reported_at = await self._unserved_addresses.last_reported(asked.key, since=since)
        if reported_at is not None and reported_at <= now:  # else the clock was set back
            span = model.format_duration(REMEMBERED_FOR)
            return ports.BackupOptions(
                why=f"the address is outside the area served, as Lumen said on"
                f" {reported_at:%Y-%m-%d}; it is asked again after {span}",
                note=NO_OFFERS_NOTE,
            )
        try:
            answer = await self._client.qualify(asked)
        except RetiredError as error:
            if self._retired_at is None:
                log.warning("pxQualify is retired or has moved", error=str(error))
            self._retired_at = self._clock.monotonic()
            raise
        self._retired_at = None
        if answer.outcome is Outcome.OUTSIDE:
            await self._unserved_addresses.record(asked.key, now, since=since)
        return backup_options(answer)


def backup_options(answer: Qualification) -> ports.BackupOptions:
    """Return what an answer means to somebody who needs a backup."""
    if answer.outcome is Outcome.NEAR_MATCHES:
        near = "; ".join(match.address for match in answer.near[:_NEAR])
        why = f"Lumen knows only similar addresses, like {near}: correct it in the inventory"
        return ports.BackupOptions(why=why)
    offers = tuple(f"{offer.name} {offer.price}".strip() for offer in answer.offers)
    return ports.BackupOptions(
        offers=offers, why="" if offers else answer.words, note=note_on(answer)
    )


def note_on(answer: Qualification) -> str:
    """Return what a person should know of an answer beside its words; empty for nothing."""
    if answer.outcome is Outcome.OFFERS:
        return OFFERS_NOTE
    is_unserved = answer.outcome in {Outcome.NO_OFFERS, Outcome.OUTSIDE}
    return NO_OFFERS_NOTE if is_unserved else ""
