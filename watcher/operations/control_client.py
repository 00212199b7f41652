"""What asks the daemon over its control socket.

Without an event loop and a client library, so that an operator's look at it costs little: one
request of HTTP/1.0, after whose answer the daemon hangs up.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import msgspec

from watcher import model, system_words

DEFAULT_PATH = Path("/run/watcher/control.sock")
_PATIENCE = 300.0  # seconds between two parts of an answer: a reload or a large import takes long


def ask(path: Path, method: str, resource: str, body: object = None) -> Any:
    """Ask the daemon behind the socket at `path`, and return its answer.

    Raises model.PermanentError with the daemon's own sentence, or when no daemon runs.
    """
    content = body if isinstance(body, bytes) else b""
    if body is not None and not isinstance(body, bytes):
        content = msgspec.json.encode(body)
    head = (
        f"{method} {resource} HTTP/1.0\r\nHost: watcher\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(str(path))
        except PermissionError as error:
            raise model.PermanentError(
                f"no permission to open {path}: use sudo, or join the group of [control] group"
            ) from error
        except OSError as error:
            raise model.PermanentError(
                f"no daemon listens on {path}: is it running? (systemctl status watcher)"
            ) from error
        try:
            answer = msgspec.json.decode(_exchange(connection, head.encode() + content))
        except (OSError, ValueError, msgspec.DecodeError, RecursionError) as error:
            reason = system_words.of_error(error) if isinstance(error, OSError) else str(error)
            raise model.PermanentError(
                f"{path} is not a Watcher control socket: {reason}"
            ) from error
    if not isinstance(answer, dict):
        raise model.PermanentError(f"{path} is not a Watcher control socket: no JSON object")
    if "error" in answer:
        raise model.PermanentError(str(answer["error"]))
    return answer


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    """Return the body of the answer. Raises OSError, ValueError when it is not one of HTTP."""
    # It may answer before it has read all of a request that is too large.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(request)
    chunks = []
    try:
        while chunk := connection.recv(65_536):
            chunks.append(chunk)
    except ConnectionResetError:
        if not chunks:
            raise
    head, end, body = b"".join(chunks).partition(b"\r\n\r\n")
    if not end or not head.startswith(b"HTTP/1."):
        raise ValueError("what answers does not speak HTTP")
    return body
