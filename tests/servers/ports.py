"""Free ports on loopback that no other worker and no client's own socket is given."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# Linux gives sockets without a port one from 32768 on: what lies below stays free until bound.
FIRST, LAST = 20_000, 32_000
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

# The start is random because two runs may share a machine.
_candidates = itertools.islice(
    itertools.cycle(range(FIRST + WORKER, LAST, WORKERS)), secrets.randbelow(LAST - FIRST), None
)


def free_port() -> int:
    """Return a port that nobody listens on, each time another one."""
    for port in _candidates:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError  # the candidates never run out


async def until_it_listens(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until a server answers on its port; it does not say when that is."""
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, "the server refused its configuration"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)  # nobody says when
            else:
                writer.close()
                await writer.wait_closed()
                return


def until_it_answers(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, *, within: float = 20
) -> None:
    """Wait for a server of a fixture that several tests share, outside of any loop."""
    deadline = time.perf_counter() + within
    while not answers():
        assert process.poll() is None, log.read_text()
        assert time.perf_counter() < deadline, f"it does not answer: {log.read_text()}"
        time.sleep(0.05)  # nobody says when
