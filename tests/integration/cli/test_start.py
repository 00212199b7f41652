"""What a start loads: nothing that only some daemons need (docs/decisions/0047)."""

import subprocess
import sys

LOAD = """
import sys
from watcher.cli import common, daemon
with common.loading():
    import structlog
    from watcher import logs, settings
    from watcher.daemon import app
print(*sorted(sys.modules))
"""
SELDOM = {
    "aiomqtt",  # where there is a broker
    "alembic",  # where the tables are of an older version
    "asyncpg",  # on PostgreSQL
    "icalendar",  # in a process of its own
    "paho",
    "PIL",  # for charts
    "rich",  # for `watcher test` on a terminal
    "sqlalchemy.ext.asyncio",  # on PostgreSQL, and it brings along
    "sqlalchemy.orm",
    "watcher.ledger.read",  # where there is a board
    "watcher.web.server",
}


def test_a_start_loads_nothing_that_only_some_daemons_need():
    loading = [sys.executable, "-c", LOAD]
    loaded = subprocess.run(loading, check=True, capture_output=True, text=True).stdout.split()
    assert "watcher.daemon.app" in loaded
    assert SELDOM & set(loaded) == set()


def test_rich_can_be_loaded_once_the_daemons_modules_are():
    loading = [sys.executable, "-c", f"{LOAD}\nimport rich.console"]
    subprocess.run(loading, check=True, capture_output=True)
