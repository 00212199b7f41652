"""What the loops need of vendors: sources, diagnostics, backup options, bandwidth changes.

Every verb that asks a vendor raises TemporaryError or PermanentError.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from watcher import model
from watcher.ports.store import ReportFiles


class Source(Protocol):
    """One configured vendor feed."""

    name: str

    async def poll(self) -> model.Snapshot:
        """Fetch everything once."""

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Go on from the last state of these subjects; called before the first poll."""

    async def details(self, subject: str) -> model.Details:
        """Fetch the details of one subject, by its key."""

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Fetch the alarms that the vendor recorded of one subject."""


Submit = Callable[[model.Event], Awaitable[None]]


class DiagnosticsResult(Struct, frozen=True, kw_only=True):
    """What Service Diagnostics found for one service, parsed and checked."""

    status: model.DiagnosisStatus
    disposition: str = ""
    findings: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    message: str = ""
    report: model.Report | None = None
    report_files: ReportFiles


class DiagnosticsRunner(Protocol):
    """Runs the vendor's own triage for one service."""

    async def diagnose(self, *, run: str, service_id: str) -> DiagnosticsResult:
        """Run it once, without retries."""


class BackupOptions(Struct, frozen=True, kw_only=True):
    """What could be ordered at an address, each in words; `why` explains an empty list.

    `note` is what a person should know of such offers.
    """

    offers: tuple[str, ...] = ()
    why: str = ""
    note: str = ""


class BackupFinder(Protocol):
    """Finds out what could be ordered; never orders anything."""

    async def find(self, address: str) -> BackupOptions:
        """Return the options at one address."""


class Provision(Struct, frozen=True, kw_only=True):
    """A connection's bandwidth at the vendor; `mbps` is None where it is unknown."""

    mbps: float | None
    words: str = ""  # the vendor's own
    pending: bool = False  # a change of it is under way


class PlacedOrder(Struct, frozen=True, kw_only=True):
    """An order that the vendor accepted; its number and price, empty where it gives none."""

    number: str = ""
    price: str = ""


class BandwidthChanger(Protocol):
    """Reads the bandwidth of connections and orders changes of it.

    The vendor accepts `per_day` changes a day (UTC) from a `customer`.
    """

    customer: str
    per_day: int

    async def fetch(self, connection: str) -> Provision:
        """Fetch one connection, by the vendor's id."""

    async def order(
        self, connection: str, *, mbps: float, at_most: float, reference: str, words: str = ""
    ) -> PlacedOrder:
        """Order a bandwidth, once, and never above `at_most`; in the vendor's own words, if given.

        Raises AmbiguousError when nobody can tell whether it was ordered; after TemporaryError and
        PermanentError it was not.
        """
