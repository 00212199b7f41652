"""The command line as a person uses it, beside a simulator."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from watcher import cli


@dataclass(frozen=True, kw_only=True)
class Completed:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


CONFIG = """
rules = ["rules.yaml"]

[accounts.lumen]
kind = "oauth2"
token_url = "{at.lumen_token_url}"
client_id = "{credentials.lumen_client_id}"
client_secret = "{credentials.lumen_client_secret}"
calls_per_second = 1000
"""


@pytest.fixture(autouse=True)
def logs_as_before():
    """Restore the logging of this process, which a command configures for itself."""
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**config)
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def write_config(tmp_path):
    """Write a config with an account at a simulator, and more."""

    def write(world, more: str) -> Path:
        rule = "rules: [{name: blind, source: '*', blind: 5m}]"
        (tmp_path / "rules.yaml").write_text(rule)
        path = tmp_path / "config.toml"
        path.write_text((CONFIG + more).format(at=world, credentials=world.credentials))
        return path

    return write


@pytest.fixture
def watcher(monkeypatch, capsys):
    """Run a command in a thread, as it has an event loop of its own."""

    async def run(*words: str, answer: str = "") -> Completed:
        monkeypatch.setattr(sys, "argv", ["watcher", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

        def main() -> int:
            try:
                cli.main()
            except SystemExit as error:
                return int(error.code or 0)
            return 0

        code = await asyncio.to_thread(main)
        captured = capsys.readouterr()
        return Completed(code=code, out=captured.out, err=captured.err)

    return run
