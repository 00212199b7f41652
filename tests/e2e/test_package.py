"""The Debian package: built, installed, upgraded, removed and purged, in a folder of its own.

dpkg is told to take that folder for the root, so that no test needs root or changes the machine.
What it installs is the wheel in an environment that has no clone beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.programs import program

TREE = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
SHIPPED = {
    "config.example.toml",
    "inventory.example.yaml",
    "rules/vyvx.yaml",
    "rules/evpl.yaml",
    "rules/internet_on_demand.yaml",
    "rules/sources.yaml",
    "systemd/watcher.service",
    "systemd/encrypted.conf",
    "systemd/grafana-dashboard.json",
    "systemd/prometheus-alerts.yaml",
}
pytestmark = [pytest.mark.xdist_group("package"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Build the package of this tree."""
    program("dpkg-deb", "dpkg")
    folder = tmp_path_factory.mktemp("package")
    builder = str(TREE / "packaging/build_deb.py")
    done = subprocess.run(
        [sys.executable, builder, "--output", str(folder), "--version", "1.0"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def newer(package, tmp_path_factory) -> Path:
    """Return the same package with a higher version."""
    folder = tmp_path_factory.mktemp("newer")
    dpkg_deb = program("dpkg-deb", "dpkg")
    subprocess.run([dpkg_deb, "-R", str(package), str(folder / "x")], check=True)
    control = folder / "x/DEBIAN/control"
    control.write_text(control.read_text().replace("Version: 1.0+", "Version: 1.1+"))
    words = [dpkg_deb, "--root-owner-group", "-Znone", "--build", str(folder / "x"), str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    shutil.rmtree(folder / "x")
    return next(folder.glob("*.deb"))


class Root:
    """A folder that dpkg takes for the root of a machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "var/lib/dpkg/info").mkdir(parents=True)
        (folder / "var/lib/dpkg/updates").mkdir()
        (folder / "var/lib/dpkg/status").touch()

    def dpkg(self, *words: str) -> str:
        """Run dpkg; return what it and the package's scripts print."""
        done = self.try_dpkg(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_dpkg(self, *words: str) -> subprocess.CompletedProcess[str]:
        forced = ("not-root", "script-chrootless", "depends", "unsafe-io")
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        return subprocess.run(
            [
                program("dpkg", "dpkg"),
                f"--root={self.folder}",
                f"--log={self.folder}/log",
                f"--force-{','.join(forced)}",
                *words,
            ],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": path},
        )

    def watcher(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the installed program, from a folder outside the tree."""
        python = self.folder / "opt/watcher/bin/python3"
        return subprocess.run(
            [str(python), "-I", "-m", "watcher", *words],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder / "etc",
        )

    def has(self, path: str) -> bool:
        return os.path.lexists(self.folder / path)


@pytest.fixture
def root(tmp_path) -> Root:
    return Root(tmp_path)


def test_it_installs_upgrades_and_purges(root, package, newer):
    assert "watcher init /etc/watcher" in root.dpkg("--install", str(package))
    assert root.watcher("--version").stdout.startswith("watcher ")
    assert (root.folder / "usr/bin/watcher").readlink() == Path("/opt/watcher/bin/watcher")
    script = (root.folder / "opt/watcher/bin/watcher").read_text()
    assert script.startswith("#!/opt/watcher/bin/python3")
    assert root.has("usr/lib/systemd/system/watcher.service")
    assert not list(root.folder.glob("etc/systemd/system/*.wants/watcher.service"))

    config = root.folder / "etc/watcher/config.toml"
    config.write_text("# mine\n")
    state = root.folder / "var/lib/private/watcher"
    state.mkdir(parents=True)
    (state / "watcher.db").touch()
    root.dpkg("--install", str(newer))
    assert "Version: 1.1+" in root.dpkg("--status", "watcher")
    assert config.read_text() == "# mine\n"

    compiled = root.folder / "opt/watcher/lib/left.pyc"
    compiled.touch()
    root.dpkg("--remove", "watcher")
    assert [root.has(path) for path in ("opt/watcher", "usr/bin/watcher", "opt")] == [
        False,
        False,
        True,
    ]
    assert config.read_text() == "# mine\n"

    root.dpkg("--install", str(newer))
    assert "/var/lib/private/watcher is kept" in root.dpkg("--purge", "watcher")
    assert not root.has("etc/watcher")
    assert (state / "watcher.db").exists()
    assert "watcher" not in (root.folder / "var/lib/dpkg/status").read_text()


def test_what_was_installed_by_hand_is_not_overwritten(root, package):
    by_hand = root.folder / "opt/watcher/pyvenv.cfg"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("mine\n")
    refused = root.try_dpkg("--install", str(package))
    assert refused.returncode == 1
    assert "move it away first" in refused.stderr
    assert by_hand.read_text() == "mine\n"


def test_the_installed_wheel_works_without_a_clone(root, package):
    root.dpkg("--install", str(package))
    (installed,) = root.folder.glob("opt/watcher/lib/python3*/site-packages/watcher")
    shipped = {
        str(file.relative_to(installed / "share")) for file in installed.glob("share/**/*.*")
    }
    assert shipped >= SHIPPED
    words = ("init", "watcher", "--vendor", "vyvx", "--notify", "mqtt")
    assert root.watcher(*words).returncode == 0
    checked = root.watcher("check", "--config", "watcher/config.toml")
    assert checked.returncode == 1
    problems = checked.stderr.splitlines()
    assert any("accounts.vyvx.key_id: is empty" in line for line in problems), checked.stderr
    assert not [line for line in problems if "empty" not in line and "still an example" not in line]


def test_it_has_neither_the_simulator_nor_what_develops_watcher(root, package):
    root.dpkg("--install", str(package))
    (packages,) = root.folder.glob("opt/watcher/lib/python3*/site-packages")
    names = {folder.name.split("-")[0].lower() for folder in packages.glob("*.dist-info")}
    assert names >= {"watcher", "aiohttp", "sqlalchemy", "asyncpg", "reportlab"}
    assert not names & {"pytest", "hypothesis", "mypy", "ruff", "playwright", "amqtt", "pip"}
