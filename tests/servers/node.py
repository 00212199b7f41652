"""Packages of npm that tests need, installed once into the cache of the user who runs them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.programs import program, unavailable


def modules(package: str) -> Path:
    """Return the `node_modules` that has this package, as `NAME@VERSION`."""
    npm = program("npm", "npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    name, _, version = package.rpartition("@")
    folder = cache / "watcher-tests" / f"{name.replace('/', '-').strip('@')}-{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests of other workers need it as well
        if not folder.exists():
            _install(npm, package, folder)
    return folder / "node_modules"


def _install(npm: str, package: str, folder: Path) -> None:
    """Install it as a whole or not at all: a run may be killed in the middle."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    words = (npm, "install", "--no-audit", "--no-fund", "--prefix", str(unfinished), package)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        unavailable(f"npm cannot install {package}: {done.stderr[-300:]}")
    unfinished.rename(folder)
