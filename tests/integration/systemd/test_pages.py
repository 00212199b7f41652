"""The commands of the install, upgrade and restore pages, run in a scratch root.

`sudo` runs a command as it is, systemd and pip are stubs, and absolute paths lie below the scratch
root. The shell of the person does not expand globs, as it could not where only root may look.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from watcher import simulator
from watcher.store.dialects import sqlite

REPO = Path(__file__).parents[3]
README = REPO / "systemd" / "README.md"
INSTALL = REPO / "docs" / "install.md"
BACKUP = REPO / "docs" / "howto" / "backup-and-restore.md"
UPGRADE = REPO / "docs" / "howto" / "upgrade.md"
PLACES = ("/opt", "/etc", "/var")
# They need a running systemd, a person, or the network.
STUBS = (
    "systemctl",
    "journalctl",
    "sudoedit",
    "apt",
    "git",
    "systemd-creds",
    "groupadd",
    "usermod",
)


def section(page: Path, title: str) -> str:
    (text,) = re.findall(
        rf"^## {title}\n(.*?)(?=^## |\Z)", page.read_text(), re.DOTALL | re.MULTILINE
    )
    return text


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


class Host:
    """A root of its own, with what the pages take for granted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (
            "bin",
            "opt",
            "etc/systemd/system",
            "etc/cron.d",
            "var/lib/private",
            "var/backups",
        ):
            (root / folder).mkdir(parents=True)
        for name in STUBS:
            self.program(name, "exit 0")
        self.program("sudo", 'exec "$@"')
        self.program("systemctl", self.script_of_systemctl())
        self.program("systemd-creds", 'for last; do :; done; cat > "$last"')

    def script_of_systemctl(self) -> str:
        state = self.root / "var/lib/private/watcher"
        return f'case "$*" in "clean --what=state watcher") rm -rf {state};; esac'

    def program(self, name: str, script: str) -> None:
        file = self.root / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def install(self) -> None:
        """Stand in for `python3 -m venv` and pip: this Watcher, with a database of its own."""
        folder = self.root / "opt" / "watcher" / "bin"
        folder.mkdir(parents=True)
        watcher = folder / "watcher"
        watcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m watcher "$@"\n')
        watcher.chmod(0o755)
        (folder / "python").write_text("#!/bin/sh\n")
        (folder / "python").chmod(0o755)

    def run(self, script: str, *, noglob: bool = True) -> str:
        for place in PLACES:
            script = re.sub(rf"(?<![\w/.]){place}(?=/)", f"{self.root}{place}", script)
        shell = ["sh", "-e", *(["-f"] if noglob else []), "-c", script]
        done = subprocess.run(
            shell,
            cwd=REPO,
            env={**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"},
            input="secret\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def named_watcher(self) -> set[str]:
        """What is left of Watcher, outside the stubs."""
        every = (str(path.relative_to(self.root)) for path in self.root.rglob("*"))
        return {path for path in every if "watcher" in path and not path.startswith("bin/")}


@pytest.fixture
def host(tmp_path) -> Host:
    (tmp_path / "root").mkdir()
    return Host(tmp_path / "root")


@pytest.fixture
def installed(host) -> Host:
    """A host after the page's own commands, up to the start."""
    host.install()
    for block in blocks(section(INSTALL, "Configuration")):
        host.run(block)
    host.run("\n".join(blocks(section(INSTALL, "The unit"))[0].splitlines()[:2]))
    for block in blocks(section(INSTALL, "Secrets")):
        host.run(block)
    config = host.root / "etc/watcher/config.toml"
    state = host.root / "var/lib/private/watcher"
    state.mkdir()
    config.write_text(f'[store]\nurl = "sqlite:///{state}/watcher.db"\n')
    return host


def make_database(host: Host, mark: str) -> None:
    """Write what a daemon may have left."""
    file = host.root / "var/lib/private/watcher/watcher.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.execute("CREATE TABLE IF NOT EXISTS marks (mark TEXT)")
        connection.execute("INSERT INTO marks VALUES (?)", (mark,))
    connection.close()


def marks(file: Path) -> list[str]:
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        return [mark for (mark,) in connection.execute("SELECT mark FROM marks")]
    finally:
        connection.close()


def test_uninstalling_leaves_nothing_and_above_all_no_secret(installed):
    make_database(installed, "one")
    cron = section(README, "Drill")
    installed.run(next(block for block in blocks(cron) if "cron.d" in block))
    installed.run(next(block for block in blocks(BACKUP.read_text()) if "cron.d" in block))
    drop_in = installed.root / "etc/systemd/system/watcher.service.d/override.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\n")
    secrets = {path for path in installed.named_watcher() if "credstore" in path}
    assert {Path(path).parent.name for path in secrets} == {"credstore", "credstore.encrypted"}
    *uninstall, left = blocks(section(README, "Uninstall"))[0].strip().splitlines()
    installed.run("\n".join(uninstall))
    assert installed.named_watcher() == set()
    assert "ls -d" in left


def test_what_uninstalling_leaves_to_a_person_is_listed(installed):
    backups = installed.root / "var/backups/watcher"
    copies = installed.root / "var/lib/private/watcher.before"
    backups.mkdir()
    copies.mkdir()
    commands = blocks(section(README, "Uninstall"))[0].strip().splitlines()
    installed.run("\n".join(commands[:-1]))
    shown = installed.run(f"{commands[-1]} || true")
    assert str(backups) in shown
    assert str(copies) in shown


def test_no_command_of_the_pages_lets_the_persons_shell_look_where_only_root_may():
    closed = re.compile(r"/(etc/credstore|var/lib/private|var/backups)\S*\*")
    for page in (README, INSTALL, BACKUP, UPGRADE):
        for block in blocks(page.read_text()):
            for line in block.splitlines():
                outside = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
                assert not closed.search(outside), line


def test_backing_up_and_restoring_twice_loses_nothing(installed):
    back_up = blocks(section(BACKUP, "Back up"))[0]
    restore = blocks(section(BACKUP, "Restore"))[0]
    made = []
    for mark in ("one", "two"):
        make_database(installed, mark)
        made.append(Path(installed.run(back_up).partition(": ")[0]))
    assert [marks(file) for file in made] == [["one"], ["one", "two"]]
    named = re.search(r"/var/backups/watcher/\S+\.db", restore)
    assert named
    state = installed.root / "var/lib/private/watcher"
    for _ in range(2):
        installed.run(restore.replace(named[0], f"/var/backups/watcher/{made[0].name}"))
        assert marks(state / "watcher.db") == ["one"]
        make_database(installed, "later")
    before = sorted(state.glob("watcher-before-*.db"))
    assert [marks(file) for file in before] == [["one", "two"], ["one", "later"]]


def test_upgrading_twice_keeps_the_way_back_of_each(installed):
    upgrade = blocks(UPGRADE.read_text())[0].replace("/opt/watcher/bin/watcher check", "true")
    for mark in ("one", "two"):
        make_database(installed, mark)
        # The names have the second in them.
        installed.run(upgrade.replace("%H%M%S", f"%H%M%S{mark}"))
    copies = sorted((installed.root / "var/backups/watcher").glob("*.db"))
    assert sorted(map(marks, copies)) == [["one"], ["one", "two"]]
    programs = sorted((installed.root / "opt").glob("watcher-*"))
    assert len(programs) == 2
    assert all((program / "bin" / "watcher").exists() for program in programs)
    assert not any((program / "watcher").exists() for program in programs), "a copy in a copy"


def test_the_pages_warn_of_what_writes_beside_the_daemon():
    text = BACKUP.read_text()
    for word in ("Litestream", "sqlite3 -readonly", "3.51.3"):
        assert word in text
    assert sqlite.caution((3, 40, 1))


def test_what_installing_writes_for_the_first_incident_is_valid(host):
    host.install()
    for block in blocks(section(INSTALL, "Configuration")):
        host.run(block)
    config = host.root / "etc/watcher/config.toml"
    output = host.run(f"/opt/watcher/bin/watcher check --config {config}")
    assert "valid: 1 source," in output
    text = config.read_text() + (config.parent / "inventory.yaml").read_text()
    assert text.count("http://127.0.0.1:8900/") == 4, "vyvx, lumen twice, slack"
    assert "lumen.com" not in text
    assert "slack.com" not in text


def test_the_simulated_vendor_of_the_install_page_loses_the_circuit_of_its_inventory():
    (scenario,) = re.findall(
        r"<<'END'\n(.*?)^END$",
        blocks(section(INSTALL, "The simulated vendor"))[0],
        re.DOTALL | re.MULTILINE,
    )
    lost, back = simulator.parse(scenario, name="first.yaml").events
    assert lost.vyvx
    assert f"vyvx/{lost.vyvx.id}:" in section(INSTALL, "Configuration")
    assert (lost.at, back.at) == (timedelta(minutes=3), timedelta(minutes=8))


def test_each_secret_of_the_unit_can_be_encrypted():
    plain = re.findall(
        r"^LoadCredential=(\S+)$", (REPO / "systemd/watcher.service").read_text(), re.MULTILINE
    )
    text = (REPO / "systemd/encrypted.conf").read_text()
    assert re.findall(r"^LoadCredentialEncrypted=(\S+)$", text, re.MULTILINE) == plain
    assert shutil.which("sh")
