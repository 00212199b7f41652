"""Builds the Debian package of this machine's release: `make deb`, or with --output and --version.

The package holds a virtual environment, which belongs to one minor version of Python, and so to one
release of Debian. Only what the service loads is in it, from the pins of constraints.txt with their
hashes. docs/decisions/0039 says why it is built this way.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(__file__).parent / "deb"
PYTHON = "/usr/bin/python3"  # Debian's own, on which the package depends
EXTRAS = ("postgresql", "report")
PREFIX = Path("opt/watcher")
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*])?==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL
)


def main() -> int:
    """Build it, and print its path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--version", default=_project()["version"], help="instead of pyproject.toml's"
    )
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        stage = Path(scratch) / "stage"
        stage.mkdir(mode=0o755)
        _install(stage / PREFIX, Path(scratch))
        _relocate(stage / PREFIX)
        _add_files(stage)
        _settle(stage)
        _describe(stage, f"{arguments.version}+{_release()}")
        package = _pack(stage, arguments.output)
    sys.stdout.write(f"{package}\n")
    return 0


def _install(prefix: Path, scratch: Path) -> None:
    """Make the environment: the pinned libraries, then Watcher. uv is faster where there is one."""
    uv = shutil.which("uv")
    _run(PYTHON, "-m", "venv", "--symlinks", *(["--without-pip"] if uv else []), str(prefix))
    python = str(prefix / "bin/python3")
    pip = (python, "-m", "pip", "install", "--quiet", "--no-compile", "--no-warn-script-location")
    if uv:
        pip = (uv, "pip", "install", "--quiet", "--link-mode", "copy", "--python", python)
    pins = scratch / "pins.txt"
    pins.write_text(runtime_pins(_python_of(PYTHON)), encoding="utf-8")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(scratch), versions=["standard"])
    _run(*pip, "--no-deps", "--require-hashes", "-r", str(pins))
    _run(*pip, "--no-deps", wheel)
    if not uv:
        _run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "pip", "setuptools")


def runtime_pins(python: str) -> str:
    """Return the part of constraints.txt that the service loads, for one version of Python."""
    wanted = set(_closure("watcher", EXTRAS, python))
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = {canonicalize_name(pin["name"]): pin[0] for pin in PIN.finditer(text)}
    return "".join(pins[name] for name in sorted(wanted - {"watcher"}))


def _closure(name: str, extras: tuple[str, ...], python: str) -> Iterator[str]:
    """Give the names of all that a package needs, itself included, as they are installed here."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    waiting = [(name, extras)]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        yield name
        for line in _requirements(name):
            needed = Requirement(line)
            environments = (
                {"extra": extra, "python_version": python, "python_full_version": f"{python}.0"}
                for extra in ("", *extras)
            )
            if needed.marker is None or any(map(needed.marker.evaluate, environments)):
                waiting.append((canonicalize_name(needed.name), tuple(sorted(needed.extras))))


def _requirements(name: str) -> list[str]:
    """Return what a package needs: of Watcher by its file, as what is installed may be older."""
    if name != "watcher":
        return metadata.requires(name) or []
    project = _project()
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(line for extra in EXTRAS for line in optional[extra])]


def _relocate(prefix: Path) -> None:
    """Let the environment name the folder that it will be in, and keep one command of it."""
    for file in (prefix / "bin").iterdir():
        if file.name != "watcher" and not file.name.startswith("python"):
            file.unlink()
    script = prefix / "bin/watcher"
    script.write_text(script.read_text().replace(str(prefix), f"/{PREFIX}"))
    settings = prefix / "pyvenv.cfg"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("command")))
    for note in prefix.glob("lib/*/site-packages/*.dist-info/direct_url.json"):
        note.unlink()  # the wheel's path on this machine
    (prefix / ".lock").unlink(missing_ok=True)  # uv's
    shutil.rmtree(prefix / "include", ignore_errors=True)


def _add_files(stage: Path) -> None:
    """Add what lies outside the environment."""
    documents = stage / "usr/share/doc/watcher"
    for folder in ("etc/watcher", "usr/bin", "usr/lib/systemd/system", "usr/share/doc/watcher"):
        (stage / folder).mkdir(parents=True)
    (stage / "usr/bin/watcher").symlink_to(f"/{PREFIX}/bin/watcher")
    shutil.copy(ROOT / "systemd/watcher.service", stage / "usr/lib/systemd/system")
    shutil.copy(ROOT / "LICENSE", documents / "copyright")
    changelog = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    (documents / "changelog.gz").write_bytes(changelog)


def _settle(stage: Path) -> None:
    """Compile, with modes and times that depend on nothing but the tree."""
    time = int(os.environ.get("SOURCE_DATE_EPOCH", (ROOT / "pyproject.toml").stat().st_mtime))
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for file in stage.rglob("*"):
        if not file.is_symlink():
            file.chmod(0o755 if file.is_dir() or file.stat().st_mode & 0o100 else 0o644)
        os.utime(file, (time, time), follow_symlinks=False)
    compiler = (PYTHON, "-m", "compileall", "-q", "-j", "0", "-s", str(stage), "-p", "/")
    _run(*compiler, str(stage / PREFIX / "lib"), environment=environment)


def _describe(stage: Path, version: str) -> None:
    """Write what dpkg reads."""
    python = _python_of(PYTHON)
    major, minor = python.split(".")
    size = sum(file.lstat().st_size for file in stage.rglob("*")) // 1024
    control = stage / "DEBIAN"
    control.mkdir()
    fields = (SCRIPTS / "control").read_text(encoding="utf-8")
    text = fields.format(
        version=version,
        architecture=_run("dpkg", "--print-architecture"),
        size=size,
        python=python,
        next_python=f"{major}.{int(minor) + 1}",
    )
    (control / "control").write_text(text, encoding="utf-8")
    for name in ("preinst", "postinst", "prerm", "postrm"):
        shutil.copy(SCRIPTS / name, control / name)
        (control / name).chmod(0o755)


def _pack(stage: Path, output: Path) -> Path:
    built = _run(
        "dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(stage), str(output)
    )
    (name,) = re.findall(r"[^/']+\.deb", built)
    return output / name


def _python_of(python: str) -> str:
    return _run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")


def _project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


def _release() -> str:
    release = platform.freedesktop_os_release()
    return f"{release['ID'][:3]}{release['VERSION_ID']}"  # deb12, deb13


def _run(*words: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
