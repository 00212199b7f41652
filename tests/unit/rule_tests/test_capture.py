"""`watcher capture`: a real incident becomes a test that passes."""

from datetime import timedelta

import pytest
import yaml

from tests.unit.replay.installation import START, Installation
from watcher import cli, model


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


@pytest.fixture
def watcher(installation, monkeypatch, capsys):
    monkeypatch.chdir(installation.directory)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["watcher", *arguments])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        printed = capsys.readouterr()
        return exited.value.code or 0, printed.out, printed.err

    return run


def details(key, **labels):
    window = model.Window(start=START - timedelta(hours=1), end=START + timedelta(hours=1))
    return model.DetailsRead(
        subject=key,
        details=model.Details(
            labels=labels, bookings=(model.Booking(id="9", scheduled=window, actual=window),)
        ),
    )


HISTORIES = {
    "an outage": [
        (0, {"a": "online", "b": "online"}),
        (60.7, {"a": "offline"}),
        (61.1, details("vyvx/a", name="Cup final")),
        (300, "ack"),
        (600, {"a": "online"}),
        (900, {"b": "online"}),
    ],
    "polls that fail meanwhile": [
        (0, {"a": "online"}),
        (60, {"a": "offline"}),
        (200, model.PollFailed(source="vyvx", error="timed out")),
        (500, {}),
        (900, {"a": "online"}),
        (1200, {}),
    ],
    "ended by hand": [
        (0, {"a": "online"}),
        (60, {"a": "offline"}),
        (300, "resolve"),
        (900, {"a": "online"}),
    ],
    "still open": [(0, {"a": "online"}), (60, {"a": "offline"}), (500, {"a": "degraded"})],
}


@pytest.mark.parametrize("events", HISTORIES.values(), ids=HISTORIES)
def test_a_captured_incident_is_a_test_that_passes(installation, watcher, events):
    incident = installation.run(*events)[-1]
    assert watcher("capture", incident.id, "--output", "captured.yaml")[0] == 0
    assert watcher("test", "captured.yaml") == (0, "1 passed, 0 failed\n", "")
    written = yaml.safe_load((installation.directory / "captured.yaml").read_text())["tests"][0]
    shown = [
        (incident["rule"], incident["title"]) for incident in written["expect"][-1]["incidents"]
    ]
    assert (incident.rule, incident.title) in shown


def test_an_incident_with_two_faces_of_a_fault_is_captured_with_one_circuit(installation, watcher):
    file = installation.directory / "rules.yaml"
    of_one_fault = file.read_text().replace("source: vyvx\n", "source: vyvx\n    fault: a\n")
    file.write_text(of_one_fault.replace("from: [online], ", ""))
    (incident,) = installation.run(
        (0, {"a": "online"}),
        (60, {"a": "degraded"}),
        (60.4, details("vyvx/a", name="Cup final")),
        (200, {"a": "offline"}),
        (240, {}),
        (250, "ack"),
        (300, {"a": "online"}),
        (900, {}),
    )
    assert watcher("capture", incident.id, "--output", "captured.yaml")[0] == 0
    assert watcher("test", "captured.yaml") == (0, "1 passed, 0 failed\n", "")
    (test,) = yaml.safe_load((installation.directory / "captured.yaml").read_text())["tests"]
    (shown,) = test["expect"][-1]["incidents"]
    assert (shown["rule"], shown["subjects"]) == ("bad", ["vyvx/a"])
    assert [text.partition(" since")[0] for text in test["expect"][-1]["told"][:2]] == [
        "degraded",
        "worse: offline",
    ]
    assert list(test["subjects"]) == ["vyvx/a"]


def test_a_captured_test_notices_when_the_rule_changes(installation, watcher):
    (incident,) = installation.run(*HISTORIES["an outage"])
    watcher("capture", incident.id, "-o", "captured.yaml")
    file = installation.directory / "rules.yaml"
    file.write_text(file.read_text().replace("for: 20s", "for: 40s"))
    code, out, _ = watcher("test", "captured.yaml")
    assert code == 1
    assert "opened: expected 1m20s, is 1m40s" in out


