"""An installation that an earlier version has left behind."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.integration.upgrade.write_database import WrittenInstallation

DATA = Path(__file__).parents[2] / "data" / "upgrade"


@pytest.fixture
def installation(tmp_path):
    """The database and the rules of before faults, and the rules of today as `today.yaml`."""
    written = WrittenInstallation(tmp_path)
    shutil.copy(tmp_path / "rules.yaml", tmp_path / "today.yaml")
    shutil.copy(DATA / "vyvx_before_faults.yaml", tmp_path / "rules.yaml")
    with contextlib.closing(sqlite3.connect(tmp_path / "watcher.db")) as connection:
        connection.executescript((DATA / "before_faults.sql").read_text())
    written.poll(
        **{
            "1": "offline",
            "2": "offline",
            "3": "offline",
            "4": "offline",
            "5": "online",
            "6": "impaired offline",
        }
    )
    return written


@pytest.fixture
def upgraded(installation):
    """The same with the rules of today."""
    shutil.copy(installation.directory / "today.yaml", installation.directory / "rules.yaml")
    return installation
