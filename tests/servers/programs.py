"""Programs that tests need; without one a test is skipped with the reason, in CI it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be installed."""
    (pytest.fail if os.environ.get("WATCHER_CI") else pytest.skip)(reason)


def program(name: str, package: str) -> str:
    """Return a program's path, also where only root has its folder on PATH."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        unavailable(f"{name} is missing: apt install {package}")
    return path