def test_without_a_file_the_test_is_printed(installation, watcher):
    (incident,) = installation.run(*HISTORIES["an outage"])
    code, out, _ = watcher("capture", incident.id[2:6])  # its first letters
    assert code == 0
    (test,) = yaml.safe_load(out)["tests"]
    assert test["subjects"]["vyvx/a"]["series"]["state"] == "online*60 offline*540 online"
    assert test["subjects"]["vyvx/a"]["details"]["labels"] == {"name": "Cup final"}


def test_an_incident_in_planned_works_is_captured_with_their_notice(installation, watcher):
    file = installation.directory / "inventory.yaml"
    file.write_text("subjects:\n  vyvx/a: {circuit_ids: [C-1], provider: lumen}\n")
    config = installation.config
    config.write_text('inventory = "inventory.yaml"\n' + config.read_text())
    read = model.Notice(
        provider="lumen",
        id="CHG-1",
        status=model.WorkStatus.CONFIRMED,
        windows=(model.WorkWindow(begin=START, end=START + timedelta(hours=1)),),
        circuits=(
            model.AffectedCircuit(id="C-1", impact=model.WorkImpact.OUTAGE),
            model.AffectedCircuit(id="C-9", impact=model.WorkImpact.OUTAGE),
        ),
        received_at=START - timedelta(days=1),
    )
    incidents = installation.run(
        (0, {"a": "online"}),
        (5, model.NoticeRead(notice=read)),
        (300, {"a": "offline"}),
        (900, {"a": "online"}),
        (1200, {}),
    )
    (incident,) = [incident for incident in incidents if incident.rule == "down"]
    assert incident.planned is not None
    assert watcher("capture", incident.id, "--output", "captured.yaml")[0] == 0
    (test,) = yaml.safe_load((installation.directory / "captured.yaml").read_text())["tests"]
    (notice,) = test["notices"]
    assert (notice["id"], notice["circuits"], notice["impact"]) == ("CHG-1", ["C-1"], "outage")
    assert watcher("test", "captured.yaml") == (0, "1 passed, 0 failed\n", "")


def test_what_cannot_be_captured_is_reported_in_a_sentence(installation, watcher):
    (incident,) = installation.run(*HISTORIES["an outage"])
    assert watcher("capture", "w-nobody") == (
        1,
        "",
        "there is no incident w-nobody; see `watcher incidents --all` or the board\n",
    )
    file = installation.directory / "rules.yaml"
    rules = file.read_text()
    file.write_text(rules.replace("for: 20s", "for: 10m"))
    code, out, err = watcher("capture", incident.id)
    assert (code, out, "cannot be reproduced" in err) == (1, "", True)
    file.write_text(rules.replace("name: down", "name: up"))
    code, out, err = watcher("capture", incident.id)
    assert (code, out, "cannot be captured" in err) == (1, "", True)


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(installation, watcher):
    (incident,) = installation.run(*HISTORIES["an outage"])
    assert watcher("capture", incident.id, "--output", "captured.yaml")[0] == 0
    refusal = (1, "", "gone/x cannot be written: No such file or directory\n")
    assert watcher("capture", incident.id, "--output", "gone/x") == refusal
    assert watcher("test", "captured.yaml", "--junit", "gone/x") == refusal


def test_an_incident_learned_late_is_not_captured_from_polls(installation, watcher):
    alarm = model.AlarmRecord(
        state="offline", start=START + timedelta(seconds=70), end=START + timedelta(seconds=95)
    )
    read = model.HistoryRead(
        subject="vyvx/a", start=START, end=START + timedelta(seconds=600), alarms=(alarm,)
    )
    (incident,) = installation.run((0, {"a": "online"}), (61, details("vyvx/a")), (600, read))
    code, out, err = watcher("capture", incident.id)
    assert (code, out, "`history`" in err) == (1, "", True)


def test_works_that_could_not_be_seen_are_not_captured_and_the_reason_is_said(
    installation, watcher
):
    rules = installation.directory / "rules.yaml"
    installation.config.write_text(installation.config.read_text() + "[works]\ndirectory = 'w'\n")
    rules.write_text(rules.read_text() + "  - {name: no-mail, source: works, blind: 1m}\n")
    refused = model.PollFailed(source="works", error="login refused", permanent=True)
    [incident] = installation.run((0, refused), (90, refused))
    code, _, errors = watcher("capture", incident.id)
    assert code == 1
    assert "works has no subjects, and a rule test is about subjects" in errors
