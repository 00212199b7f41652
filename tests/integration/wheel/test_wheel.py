"""The wheel: what an installation without a clone has."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())


def test_an_installed_wheel_has_all_that_it_writes(tmp_path):
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "watcher", "init", ".", "--vendor", "evpl", "--notify", "mqtt"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rules/tests/evpl.yaml").exists()
    assert (tmp_path / "site/watcher/share/systemd/watcher.service").exists()
