"""What a daemon says of itself: from its memory, and from what all daemons have written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from watcher import model, ports
from watcher.cli import status as cli
from watcher.metrics import Metrics
from watcher.oncall.rota import OnCall
from watcher.operations import status

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
BLIND = model.SourceHealth(source="vyvx", sight=model.Visibility.BLIND, error="no answer in 30 s")
FAILS = status.ReceiverState(failing_since=NOW, error="channel_not_found", permanent=True)


SILENCE = model.Silence(
    id="s-1",
    matchers=(model.Matcher(name="subject", value="*"),),
    begin=NOW,
    end=NOW + timedelta(hours=1),
    by="ann",
)


class InMemoryReader:
    """What is written down, in memory; `broken` makes every read fail."""

    def __init__(self, *, pending: ports.Backlog | None = None) -> None:
        self.broken = False
        self.pending = pending
        self.checks = model.SelfChecks()

    async def silences(self, now):
        return [SILENCE]

    async def daemons(self):
        if self.broken:
            raise model.TemporaryError("database watcher.db is locked")
        return [ports.Daemon(instance="ops1", since=NOW, leads=True)]

    async def sources(self):
        return [BLIND]

    async def counts(self):
        return {model.IncidentStatus.ACKNOWLEDGED: 3}

    async def self_checks(self):
        return self.checks

    async def backlog(self):
        return {"noc": self.pending} if self.pending else {}


def reporter(
    reader: InMemoryReader | None = None,
    *,
    seen: status.Overview | None = None,
    noc: status.ReceiverState = status.ReceiverState(),  # noqa: B008  # frozen
    windows: tuple[status.OpenWindow, ...] = (),
    metrics: Metrics | None = None,
    on_call: Sequence[OnCall] = (),
) -> status.StatusReporter:
    async def usages():
        return [status.Usage(account="orange", month="2026-11", calls=5, calls_per_month=7)]

    return status.StatusReporter(
        instance="ops2",
        version="1",
        since=NOW,
        sources=["vyvx"],
        reader=reader or InMemoryReader(),
        metrics=metrics or Metrics(version="1", sources=["vyvx"], receivers=["noc"]),
        overview=lambda: seen,
        on_call=lambda: tuple(on_call),
        receivers=lambda: {"noc": noc},
        usages=usages,
        now=lambda: NOW,
        windows=lambda: windows,
    )


async def test_who_stands_by_says_what_the_leader_wrote_down():
    current = await reporter().read()
    assert (current.sources, current.open, current.acknowledged) == ((BLIND,), 0, 3)
    assert [daemon.instance for daemon in current.daemons] == ["ops1"]


async def test_who_leads_says_what_it_has_in_memory():
    fine = model.SourceHealth(source="vyvx")
    current = await reporter(seen=status.Overview(sources=(fine,), open=2)).read()
    assert (current.sources, current.open, current.acknowledged) == ((fine,), 2, 0)


async def test_a_receiver_fails_as_soon_as_any_daemon_cannot_notify_it():
    earlier = NOW - timedelta(minutes=14)
    pending = ports.Backlog(
        owed=4, oldest=earlier, failing_since=earlier, error="Slack answered 503"
    )
    (noc,) = (await reporter(InMemoryReader(pending=pending)).read()).receivers
    assert (noc.failing, noc.failing_since) == (True, earlier)
    assert (noc.owed, noc.error) == (4, "Slack answered 503")


async def test_a_fault_that_a_person_has_to_fix_is_shown_although_nothing_is_pending():
    (noc,) = (await reporter(noc=FAILS).read()).receivers
    assert (noc.failing, noc.permanent, noc.error) == (True, True, "channel_not_found")
    assert noc.owed == 0


async def test_without_the_store_the_rest_is_remembered():
    reader = InMemoryReader()
    reader.broken = True
    broken = reporter(reader, seen=status.Overview(sources=(BLIND,), open=1), noc=FAILS)
    with pytest.raises(model.TemporaryError):
        await broken.read()
    current = broken.from_memory()
    assert (current.sources, current.open) == ((BLIND,), 1)
    assert current.receivers[0].error == "channel_not_found"


async def test_circuits_that_people_were_asked_about_are_counted_in_the_metrics():
    seen = reporter(seen=status.Overview(circuits_asked=3))
    seen._metrics.count_notice("rejected")
    text = (await seen.exposition(""))[0].decode()
    assert "watcher_works_circuits_asked 3.0" in text
    assert 'watcher_works_notices_total{outcome="rejected"} 1.0' in text
    assert 'watcher_works_notices_total{outcome="read"} 0.0' in text


async def test_the_metrics_are_brought_up_to_date_when_they_are_read():
    text = (await reporter(seen=status.Overview(open=2), noc=FAILS).exposition(""))[0].decode()
    assert 'watcher_incidents{status="open"} 2.0' in text
    assert 'watcher_delivery_failing{receiver="noc"} 1.0' in text
    assert 'watcher_account_calls{account="orange"} 5.0' in text


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (None, "starting, failing: noc"),
        (
            status.Overview(sources=(BLIND,), open=2, acknowledged=1),
            "0 of 1 sources up, 2 incidents open, 1 acknowledged, failing: noc",
        ),
    ],
)
def test_it_is_said_one_line(seen, line):
    assert reporter(seen=seen, noc=FAILS).one_line() == line


def test_a_daemon_that_starts_does_not_say_that_another_one_leads():
    starting = reporter(seen=None)
    assert starting.one_line().startswith("starting, ")
    starting.standby = True
    assert starting.one_line().startswith("standby: another daemon is the leader")


async def test_silences_and_open_windows_are_part_of_the_status_and_of_systemds_line():
    window = status.OpenWindow(name="weekly", until=NOW)
    seen = status.Overview(silences=(SILENCE,))
    leading = reporter(seen=seen, windows=(window,))
    current = await leading.read()
    assert (current.silences, current.windows) == ((SILENCE,), (window,))
    assert ", 1 silence until " in leading.one_line()
    assert "by ann, maintenance weekly until " in leading.one_line()
    assert (await reporter().read()).silences == (SILENCE,)  # what a standby reads


async def test_what_a_receiver_cannot_deliver_stands_below_it_although_it_is_healthy():
    remark = "MQTT broker b:1883 refuses watcher/sources/vyvx"
    read = await reporter(noc=status.ReceiverState(remarks=(remark,))).read()
    [receiver] = read.receivers
    assert not receiver.failing
    assert receiver.remarks == (remark,)
    (row,) = cli._receivers({"receivers": [msgspec.to_builtins(receiver)]}, NOW)
    assert row[1][0] == "healthy"
    assert row[-1] == remark


async def test_a_rota_that_was_removed_leaves_the_metrics():
    metrics = Metrics(version="1", sources=["vyvx"], receivers=["noc"])
    rotas = [OnCall(rota="noc", person="ann"), OnCall(rota="video", trouble="unreadable")]
    reporting = reporter(metrics=metrics, on_call=rotas)
    await reporting.update_gauges()
    assert gaps(metrics) == {"noc": (0, 0), "video": (1, 1)}
    del rotas[1]
    await reporting.update_gauges()
    assert gaps(metrics) == {"noc": (0, 0)}


def gaps(metrics: Metrics) -> dict[str, tuple[float, float]]:
    """Return of each rota whether nobody has it, and whether its calendar cannot be read."""
    shown = [
        {sample.labels["rota"]: sample.value for sample in family.samples}
        for gauge in (metrics.oncall_gap, metrics.oncall_calendar_failing)
        for family in gauge.collect()
    ]
    return {rota: (shown[0][rota], shown[1][rota]) for rota in shown[0]}
