"""The command line as people and scripts use it: messages on stderr, exit codes, no traceback."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

from watcher import cli, settings, simulator

ROOT = Path(__file__).parents[2]

CONFIG = """
rules = ["rules.yaml"]

[sources.vyvx]
kind = "vyvx"
base_url = "http://127.0.0.1:9/vyvx/v1.0"

[receivers.mqtt]
kind = "mqtt"

[control]
socket = "c.sock"
"""

RULE = """
rules:
  - name: down
    source: vyvx
    transition: {field: state, to: [offline]}
"""


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "rules.yaml").write_text(RULE)
    return tmp_path


@pytest.fixture
def watcher(monkeypatch, capsys, home):
    """Run a command in `home`; return its exit code, stdout and stderr."""
    monkeypatch.chdir(home)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["watcher", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return left.value.code or 0, captured.out, captured.err

    return run


def test_a_good_configuration_is_counted_and_exits_with_0(watcher):
    code, out, err = watcher("check")
    first, *notes = out.splitlines()
    assert (code, first, err) == (0, "config.toml: valid: 1 source, 1 rule, 1 receiver", "")
    assert all(note.startswith("note: SQLite ") for note in notes)


def test_an_invalid_configuration_exits_with_2_and_one_line_for_each_problem(watcher, home):
    (home / "config.toml").write_text(CONFIG + '\n[mqtt]\nprot = "5"\nport = 99999999\n')
    code, out, err = watcher("check")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "config.toml:15: mqtt.prot: there is no such key; did you mean port?",
        "config.toml:16: mqtt.port: 99999999: expected at most 65535",
    ]


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_bad_rule_exits_with_2_before_anything_is_started(watcher, home, verb):
    (home / "rules.yaml").write_text(RULE.replace("field: state", "field: sate"))
    code, _, err = watcher(verb)
    assert code == 2
    (line,) = err.splitlines()
    assert "rules.yaml:5" in line
    assert "did you mean" in line
    assert not (home / "watcher.db").exists()


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "rules.yaml: is empty"),
        ("# rules:\n", "rules.yaml: holds nothing; expected rules, maintenance, rotas or"),
        ("rules: []\n", "rules.yaml:1:8: rules: there is no rule in any rule file"),
    ],
)
def test_nothing_to_watch_for_exits_with_2(watcher, home, verb, text, problem):
    (home / "rules.yaml").write_text(text)
    code, _, err = watcher(verb)
    assert code == 2
    (line,) = err.splitlines()
    assert problem in line
    assert not (home / "watcher.db").exists()


def test_a_bad_inventory_exits_with_2(watcher, home):
    (home / "config.toml").write_text('inventory = "inventory.yaml"\n' + CONFIG)
    (home / "inventory.yaml").write_text("subjects:\n  vyvx/1: {service_id: [SVC1]}\n")
    code, _, err = watcher("check")
    assert code == 2
    assert "inventory.yaml:2" in err


def test_a_missing_configuration_says_how_to_start(watcher):
    code, _, err = watcher("run", "--config", "none.toml")
    assert code == 2
    assert err == "none.toml: there is no such file; `watcher init` writes one\n"


def test_a_command_that_does_not_exist_is_a_usage_error(watcher):
    assert watcher("wacth")[0] == 2


@pytest.mark.parametrize(
    "verb", [("status",), ("incidents",), ("ack", "w-1"), ("resolve", "w-1"), ("drill",)]
)
def test_without_a_daemon_a_command_says_so_and_exits_with_1(watcher, home, verb):
    code, out, err = watcher(*verb)
    assert (code, out) == (1, "")
    assert err.startswith(f"no daemon listens on {home}/c.sock: is it running?")


def test_a_drill_within_an_invalid_duration_is_a_usage_error(watcher):
    code, _, err = watcher("drill", "--within", "soon")
    assert code == 2
    assert "is not a duration" in err


def test_a_diagnosis_without_its_section_is_an_invalid_configuration(watcher):
    code, _, err = watcher("diagnose", "SVC1")
    assert code == 2
    assert "there is no [diagnostics] section" in err


def test_a_backup_without_a_database_is_a_finding(watcher, home):
    code, out, err = watcher("backup", "copy.db")
    assert (code, out) == (1, "")
    assert err == f"database {home}/watcher.db does not exist: check url in [store]\n"


def test_a_database_server_is_not_backed_up_but_the_command_to_run_is_printed(watcher, home):
    (home / "config.toml").write_text(CONFIG + '\n[store]\nurl = "postgresql://w:secret@db/w"\n')
    code, out, err = watcher("backup", "copy.db")
    assert (code, out) == (2, "")
    assert "run pg_dump --format=custom --file=copy.db DATABASE" in err
    assert "secret" not in err


@pytest.mark.parametrize("what", ["config", "mqtt"])
def test_a_printed_schema_is_a_json_schema(watcher, what):
    code, out, _ = watcher("schema", what)
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_the_example_configuration_loads_and_fits_its_schema(watcher, monkeypatch):
    monkeypatch.chdir(ROOT)
    loaded = settings.load(ROOT / "config.example.toml")
    assert set(loaded.sources) == {"vyvx", "evpl", "iod"}
    _, out, _ = watcher("schema", "config")
    table = msgspec.toml.decode((ROOT / "config.example.toml").read_bytes())
    jsonschema.validate(table, json.loads(out))


def test_the_untouched_example_does_not_pass_its_check(watcher, tmp_path):
    shutil.copy(ROOT / "config.example.toml", tmp_path / "config.toml")
    shutil.copy(ROOT / "inventory.example.yaml", tmp_path / "inventory.yaml")
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    code, out, err = watcher("check")
    assert code == 1
    assert ": valid: " in out
    for key in (
        "accounts.vyvx.key_id: is empty",
        "receivers.noc.channel: is still an example",
        "receivers.bridge.url: is still an example",
        "slack.bot_token: is still an example",
        "inventory.yaml:11: is still an example",
    ):
        assert key in err
    lines = (ROOT / "config.example.toml").read_text().splitlines()
    for problem in err.splitlines():
        file, line, *rest = problem.split(":")
        if file.endswith(".toml"):
            assert lines[int(line) - 1].startswith(rest[0].rpartition(".")[2].strip())


@pytest.fixture
def connected(home):
    """A configuration whose addresses are a simulator's."""

    def write(world: simulator.Simulator, **changes: str) -> None:
        credentials = world.credentials
        (home / "config.toml").write_text(f"""
rules = ["rules.yaml"]

[accounts.vyvx]
kind = "mpa"
key_id = "{credentials.vyvx_key_id}"
secret = "{changes.get("vyvx_secret", credentials.vyvx_secret)}"

[accounts.lumen]
kind = "oauth2"
token_url = "{world.lumen_token_url}"
client_id = "{credentials.lumen_client_id}"
client_secret = "{credentials.lumen_client_secret}"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "{world.vyvx_url}"

[diagnostics]
account = "lumen"
base_url = "{world.lumen_url}"

[receivers.noc]
kind = "slack"
channel = "{credentials.slack_channel}"

[slack]
bot_token = "{credentials.slack_bot_token}"
api_url = "{world.slack_api_url}"
""")

    return write


