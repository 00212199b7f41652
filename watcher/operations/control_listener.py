"""Where the control socket listens, and what of a request is refused before anybody reads it.

Law: a request that cannot be understood is answered 400 with a reason, never 500.
"""

from __future__ import annotations

import asyncio
import grp
import os
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from watcher import model, system_words
from watcher.http import server as guarded
from watcher.http.exchange import MALFORMED
from watcher.operations.commands import CommandRejectedError

MODE = 0o660
ALIVE_SECONDS = 2.0  # for a daemon that may have our socket to take a connection
MOST_BYTES = 100_000  # of a request; a silence with many matchers is the largest
LONGEST_NAME = 500  # of an incident or a subject
BODILESS = "/reload"
MESSAGES = "/works/notices"  # its body is a carrier's message, as it came


@asynccontextmanager
async def listen(app: web.Application, path: Path, group: str = "") -> AsyncIterator[None]:
    """Listen on a path while the context lasts. Raises PermanentError when that is impossible."""
    await _clear(path)
    guard = guarded.Guard("control socket", guarded.Limits(answer_seconds=None))
    ours = 0
    try:
        async with AsyncExitStack() as stack:
            before = os.umask(0o777 & ~MODE)
            try:
                await stack.enter_async_context(guarded.serve_unix(app, guard, path))
                ours = _inode(path)
            except OSError as error:
                raise model.PermanentError(
                    f"cannot create the control socket {path} ({system_words.of_error(error)}): "
                    "set [control] socket to a path in a directory that Watcher may write to"
                ) from error
            finally:
                os.umask(before)
            if group:
                _give_to(path, group)
            yield
    finally:
        if ours and _inode(path) == ours:  # another daemon may have made its own meanwhile
            _remove(path)


def _give_to(path: Path, group: str) -> None:
    """Let the members of a group use the socket as themselves."""
    try:
        wanted = grp.getgrnam(group).gr_gid
        if path.stat().st_gid != wanted:
            os.chown(path, -1, wanted)
    except (KeyError, OSError) as error:
        why = (
            "there is no such group"
            if isinstance(error, KeyError)
            else system_words.of_error(error)
        )
        raise model.PermanentError(
            f"cannot give the control socket {path} to the group {group} ({why}): [control] group"
            " names a group that the daemon belongs to; under systemd, make it Group= of the unit"
        ) from error


async def _clear(path: Path) -> None:
    """Remove the socket that a killed daemon left. Raises PermanentError where one is alive."""
    if not _is_socket(path):
        return
    try:
        async with asyncio.timeout(ALIVE_SECONDS):
            _, writer = await asyncio.open_unix_connection(path)
        writer.close()
    except (ConnectionRefusedError, FileNotFoundError):
        _remove(path)
        return
    except (OSError, TimeoutError):
        pass  # somebody has it open, and does not answer now
    raise model.PermanentError(
        f"another daemon listens on the control socket {path}: stop it, or set [control] socket to"
        " another path"
    )


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:  # to listen there will show what is wrong
        return False


def _inode(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except OSError:
        return 0


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what is refused with a sentence; handlers are given nothing but a JSON object."""
    if reason := await _fault_of(request):
        return refuse(HTTPStatus.BAD_REQUEST, reason)
    try:
        return await handler(request)
    except CommandRejectedError as refusal:
        return refuse(refusal.status, str(refusal))
    except model.WatcherError as failure:
        return refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(failure))
    except web.HTTPException as refusal:
        what = f"{request.method} {request.path[:200]}"
        return refuse(HTTPStatus(refusal.status), f"{what}: {refusal.reason}")


async def _fault_of(request: web.Request) -> str:
    """Return why a request cannot be understood; empty if it can."""
    words = (*request.match_info.values(), *request.query.keys(), *request.query.values())
    if any(len(word) > LONGEST_NAME or not word.isprintable() for word in words):
        return f"a name has at most {LONGEST_NAME} characters, all of them printable"
    if request.method != "POST" or request.path == MESSAGES:
        return ""
    try:
        body = await request.read()
        if not body and request.path == BODILESS:
            return ""
        document = msgspec.json.decode(body, type=dict[str, object])
    except web.HTTPRequestEntityTooLarge:
        return f"a request has at most {MOST_BYTES} bytes"
    except MALFORMED as reason:
        return f"the request is not a JSON object: {reason}"
    return "a text contains a NUL character" if _has_nul(document) else ""


def _has_nul(document: dict[str, object]) -> bool:
    """Whether a text in a document has the one character that no database keeps.

    Without recursion: from Python 3.12 on a decoder goes deeper than Python code may.
    """
    pending: list[object] = [document]
    while pending:
        match pending.pop():
            case str(text) if "\0" in text:
                return True
            case dict(inner):
                pending += (*inner.keys(), *inner.values())
            case list(inner):
                pending += inner
            case _:
                pass
    return False


def refuse(status: HTTPStatus, sentence: str) -> web.Response:
    """Return an answer that says what is wrong."""
    return web.Response(
        status=status,
        body=msgspec.json.encode({"error": sentence}),
        content_type="application/json",
    )
