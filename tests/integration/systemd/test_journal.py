"""What `journalctl -p warning` finds: each line begins with its priority where it is the journal's.

Without a journal on the machine a file stands for it: the prefix is what journald reads.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.programs import program
from watcher import logs

LINES = """
from watcher import logs
import logging, structlog, sys
logs.configure(logging.DEBUG)
log = structlog.get_logger()
log.info("fine")
log.warning("doubtful", subject="vyvx/1")
log.error("wrong")
logging.getLogger("aiohttp").warning("of a library")
try:
    raise ValueError("two\\nlines")
except ValueError:
    log.exception("raised")
"""
CRASH = """
import asyncio, sys
from watcher import cli
from watcher.daemon import app
async def run(settings):
    raise ExceptionGroup("unhandled", [RuntimeError("nobody expected this")])
app.run = run
sys.argv = ["watcher", "run", "--config", "config.toml"]
cli.main()
"""
CONFIG = """
rules = ["rules.yaml"]
[sources.vyvx]
kind = "vyvx"
[receivers.mqtt]
kind = "mqtt"
"""


def run(code: str, folder: Path, *, journal: bool) -> list[str]:
    """Run a program whose output goes to a file, which is the journal's or is not."""
    file = folder / "output"
    with file.open("wb") as output:
        status = os.fstat(output.fileno())
        inode = status.st_ino if journal else status.st_ino + 1
        environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{inode}"}
        subprocess.run(
            [sys.executable, "-c", code],
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            check=False,
        )
    return file.read_text().splitlines()


def test_in_the_journal_each_line_has_its_priority(tmp_path):
    lines = run(LINES, tmp_path, journal=True)
    assert [line[:4] for line in lines] == ["<6>{", "<4>{", "<3>{", "<4>{", "<3>{"]


def test_elsewhere_lines_are_as_they_were(tmp_path):
    lines = run(LINES, tmp_path, journal=False)
    assert {line[0] for line in lines} == {"{"}


def test_a_reason_not_to_start_is_an_error_in_the_journal(tmp_path):
    (tmp_path / "config.toml").write_text("instance = 3\nrules = []\n")
    code = "import sys; from watcher import cli; sys.argv = ['watcher', 'run']; cli.main()"
    lines = run(code, tmp_path, journal=True)
    assert lines
    assert all(line.startswith("<3>config.toml") for line in lines)


@pytest.mark.parametrize("journal", [True, False])
def test_a_crash_is_an_error_in_the_journal(tmp_path, journal):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "rules.yaml").write_text("rules: [{name: blind, source: '*', blind: 5m}]")
    lines = run(CRASH, tmp_path, journal=journal)
    assert any("nobody expected this" in line for line in lines)
    assert {line.startswith("<3>") for line in lines} == {journal}


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, "<7>"),
        (logging.INFO, "<6>"),
        (logging.WARNING, "<4>"),
        (logging.ERROR, "<3>"),
        (logging.CRITICAL, "<2>"),
    ],
)
def test_levels_are_priorities_of_syslog(level, priority):
    assert logs.prefix(level) == priority


@pytest.mark.skipif(
    not Path("/run/systemd/system").exists(), reason="this machine has not been booted by systemd"
)
def test_a_warning_is_found_by_its_priority_in_a_real_journal(tmp_path):
    unit = f"watcher-test-{os.getpid()}"
    done = subprocess.run(
        [
            *(program("systemd-run", "systemd"), "--wait", "--quiet", f"--unit={unit}"),
            *(f"--working-directory={tmp_path}", sys.executable, "-c", LINES),
        ],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no unit can be started here: {done.stderr.decode()}")
    subprocess.run([program("journalctl", "systemd"), "--sync"], check=False)
    shown = subprocess.run(
        [program("journalctl", "systemd"), "-u", unit, "-p", "warning", "-o", "cat"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert "doubtful" in shown
    assert "fine" not in shown
