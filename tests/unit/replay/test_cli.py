"""`watcher replay` on a database that a real daemon has written."""

import hashlib

import pytest

from tests.unit.replay.installation import Installation
from watcher import cli


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


@pytest.fixture
def replay(installation, monkeypatch, capsys):
    monkeypatch.chdir(installation.directory)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["watcher", "replay", *arguments])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        printed = capsys.readouterr()
        return exited.value.code or 0, printed.out.splitlines(), printed.err

    return run


def outage(installation):
    return installation.run(
        (0, {"a": "online", "b": "online"}),
        (60, {"a": "offline"}),
        (300, "ack"),
        (600, {"a": "online", "b": "degraded"}),
        (900, {"b": "online"}),
    )


OVER = "recovered at 03:10:00 UTC after 9 min: online"
SINCE = ("--since", "2026-11-21T00:00Z")


def test_a_replay_lists_the_notifications_that_were_sent(installation, replay):
    bad, down = outage(installation)
    code, lines, _ = replay(*SINCE)
    assert code == 0
    assert lines[0].startswith("2026-11-21 03:00:00 to 2026-11-21 03:15:00 UTC (15 min), ")
    listed = [line.partition("  ")[2].partition(";")[0] for line in lines[1:-1]]
    assert listed == [
        f"critical  {down.id}  down  a is offline: offline since 03:01:00 UTC, was online",
        f"warning   {bad.id}  bad  b is degraded: degraded since 03:10:00 UTC, was online",
        f"critical  {down.id}  down  a is offline: {OVER}",
        f"warning   {bad.id}  bad  b is degraded: recovered at 03:15:00 UTC after 5 min: online",
    ]
    assert "2 incidents, 4 pages" in lines[-1]


def test_other_rules_are_compared_with_those_in_force(installation, replay):
    outage(installation)
    (installation.directory / "new.yaml").write_text(
        "rules:\n"
        "  - {name: down, source: vyvx, transition: {field: state, to: [offline]}, for: 5m}\n"
        "  - {name: any, source: vyvx, transition: {field: state, to: [degraded, offline]}}\n"
    )
    code, lines, _ = replay(*SINCE, "--rules", "new.yaml")
    assert code == 0
    names = [line.split("  ")[1].split(":")[0] for line in lines[1:-3]]
    assert names == [
        "gained",
        "later by 4 min 40 s",
        "gained",
        "lost",
    ]
    assert lines[-3] == "incidents: 2 gained, 1 lost, 1 later"


def test_a_restart_is_replayed(installation, replay):
    installation.run((0, {"a": "online"}), (60, {"a": "offline"}), (70, {}))
    (incident,) = installation.run((75, {}), (300, {}), (600, {"a": "online"}), (900, {}))
    _, lines, _ = replay(*SINCE)
    assert [incident.id in line for line in lines[1:-1]] == [True, True]
    assert incident.opened_at.isoformat() == "2026-11-21T03:01:20.300000+00:00"


def test_a_replay_changes_nothing(installation, replay):
    outage(installation)
    file = installation.directory / "watcher.db"
    before = hashlib.sha256(file.read_bytes()).digest()
    replay(*SINCE)
    assert hashlib.sha256(file.read_bytes()).digest() == before


def test_bad_rules_and_a_missing_database_are_reported_in_a_sentence(installation, replay):
    code, _, err = replay(*SINCE)
    assert (code, "does not exist" in err) == (1, True)
    outage(installation)
    (installation.directory / "new.yaml").write_text("rules: [{name: x}]")
    code, lines, err = replay(*SINCE, "--rules", "new.yaml")
    assert (code, lines, "new.yaml:1:" in err) == (2, [], True)
    code, _, err = replay("--since", "yesterday")
    assert (code, "neither a duration" in err) == (2, True)
