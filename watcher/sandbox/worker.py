"""Runs a worker process once: bytes in, bytes out, whatever the worker does.

A worker has no environment, so that what takes it over holds no secret. It is killed when its
caller stops waiting, and it can fill neither our memory nor a pipe that nobody reads.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from msgspec import Struct

from watcher import model, system_words
from watcher.text import clean

_MOST_PROBLEM = 4_000  # bytes kept of what a worker writes to stderr
_CHUNK = 65_536


class Answer(Struct, frozen=True, kw_only=True):
    """What a worker left; `problem` is the last line that it wrote to stderr."""

    exit_code: int
    output: bytes
    problem: str = ""
    too_large: bool = False


async def run(command: Sequence[str], data: bytes, *, largest: int) -> Answer:
    """Give data to a worker and return its answer, of at most `largest` bytes.

    The caller sets the time: a worker whose caller is cancelled is killed. Raises PermanentError
    where there is no such program, TemporaryError where no process can be started now.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={}, cwd="/"
        )
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
            raise model.PermanentError(f"{command[0]}: {system_words.of_error(error)}") from error
        raise model.TemporaryError(
            f"no process can be started: {system_words.of_error(error)}"
        ) from error
    problem = asyncio.create_task(_tail(process.stderr))
    try:
        output = await _exchange(process, data, largest)
        if len(output) == largest:
            return Answer(exit_code=-1, output=b"", too_large=True)
        exit_code = await process.wait()
        return Answer(exit_code=exit_code, output=output, problem=await problem)
    finally:
        problem.cancel()
        await _stop(process)


async def _exchange(process: Process, data: bytes, largest: int) -> bytes:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("both were asked for as pipes")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its exit code tells
        stdin.write(data)
        await stdin.drain()
        stdin.close()
    try:
        return await stdout.readexactly(largest)
    except asyncio.IncompleteReadError as whole:
        return whole.partial


async def _tail(stream: asyncio.StreamReader | None) -> str:
    """Read a stream to its end and return its last line."""
    kept = b""
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        kept = (kept + chunk)[-_MOST_PROBLEM:]
    lines = kept.decode(errors="replace").strip().splitlines()
    return clean(lines[-1], 300) if lines else ""


async def _stop(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # wait() alone would never return while asyncio has stopped reading a full pipe.
        await process.communicate()
