"""How Watcher itself does: what it sees, what it cannot tell and why, who leads, what was spent.

`watcher status`, the board, the metrics and systemd's status line are said from here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from watcher import model, ports
from watcher.metrics import Metrics

_NOTHING = ports.Backlog()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverState:
    """How a receiver does; `owed_since` is the oldest entry that it could not be told.

    `permanent` says that it stays so until a person mends something.
    """

    failing_since: datetime | None = None
    error: str = ""
    permanent: bool = False
    owed: int = 0
    owed_since: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the last telling succeeded."""
        return self.failing_since is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A receiver by name, as all daemons together know it; `failing` as soon as one of them does.

    `owed` counts the incidents of which it has not been told everything.
    """

    name: str
    failing: bool
    failing_since: datetime | None
    error: str
    permanent: bool
    owed: int
    owed_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How an account does: the calls of a calendar month (UTC) that it has used of its budget.

    Without a budget (0) they are not counted. `trouble` is why its vendor is hardly asked now, as
    this daemon knows it.
    """

    account: str
    month: str
    calls: int
    calls_per_month: int
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How well the sources are seen, and how many incidents are not over."""

    sources: tuple[model.SourceHealth, ...] = ()
    open: int = 0
    acknowledged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything at one time. `refused` are the faults of rules that were not read again."""

    instance: str
    version: str
    since: datetime
    daemons: tuple[ports.Daemon, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    accounts: tuple[Usage, ...] = ()
    refused: tuple[str, ...] = ()
    sources: tuple[model.SourceHealth, ...] = ()
    open: int = 0
    acknowledged: int = 0


class StatusReporter:
    """Says how this daemon does, and what all of them have written down.

    A source that was not polled yet has no `last_success`. `seen` is what the daemon that leads
    has in memory, None on one that stands by. Set `refused` to the faults of rules that were not
    read again.
    """

    def __init__(
        self,
        *,
        instance: str,
        version: str,
        since: datetime,
        sources: Iterable[str],
        standing: ports.StatusReader,
        metrics: Metrics,
        seen: Callable[[], Seen | None],
        receivers: Callable[[], Mapping[str, ReceiverState]],
        usages: Callable[[], Awaitable[list[Usage]]],
    ) -> None:
        self.refused: tuple[str, ...] = ()
        self.instance = instance
        self._version = version
        self._since = since
        self._sources = tuple(sources)
        self._standing = standing
        self._metrics = metrics
        self._seen = seen
        self._receivers = receivers
        self._usages = usages

    def remember(self) -> Status:
        """Say what this process knows without asking the store."""
        return self._compose(self._seen() or Seen())

    async def read(self) -> Status:
        """Say everything. Raises TemporaryError when the store cannot be read."""
        known = self._compose(self._seen() or await self._written(), await self._standing.backlog())
        return replace(
            known,
            daemons=tuple(await self._standing.daemons()),
            accounts=tuple(await self._usages()),
        )

    async def exposition(self) -> bytes:
        """Bring the gauges of what is open, owed and spent up to date, and write all metrics."""
        with contextlib.suppress(model.TemporaryError):  # then as it was last read
            for usage in await self._usages():
                self._metrics.account_failing.labels(usage.account).set(bool(usage.trouble))
                if usage.calls_per_month:
                    self._metrics.calls.labels(usage.account).set(usage.calls)
        if (seen := self._seen()) is not None:
            self._metrics.incidents.labels(model.IncidentStatus.OPEN).set(seen.open)
            self._metrics.incidents.labels(model.IncidentStatus.ACKNOWLEDGED).set(seen.acknowledged)
        for name, one in self._receivers().items():
            since = one.owed_since.timestamp() if one.owed_since else 0
            self._metrics.pending_deliveries.labels(name).set(one.owed)
            self._metrics.oldest_pending_delivery.labels(name).set(since)
            self._metrics.receiver_failing.labels(name).set(not one.ok)
        return self._metrics.exposition()

    def in_one_line(self) -> str:
        """Write what `systemctl status` shows."""
        seen = self._seen()
        failing = [name for name, one in self._receivers().items() if not one.ok]
        told = f"cannot tell {', '.join(failing)}" if failing else "all receivers fine"
        if seen is None:
            return f"stands by: another daemon leads, {told}"
        visible = [
            health.sight is model.Visibility.SEEN and health.last_success is not None
            for health in self._configured(seen.sources)
        ]
        return (
            f"{sum(visible)} of {len(visible)} sources seen, {seen.open} incidents open,"
            f" {seen.acknowledged} acknowledged, {told}"
        )

    def _configured(self, known: Iterable[model.SourceHealth]) -> tuple[model.SourceHealth, ...]:
        """Take the sources in the order of the settings; one that was taken out is forgotten."""
        by_name = {health.source: health for health in known}
        return tuple(by_name.get(name, model.SourceHealth(source=name)) for name in self._sources)

    def _compose(self, seen: Seen, backlog: Mapping[str, ports.Backlog] | None = None) -> Status:
        return Status(
            instance=self.instance,
            version=self._version,
            since=self._since,
            receivers=tuple(
                _receiver(name, one, None if backlog is None else backlog.get(name, _NOTHING))
                for name, one in self._receivers().items()
            ),
            refused=self.refused,
            sources=self._configured(seen.sources),
            open=seen.open,
            acknowledged=seen.acknowledged,
        )

    async def _written(self) -> Seen:
        """Read what the daemon that leads last wrote."""
        counts = await self._standing.counts()
        return Seen(
            sources=tuple(await self._standing.sources()),
            open=counts.get(model.IncidentStatus.OPEN, 0),
            acknowledged=counts.get(model.IncidentStatus.ACKNOWLEDGED, 0),
        )


def _receiver(name: str, state: ReceiverState, backlog: ports.Backlog | None) -> Receiver:
    """Put together what this daemon has met with, and what is written down of all of them."""
    begun = [at for at in (state.failing_since, backlog and backlog.failing_since) if at]
    return Receiver(
        name=name,
        failing=bool(begun),
        failing_since=min(begun, default=None),
        error=state.error or (backlog.error if backlog else ""),
        permanent=state.permanent,
        owed=backlog.owed if backlog else state.owed,
        owed_since=backlog.oldest if backlog else state.owed_since,
    )
