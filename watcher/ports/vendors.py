"""What the loops need of a source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watcher import model
from watcher.ports.store import ReportFiles


class Source(Protocol):
    """One configured vendor feed."""

    name: str

    async def poll(self) -> model.Snapshot:
        """Ask the vendor for everything once. Raises TemporaryError or PermanentError."""

    def resume(self, known: Iterable[model.Subject]) -> None:
        """Go on after what is known of these subjects; called before the first poll."""

    async def details(self, subject: str) -> model.Details:
        """Ask for one subject (its key) alone. Raises TemporaryError or PermanentError."""

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Ask what the vendor recorded of one subject. Raises TemporaryError or PermanentError."""


Submit = Callable[[model.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticsResult:
    """What Service Diagnostics said of one service, read and checked."""

    status: model.DiagnosisStatus
    disposition: str = ""
    findings: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    message: str = ""
    report: model.Report | None = None
    report_files: ReportFiles


class DiagnosticsRunner(Protocol):
    """Runs the vendor's own triage for one service."""

    async def examine(self, *, run: str, service_id: str) -> DiagnosticsResult:
        """Run it once, without retries. Raises TemporaryError or PermanentError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupOptions:
    """What could be ordered at an address, each in words; `why` says why nothing."""

    offers: tuple[str, ...] = ()
    why: str = ""


class UnservedAddresses(Protocol):
    """Remembers, across restarts, which addresses a vendor does not serve."""

    async def unserved(self, address: str, *, since: datetime) -> datetime | None:
        """Tell when the vendor said so, unless it never did `since` then."""

    async def keep_unserved(self, address: str, at: datetime, *, since: datetime) -> None:
        """Keep that the vendor said so; what it said before `since` is forgotten."""


class BackupFinder(Protocol):
    """Asks what could be ordered, and orders nothing."""

    async def qualify(self, address: str) -> BackupOptions:
        """Ask about one address. Raises TemporaryError or PermanentError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """What the vendor shows of a connection; `mbps` is None where it cannot be known."""

    mbps: float | None
    pending: bool = False  # a change of it is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """What the vendor took; its own number and price, empty where it gives none."""

    number: str = ""
    price: str = ""


class BandwidthChanger(Protocol):
    """Looks at connections and has their bandwidth changed; raises what the vendor's client does.

    The vendor takes `per_day` changes a day (UTC) of a `customer`.
    """

    customer: str
    per_day: int

    async def look(self, connection: str) -> Provision:
        """Read one connection, by the vendor's id. Raises TemporaryError or PermanentError."""

    async def order(
        self, connection: str, *, mbps: float, at_most: float, reference: str
    ) -> PlacedOrder:
        """Order a bandwidth, once, and never above `at_most`.

        Raises AmbiguousError when nobody can tell whether it was ordered; after TemporaryError and
        PermanentError it was not.
        """
