"""The unit file is valid, hardened, and says what the documentation promises."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel, SecretStr

from tests.servers.programs import program
from watcher import cli, settings

REPO = Path(__file__).parents[3]
UNIT = REPO / "systemd" / "watcher.service"
README = (REPO / "systemd" / "README.md").read_text()
INSTALL = (REPO / "docs" / "install.md").read_text()
EXAMPLE = REPO / "config.example.toml"


@pytest.fixture
def analyze():
    """Run systemd-analyze; its exit code and everything that it said."""
    systemd_analyze = program("systemd-analyze", "systemd")

    def run(*arguments: str | Path) -> tuple[int, str]:
        ended = subprocess.run(
            [systemd_analyze, *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
        )
        return ended.returncode, ended.stdout + ended.stderr

    return run


def values(directive: str) -> list[str]:
    return re.findall(rf"^{directive}=(.*)$", UNIT.read_text(), re.MULTILINE)


def secret_keys(section: type[BaseModel], table: dict) -> Iterator[tuple[str, ...]]:
    """Name every secret of a section, with the names that the example gives to its tables."""
    for name, field in section.model_fields.items():
        inside = table.get(name, {})
        if field.annotation is SecretStr:
            yield (name,)
        for kind in sections_in(field.annotation):
            if typing.get_origin(field.annotation) is dict:
                for entry, keys in inside.items():
                    if keys["kind"] in typing.get_args(kind.model_fields["kind"].annotation):
                        yield from ((name, entry, *rest) for rest in secret_keys(kind, keys))
            else:
                yield from ((name, *rest) for rest in secret_keys(kind, {}))


def sections_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from sections_in(argument)


def credentials() -> list[str]:
    """Name the files of all secrets, as the settings read them."""
    example = tomllib.loads(EXAMPLE.read_text())
    return ["watcher_" + "__".join(keys) for keys in secret_keys(settings.Settings, example)]


def commands() -> list[list[str]]:
    """Split every command of the two pages' shell blocks into words, without sudo."""
    pages = re.sub(r" <<'END'\n.*?^END$", "", INSTALL + README, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"```sh\n(.*?)```", pages.replace("\\\n", ""), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]
    return [words[1:] if words[0] == "sudo" else words for words in lines]


@pytest.mark.systemd
def test_systemd_finds_no_fault_in_the_unit(analyze, tmp_path):
    installed = tmp_path / "watcher.service"
    # The real program is not installed where the tests run; any program that exists will do.
    installed.write_text(UNIT.read_text().replace("/opt/watcher/bin/watcher", sys.executable))
    assert analyze("verify", "--man=no", installed) == (0, "")


@pytest.mark.systemd
def test_a_broken_unit_would_be_found(analyze, tmp_path):
    broken = tmp_path / "watcher.service"
    broken.write_text(UNIT.read_text().replace("Type=notify", "Type=notifies"))
    assert analyze("verify", "--man=no", broken)[0] != 0


@pytest.mark.systemd
def test_the_exposure_is_at_most_two(analyze):
    code, output = analyze("security", "--offline=true", "--threshold=20", "--no-pager", UNIT)
    assert code == 0, output


def test_every_secret_of_the_settings_is_loaded_and_listed():
    expected = credentials()
    assert {"watcher_slack__bot_token", "watcher_accounts__vyvx__secret"} <= set(expected)
    assert set(expected) <= set(values("LoadCredential"))


def test_the_readme_lists_the_credentials_of_the_unit():
    assert re.findall(r"^\| `(watcher_\w+)` \|", INSTALL, re.MULTILINE) == values("LoadCredential")


def test_no_credential_names_a_path_so_that_none_is_required():
    assert all(re.fullmatch(r"watcher_[a-z0-9_]+", name) for name in values("LoadCredential"))


def test_the_settings_find_each_credential_among_other_files(tmp_path, monkeypatch):
    store = tmp_path / "credstore"
    (store / "folder").mkdir(parents=True)
    (store / "someone.else").write_text("another service")
    (store / "folder" / "nested").write_text("nested")
    (store / "watcher_slack__bot_token").write_text("xoxb-1\n")
    (store / "watcher_accounts__vyvx__secret").write_text("sign\n")
    (store / "watcher_store__url").write_text("sqlite:////var/lib/watcher/other.db\n")
    config = tmp_path / "config.toml"
    config.write_text(
        '[accounts.vyvx]\nkind = "mpa"\nkey_id = "k"\nsecret = ""\n'
        '[slack]\nbot_token = "overruled"\n[store]\nurl = "sqlite:///watcher.db"\n'
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(store))
    loaded = settings.load(config)
    assert loaded.slack.bot_token.get_secret_value() == "xoxb-1"
    assert loaded.accounts["vyvx"].secret.get_secret_value() == "sign"
    assert loaded.store.url == "sqlite:////var/lib/watcher/other.db"


def test_a_stop_leaves_the_daemon_its_time():
    (stop,) = values("TimeoutStopSec")
    assert int(stop) >= 30
    assert values("KillMode") == ["mixed"]
    assert values("NotifyAccess") == ["main"]


def test_the_alarm_of_a_lost_database_is_sent_once_over_all_restarts():
    assert values("RuntimeDirectoryPreserve") == ["restart"]


def test_the_clock_is_waited_for_and_its_target_pulled_in():
    for directive in ("Wants", "After"):
        assert any("time-sync.target" in value.split() for value in values(directive))


def test_what_only_a_person_can_fix_is_not_restarted_for_ever():
    assert values("RestartPreventExitStatus") == ["2 243"]


@pytest.mark.systemd
def test_systemd_finds_no_fault_in_the_drop_in_for_encrypted_secrets(analyze, tmp_path):
    installed = tmp_path / "watcher.service"
    installed.write_text(UNIT.read_text().replace("/opt/watcher/bin/watcher", sys.executable))
    folder = tmp_path / "watcher.service.d"
    folder.mkdir()
    shutil.copy(REPO / "systemd" / "encrypted.conf", folder)
    assert analyze("verify", "--man=no", installed) == (0, "")


def test_the_readme_names_only_files_of_this_repository():
    named = [
        word
        for words in commands()
        for word in words[1:]
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*\.(txt|toml|yaml|service)", word)
    ]
    assert {"constraints.txt", "systemd/watcher.service"} <= set(named)
    missing = [word for word in named if not list(REPO.glob(word))]
    assert missing == []


def test_the_readme_uses_only_verbs_and_options_that_exist():
    program = typer.main.get_command(cli.program)
    used = [words for words in commands() if "/opt/watcher/bin/watcher" in words]
    assert len(used) >= 3
    for words in [*used, values("ExecStart")[0].split()]:
        verb, *rest = words[words.index("/opt/watcher/bin/watcher") + 1 :]
        options = {option for p in program.commands[verb].params for option in p.opts}
        assert {word for word in rest if word.startswith("--")} <= options