async def run_beside(*arguments: str, home: Path) -> tuple[int, str, str]:
    """Run a command as a process, because the simulator needs the loop of this one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watcher",
        *arguments,
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert b"Traceback" not in err, err.decode()
    return process.returncode, out.decode(), err.decode()


async def test_connecting_says_what_works_and_runs_no_diagnosis(connected, home):
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as world:
        connected(world)
        code, out, _ = await run_beside("check", "--connect", home=home)
        assert code == 0, out
        assert "ok    sources.vyvx: sees 3 subjects" in out
        assert "ok    receivers.noc: posts to C0123456789 as " in out
        assert "lumen.diagnostics" not in world.world.calls


async def test_connecting_says_what_is_wrong_and_exits_with_1(connected, home):
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as world:
        connected(world, vyvx_secret="wrong-secret")
        code, out, err = await run_beside("check", "--connect", home=home)
    assert code == 1
    assert "FAIL  sources.vyvx: " in out
    assert "check key_id and secret of [accounts.vyvx]" in out
    assert "wrong-secret" not in out + err


async def test_a_manual_diagnosis_prints_its_findings_and_keeps_the_pdf(connected, home):
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as world:
        connected(world)
        code, out, err = await run_beside("diagnose", "SVC1", "--output", "report.pdf", home=home)
        assert (code, err) == (0, ""), out
        assert out.startswith("SVC1: No trouble found")
        assert (home / "report.pdf").read_bytes() == world.world.runs[-1].pdf
        code, _, err = await run_beside("diagnose", "SVC1", "--output", "gone/x", home=home)
        assert (code, err) == (1, "gone/x cannot be written: No such file or directory\n")


async def test_an_unknown_service_is_reported_in_one_line(connected, home):
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as world:
        connected(world)
        code, _, err = await run_beside("diagnose", "SVC404", home=home)
    assert code == 1
    assert "404" in err
    assert len(err.splitlines()) == 1
