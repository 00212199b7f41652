"""Open incidents, receipts and the journal of a version whose incidents were about a rule."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.upgrade.write_database import opened_at
from tests.unit.replay.installation import START
from watcher import cli, model
from watcher.clock import SystemClock
from watcher.store import store

# What each incident was about, by the order of its opening.
BY_HAND, ACKNOWLEDGED, IMPAIRED, SOURCE, CLEARING, DEGRADED, OFFLINE = range(7)
MINUTE = timedelta(minutes=1)
RELOAD = (913, {}), (914, {})


def views(installation):
    """Return what is stored of all incidents, in the order of their opening."""

    async def read():
        async with opened_at(installation, 2_500) as opened:
            incidents = await opened.queries.incidents(limit=100)
            incidents.sort(key=lambda incident: (incident.opened_at, incident.id))
            return [await opened.queries.incident_view(incident.id) for incident in incidents]

    return asyncio.run(read())


def receipts(installation, incidents):
    async def read():
        async with opened_at(installation, 2_500) as opened:
            return [await opened.queries.receipts(incident) for incident in incidents]

    return asyncio.run(read())


def pending(installation, after):
    """Return the incidents that Slack is to be notified of, each with its place there."""

    async def claim():
        async with opened_at(installation, after) as opened:
            return await opened.outbox.claim(
                now=START + timedelta(seconds=after), receivers=["noc"], lease=MINUTE, limit=100
            )

    return {delivery.receipt.incident: delivery.receipt.handle for delivery in asyncio.run(claim())}


def last_text(view):
    return view.timeline[-1].text


def play_to_the_end(installation):
    """Bring every circuit back, the one with two threads by way of another bad state."""
    installation.run(
        *RELOAD,
        (920, {}),
        (926, {}),
        (941, {}),
        (1_000, {"2": "degraded"}),
        (1_030, {}),
        (1_100, {"1": "online"}),
        (1_161, {}),
        (1_200, {"2": "online", "6": "online offline"}),
        (1_261, {}),
        (1_300, {"3": "online", "4": "online", "6": "online"}),
        (2_000, {}),
    )
    return views(installation)


def test_the_rules_of_today_go_on_with_what_is_open_and_repeat_nothing(upgraded):
    before = views(upgraded)
    identities = [view.incident.id for view in before]
    sent = receipts(upgraded, identities)
    upgraded.run(*RELOAD)
    after = views(upgraded)
    assert [view.incident.id for view in after] == identities
    assert [view.timeline for view in after] == [view.timeline for view in before]
    assert [view.incident.status for view in after] == [view.incident.status for view in before]
    assert after[ACKNOWLEDGED].incident.acknowledged_by == "ana"
    assert receipts(upgraded, identities) == sent
    # The rules of today write whose side it is in another way, so two messages are edited.
    reworded = {view.incident.id for view in after if "Lumen side" in view.incident.title}
    assert set(pending(upgraded, 915)) == reworded
    assert len(reworded) == 2


def test_what_was_pending_fires_at_its_time_and_what_was_closed_by_hand_stays_closed(upgraded):
    upgraded.run(*RELOAD, (924, {}), (926, {}))
    *earlier, new = views(upgraded)
    assert len(earlier) == 7
    assert (new.incident.rule, new.incident.group) == ("vyvx-service-down", "vyvx/3")
    assert new.incident.opened_at == START + timedelta(seconds=925.3)
    assert new.incident.begin == START + timedelta(seconds=905)
    assert earlier[BY_HAND].incident.resolution is model.Resolution.MANUAL


def test_of_two_threads_about_one_fault_the_older_one_ends_without_good_news(upgraded):
    upgraded.run(*RELOAD, (941, {}))
    seen = views(upgraded)
    assert seen[DEGRADED].incident.resolution is model.Resolution.LAPSED
    assert last_text(seen[DEGRADED]).endswith("but offline: not recovered")
    assert seen[OFFLINE].incident.status is model.IncidentStatus.OPEN


def test_the_newer_of_two_threads_takes_the_next_alert_of_the_fault(upgraded):
    upgraded.run(*RELOAD, (941, {}), (1_000, {"2": "degraded"}), (1_030, {}))
    seen = views(upgraded)
    newer = seen[OFFLINE]
    assert len(seen) == 8  # with the one that was pending
    assert {alert.rule for alert in newer.alerts} == {"vyvx-service-down", "vyvx-service-degraded"}
    assert newer.timeline[-1].kind is model.EntryKind.BETTER
    assert newer.incident.status is model.IncidentStatus.OPEN


def test_each_of_them_ends_and_recovers_only_when_its_circuit_is_well(upgraded):
    seen = play_to_the_end(upgraded)
    assert [view.incident.status for view in seen] == [model.IncidentStatus.RESOLVED] * len(seen)
    assert [view.incident.resolution for view in seen] == [
        model.Resolution.MANUAL,
        *[model.Resolution.RECOVERED] * 4,
        model.Resolution.LAPSED,
        *[model.Resolution.RECOVERED] * 2,
    ]
    assert last_text(seen[ACKNOWLEDGED]) == "recovered at 03:18:20 UTC after 17 min: online"
    assert last_text(seen[OFFLINE]) == "recovered at 03:20:00 UTC after 5 min: online"
    endings = [entry for view in seen for entry in view.timeline if "recovered" in entry.text]
    assert [entry for entry in endings if "not recovered" in entry.text] == [
        seen[DEGRADED].timeline[-1]
    ]


def test_they_end_in_the_threads_that_they_were_opened_in(upgraded):
    before = [view.incident.id for view in views(upgraded)]
    handles = [receipt.handle for (receipt,) in receipts(upgraded, before)]
    play_to_the_end(upgraded)
    due = pending(upgraded, 2_100)
    assert len(due) == 7  # all but the one that was closed, and the one that was pending
    assert [due.get(identity, handles[0]) for identity in before] == handles


def test_a_fault_that_changes_its_face_while_two_threads_hold_leaves_neither_open(upgraded):
    """Impaired, and without the source's signal: then the picture is gone as well."""
    upgraded.run(
        *RELOAD,
        (930, {"6": "offline offline"}),
        (960, {}),
        (1_300, {"6": "online"}),
        (2_000, {}),
    )
    seen = views(upgraded)
    threads = [view for view in seen if view.incident.group == "vyvx/6"]
    assert [view.incident.id for view in threads] == [
        seen[IMPAIRED].incident.id,
        seen[SOURCE].incident.id,
    ]
    assert all(view.incident.status is model.IncidentStatus.RESOLVED for view in threads)
    recovered = [
        entry.at
        for view in threads
        for entry in view.timeline
        if entry.text.startswith("recovered")
    ]
    assert recovered
    assert min(recovered) >= START + timedelta(seconds=1_300)
    assert "vyvx-service-down" in {alert.rule for alert in seen[SOURCE].alerts}


@pytest.fixture
def replay(installation, monkeypatch, capsys):
    monkeypatch.chdir(installation.directory)

    async def migrate():
        async with store.open(installation.url, clock=SystemClock()):
            pass

    asyncio.run(migrate())  # a replay only reads: the first start of this version migrates

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["watcher", "replay", *arguments])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        assert not exited.value.code
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("since", ["2026-11-21T00:00Z", "2026-11-21T03:05Z"])
def test_a_replay_of_the_journal_shows_two_threads_that_are_one_now(replay, since):
    """From the first record, and from the checkpoint."""
    lines = replay("--since", since, "--rules", "today.yaml")
    merged = [line.partition("  ")[2] for line in lines if "merged (1 incident" in line]
    assert [line.partition(":")[0] for line in merged] == ["merged (1 incident instead of 2)"] * 2
    assert merged[1].endswith("vyvx-service  2 is offline: likely Lumen side  (vyvx/2, still open)")
    assert [line.split()[3] for line in lines if line.startswith("  was: ")] == [
        "vyvx-service-impaired",
        "vyvx-source-side",
        "vyvx-service-degraded",
        "vyvx-service-down",
    ]
    assert lines[-3].endswith(" same, 2 merged")
    assert lines[-2].startswith("current rules: ")
