"""What a command that asks the daemon does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "asyncio", "sqlalchemy", "pydantic_settings", "watcher.settings", "yaml")
LOAD = """
import sys
sys.argv[1:] = [{verb!r}, "--help"]
from watcher import cli
try:
    cli.main()
except SystemExit:
    print(sorted(set(sys.modules) & set({heavy!r})))
"""


@pytest.mark.parametrize("verb", ["status", "incidents", "ack", "oncall", "ticket", "works"])
def test_what_asks_the_daemon_loads_neither_its_libraries_nor_its_settings(verb):
    script = LOAD.format(verb=verb, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
