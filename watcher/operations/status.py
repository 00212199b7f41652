"""The health of Watcher itself: sources, receivers, accounts, daemons, and which one leads.

`watcher status`, the board, the gauges of the metrics and systemd's status line come from here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from watcher import model, ports
from watcher.metrics import Metrics
from watcher.oncall.rota import OnCall
from watcher.operations.silences import describe_end
from watcher.operations.works import IMPACTS

_NO_BACKLOG = ports.Backlog()
_NAMED = 3  # people whose silences are counted together


class ReceiverState(Struct, frozen=True, kw_only=True):
    """A receiver's health in this daemon; `owed_since` is the time of the oldest pending entry.

    `permanent` means that it fails until a person fixes something. `waits_until` is the end of a
    pause that the receiver asked for.
    """

    failing_since: datetime | None = None
    error: str = ""
    permanent: bool = False
    owed: int = 0
    owed_since: datetime | None = None
    waits_until: datetime | None = None
    remarks: tuple[str, ...] = ()  # what does not arrive although deliveries succeed

    @property
    def ok(self) -> bool:
        """Whether the last delivery succeeded."""
        return self.failing_since is None


class Receiver(Struct, frozen=True, kw_only=True):
    """A receiver's health across all daemons: it is `failing` as soon as one of them fails.

    The field for pending deliveries counts incidents.
    """

    name: str
    failing: bool
    failing_since: datetime | None
    error: str
    permanent: bool
    owed: int
    owed_since: datetime | None
    waits_until: datetime | None = None
    remarks: tuple[str, ...] = ()


class Usage(Struct, frozen=True, kw_only=True):
    """The calls of an account in a calendar month (UTC), and its budget for the month.

    Without a budget (0) they are not counted. `trouble` is why this daemon hardly calls the vendor
    now, as while its circuit breaker is open.
    """

    account: str
    month: str
    calls: int
    calls_per_month: int
    trouble: str = ""


class OpenWindow(Struct, frozen=True, kw_only=True):
    """A maintenance window that is open now."""

    name: str
    until: datetime | None


class NamedWork(Struct, frozen=True, kw_only=True):
    """Planned works that name subjects of ours: the window that is open, or comes next.

    `impact` is the worst that is announced for one of them, `subjects` is how many they are.
    """

    key: str
    title: str
    begin: datetime
    end: datetime
    impact: model.WorkImpact
    subjects: int

    @property
    def excuses(self) -> bool:
        """Whether it can hold back anything."""
        return self.impact.rank >= model.WorkImpact.DEGRADED.rank

    def holds_back(self, now: datetime) -> bool:
        """Whether it can do so now."""
        return self.excuses and self.begin <= now < self.end


async def no_works() -> tuple[NamedWork, ...]:
    """Return no planned works."""
    return ()


class Overview(Struct, frozen=True, kw_only=True):
    """The health of the sources, how many incidents are open, and what is silenced."""

    sources: tuple[model.SourceHealth, ...] = ()
    open: int = 0
    acknowledged: int = 0
    silences: tuple[model.Silence, ...] = ()
    idle_rules: tuple[str, ...] = ()  # that match no subject
    circuits_asked: int = 0  # of planned works, that match nothing


class Database(Struct, frozen=True, kw_only=True):
    """Where the records are; `caution` is what a person must not do with it under its version."""

    name: str
    product: str
    caution: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """The whole status at one time.

    `refused` are the problems of rules that were not reloaded. `silences` includes later ones, and
    `windows` are those that are open, where nobody is notified. `clock_step` is of the last 24
    hours; `works` are under way or begin within a week.
    """

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
    database: Database | None = None
    silences: tuple[model.Silence, ...] = ()
    windows: tuple[OpenWindow, ...] = ()
    on_call: tuple[OnCall, ...] = ()
    clock_step: model.ClockStep | None = None
    works: tuple[NamedWork, ...] = ()
    idle_rules: tuple[str, ...] = ()
    drill_failure: str = ""  # why the last drill failed
    drill_state: model.DrillState = model.DrillState.NONE
    drill: model.DrillResult | None = None
    backup: model.Backup | None = None


class StatusReporter:
    """Reports the status from this daemon's memory, and from what all daemons have stored.

    `overview` is what the leader has in memory, None on a standby (set `standby`) and while it
    starts. `refused` and `clock_step` are set by who knows them.
    """

    def __init__(
        self,
        *,
        instance: str,
        version: str,
        since: datetime,
        sources: Iterable[str],
        reader: ports.StatusReader,
        metrics: Metrics,
        overview: Callable[[], Overview | None],
        receivers: Callable[[], Mapping[str, ReceiverState]],
        usages: Callable[[], Awaitable[list[Usage]]],
        now: Callable[[], datetime],
        database: Database | None = None,
        windows: Callable[[], tuple[OpenWindow, ...]] = tuple,
        on_call: Callable[[], tuple[OnCall, ...]] = tuple,
        works: Callable[[], Awaitable[tuple[NamedWork, ...]]] = no_works,
        drill_overdue_after: timedelta = timedelta(0),
    ) -> None:
        self.refused: tuple[str, ...] = ()
        self.standby = False
        self.clock_step: model.ClockStep | None = None
        self.instance = instance
        self.version = version
        self._since = since
        self._sources = tuple(sources)
        self._reader = reader
        self._metrics = metrics
        self._overview = overview
        self._receivers = receivers
        self._usages = usages
        self._database = database
        self._now = now
        self._windows = windows
        self._on_call = on_call
        self._works = works
        self._drill_overdue_after = drill_overdue_after
        self._last_works: tuple[NamedWork, ...] = ()
        self._last_checks = model.SelfChecks()

    def clock_stepped(self, by: timedelta) -> None:
        """Move since when this daemon runs: the clock was set."""
        self._since += by

    def from_memory(self) -> Status:
        """Return what this process knows without reading the store."""
        return self._compose(self._overview() or Overview())

    async def read(self) -> Status:
        """Return the whole status. Raises TemporaryError when the store cannot be read."""
        overview = self._overview() or await self._read_overview()
        self._last_works = await self._works()
        self._last_checks = await self._reader.self_checks()
        return replace(
            self._compose(overview, await self._reader.backlog()),
            daemons=tuple(await self._reader.daemons()),
            accounts=tuple(await self._usages()),
        )

    async def exposition(
        self, accepted: str, *, last_drill: datetime | None = None
    ) -> tuple[bytes, str]:
        """Update the gauges; return all metrics and their content type, one of the `accepted`."""
        await self.update_gauges()
        if last_drill is not None:
            self._metrics.last_drill.set(last_drill.timestamp())
        return self._metrics.negotiated(accepted)

    async def update_gauges(self) -> None:
        """Update the gauges of incidents, deliveries and budgets."""
        with contextlib.suppress(model.TemporaryError):  # then the last value stays
            self._update_self_checks(await self._reader.self_checks())
            for usage in await self._usages():
                self._metrics.account_failing.labels(usage.account).set(bool(usage.trouble))
                if usage.calls_per_month:
                    self._metrics.calls.labels(usage.account).set(usage.calls)
                    self._metrics.call_budget.labels(usage.account).set(usage.calls_per_month)
        if (overview := self._overview()) is not None:
            self._metrics.incidents.labels(model.IncidentStatus.OPEN).set(overview.open)
            acknowledged = self._metrics.incidents.labels(model.IncidentStatus.ACKNOWLEDGED)
            acknowledged.set(overview.acknowledged)
            self._metrics.circuits_asked.set(overview.circuits_asked)
        self._metrics.show_rotas(
            (rota.rota, not rota.person, bool(rota.trouble)) for rota in self._on_call()
        )
        for name, state in self._receivers().items():
            since = state.owed_since.timestamp() if state.owed_since else 0
            self._metrics.pending_deliveries.labels(name).set(state.owed)
            self._metrics.oldest_pending_delivery.labels(name).set(since)
            self._metrics.receiver_failing.labels(name).set(not state.ok)

    def _update_self_checks(self, checks: model.SelfChecks) -> None:
        if checks.backup:
            self._metrics.last_backup.set(checks.backup.at.timestamp())
        if checks.drill:
            for name in self._receivers():
                self._metrics.drill_failed.labels(name).set(name in checks.drill.late)

    def one_line(self) -> str:
        """Return the line that `systemctl status` shows."""
        overview = self._overview()
        failing = [name for name, state in self._receivers().items() if not state.ok]
        receivers_line = f"failing: {', '.join(failing)}" if failing else "all receivers healthy"
        if overview is None:
            state = "standby: another daemon is the leader" if self.standby else "starting"
            return f"{state}, {receivers_line}"
        visible = [
            health.sight is model.Visibility.SEEN and health.last_success is not None
            for health in self._configured(overview.sources)
        ]
        muted = "".join(
            f", {line}" for line in describe_muted(overview.silences, self._windows(), self._now())
        )
        return (
            f"{sum(visible)} of {len(visible)} sources up,"
            f" {model.format_count(overview.open, 'incident')} open,"
            f" {overview.acknowledged} acknowledged{muted}, {receivers_line}"
        )

    def _configured(self, current: Iterable[model.SourceHealth]) -> tuple[model.SourceHealth, ...]:
        """Return the sources in the order of the settings, without those that were removed."""
        by_name = {health.source: health for health in current}
        return tuple(by_name.get(name, model.SourceHealth(source=name)) for name in self._sources)

    def _compose(
        self, overview: Overview, backlog: Mapping[str, ports.Backlog] | None = None
    ) -> Status:
        checks = self._last_checks
        drill = checks.drill
        return Status(
            instance=self.instance,
            version=self.version,
            since=self._since,
            receivers=tuple(
                _receiver(name, state, None if backlog is None else backlog.get(name, _NO_BACKLOG))
                for name, state in self._receivers().items()
            ),
            refused=self.refused,
            clock_step=self.clock_step,
            sources=self._configured(overview.sources),
            open=overview.open,
            acknowledged=overview.acknowledged,
            database=self._database,
            silences=overview.silences,
            idle_rules=overview.idle_rules,
            windows=self._windows(),
            on_call=self._on_call(),
            works=self._last_works,
            drill_failure=drill.failure if drill else "",
            drill_state=checks.drill_state(self._now(), overdue_after=self._drill_overdue_after),
            drill=drill,
            backup=checks.backup,
        )

    async def _read_overview(self) -> Overview:
        """Read what the leader last stored."""
        counts = await self._reader.counts()
        return Overview(
            sources=tuple(await self._reader.sources()),
            open=counts.get(model.IncidentStatus.OPEN, 0),
            acknowledged=counts.get(model.IncidentStatus.ACKNOWLEDGED, 0),
            silences=tuple(await self._reader.silences(self._now())),
        )


def describe_muted(
    silences: Sequence[model.Silence], windows: Sequence[OpenWindow], now: datetime
) -> list[str]:
    """Return what holds notifications back now: `1 silence until 04:00 UTC by ann`."""
    active = [silence for silence in silences if silence.begin <= now]
    lines = []
    if active:
        last = max(active, key=lambda silence: (silence.end is None, silence.end or now))
        people = sorted({silence.by for silence in active})
        others = f" and {len(people) - _NAMED} more" if len(people) > _NAMED else ""
        noun = model.format_count(len(active), "silence")
        lines.append(f"{noun} {describe_end(last, now)} by {', '.join(people[:_NAMED])}{others}")
    for window in windows:
        at = model.format_time(window.until, now, seconds=False) if window.until else ""
        lines.append(f"maintenance {window.name}{f' until {at}' if at else ''}")
    return lines


def describe_works(works: Sequence[NamedWork], now: datetime) -> list[str]:
    """Return what planned works may hold back now: `planned works 123 of Lumen until 04:00 UTC`."""
    running = [work for work in works if work.holds_back(now)]
    lines = [
        f"planned works {work.title} until {model.format_time(work.end, now, seconds=False)}"
        for work in running[:_NAMED]
    ]
    more = len(running) - _NAMED
    return [*lines, f"{more} more planned works"] if more > 0 else lines


def describe_work(work: NamedWork, now: datetime) -> str:
    """Return works of ours in one line: `123 of Lumen under way until 04:00 UTC: 2 services`."""
    services = model.format_count(work.subjects, "service")
    impact = IMPACTS[work.impact]
    if work.begin <= now:
        until = model.format_time(work.end, now, seconds=False)
        return f"{work.title} under way until {until}: {impact} of {services}"
    begin = model.format_time(work.begin, now, seconds=False)
    lasts = model.format_duration(work.end - work.begin)
    return f"{work.title} from {begin} for {lasts}: {impact} of {services}"


def _receiver(name: str, state: ReceiverState, backlog: ports.Backlog | None) -> Receiver:
    """Combine what this daemon knows with what all daemons have stored."""
    starts = [at for at in (state.failing_since, backlog and backlog.failing_since) if at]
    return Receiver(
        name=name,
        failing=bool(starts),
        failing_since=min(starts, default=None),
        error=state.error or (backlog.error if backlog else ""),
        permanent=state.permanent,
        owed=backlog.owed if backlog else state.owed,
        owed_since=backlog.oldest if backlog else state.owed_since,
        waits_until=state.waits_until,
        remarks=state.remarks,
    )
