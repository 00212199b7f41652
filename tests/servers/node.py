"""Packages of npm that tests need, installed once into the cache of the user who runs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers.programs import program, unavailable


def modules(package: str) -> Path:
    """Return the `node_modules` that has this package, as `NAME@VERSION`."""
    npm = program("npm", "npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    name, _, version = package.rpartition("@")
    folder = cache / "watcher-tests" / f"{name.replace('/', '-').strip('@')}-{version}"
    installed = folder / "node_modules" / name / "package.json"
    if not installed.exists():
        folder.mkdir(parents=True, exist_ok=True)
        words = (npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), package)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if not installed.exists():
            unavailable(f"npm cannot install {package}: {done.stderr[-300:]}")
    return folder / "node_modules"
