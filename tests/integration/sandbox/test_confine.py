"""What a confined worker can still do, and that its caller gets an answer whatever it does."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from watcher import model
from watcher.sandbox.confine import load_seccomp
from watcher.sandbox.worker import run

needs_seccomp = pytest.mark.skipif(
    load_seccomp() is None and not os.environ.get("WATCHER_CI"), reason="needs libseccomp"
)
PRELUDE = (
    "import os, pathlib, socket, sys, threading\n"
    "from watcher.sandbox.confine import confine\n"
    "assert confine(reads=True)\n"
    "def attempt(act):\n"
    "    try:\n        act()\n"
    "    except OSError as error:\n        return error.strerror\n"
    "    return 'done'\n"
)


async def answer(code, data=b""):
    return await run((sys.executable, "-I", "-c", code), data, largest=1_000_000)


@needs_seccomp
@pytest.mark.parametrize(
    "act",
    [
        "socket.socket()",
        "socket.socketpair()",
        "os.open('/tmp/x', os.O_WRONLY | os.O_CREAT)",
        "os.open('/dev/null', os.O_RDWR)",
        "os.open('/dev/null', os.O_RDONLY | os.O_TRUNC)",
        "os.unlink('/tmp/nothing')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
    ],
)
async def test_a_worker_that_reads_files_can_do_nothing_else(act):
    left = await answer(f"{PRELUDE}print(attempt(lambda: {act}))")
    assert left.output == b"Operation not permitted\n", left


@needs_seccomp
async def test_a_worker_that_reads_files_reads_them():
    left = await answer(f"{PRELUDE}print(attempt(lambda: open('/etc/passwd').read()))")
    assert left.output == b"done\n", left


async def test_a_worker_has_no_environment(monkeypatch):
    monkeypatch.setenv("WATCHER_SLACK__BOT_TOKEN", "xoxb-secret")
    left = await answer("import os; print([k for k in os.environ if k != 'LC_CTYPE'])")
    assert left.output == b"[]\n"


async def test_a_worker_that_dies_leaves_its_last_line():
    left = await answer("import sys; sys.stderr.write('one\\ntwo \\x07\\n'); sys.exit(3)", b"x" * 9)
    assert (left.exit_code, left.problem) == (3, "two")


async def test_a_flood_on_either_stream_ends():
    left = await answer("while True: print('x' * 9999)")
    assert left.too_large
    left = await answer("import sys\nfor _ in range(200): sys.stderr.write('x' * 9999 + '\\n')")
    assert left.exit_code == 0


async def test_a_worker_whose_caller_stops_waiting_is_killed():
    code = "import os, time; os.write(2, b''); time.sleep(60)"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await answer(code, b"x" * 1_000_000)


async def test_a_worker_that_cannot_be_started_is_said_in_our_words(monkeypatch):
    with pytest.raises(model.PermanentError, match="/nowhere: No such file or directory"):
        await run(("/nowhere",), b"", largest=1)

    async def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(model.TemporaryError, match="no process can be started: Resource temp"):
        await run((sys.executable,), b"", largest=1)
