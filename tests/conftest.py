"""What tests of several rooms need: Debian's programs, or the reason why a test is skipped."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.servers.ports import free_port
from tests.servers.postgresql import databases, postgresql_url, template

__all__ = ["databases", "postgresql_url", "template"]  # fixtures for everybody


# The gate judges a change, so it draws the same examples for the same tests; at a maintainer's desk
# they are drawn again each time, which is where a law finds what nobody thought of.
hypothesis.settings.register_profile("gate", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("gate" if os.environ.get("WATCHER_CI") else "desk")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "covers(row, ...): the rows of docs/reference/vendors.md that a test covers"
    )


def program(name: str, package: str) -> str:
    """Find a program; without it the test is skipped, or fails where CI has to have it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        reason = f"{name} is missing: apt install {package}"
        (pytest.fail if os.environ.get("WATCHER_CI") else pytest.skip)(reason)
    return path


@dataclass(kw_only=True)
class Mosquitto:
    """A broker of its own, with its own configuration, that can be stopped and started again."""

    binary: str
    config: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            self.binary,
            "-c",
            str(self.config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10):
            while not await self._listens():
                assert self.process.returncode is None, "mosquitto refused its configuration"
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


@pytest.fixture
def brokers(tmp_path):
    """Make brokers: `async with brokers("password_file ...") as broker`."""
    binary = program("mosquitto", "mosquitto")

    @asynccontextmanager
    async def make(*lines: str) -> AsyncIterator[Mosquitto]:
        port = free_port()
        config = tmp_path / f"mosquitto-{port}.conf"
        config.write_text("\n".join((f"listener {port} 127.0.0.1", *lines, "")))
        broker = Mosquitto(binary=binary, config=config, port=port)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()

    return make


@pytest.fixture
async def mosquitto(brokers) -> AsyncIterator[Mosquitto]:
    async with brokers("allow_anonymous true") as broker:
        yield broker
