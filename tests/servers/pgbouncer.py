"""Debian's PgBouncer before the PostgreSQL of the tests, with its default configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.ports import free_port, until_it_answers
from tests.servers.postgresql import NOBODY
from tests.servers.programs import program

CONFIG = """
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {place}/users
pool_mode = {mode}
default_pool_size = {size}
"""


@contextlib.contextmanager
def running(url: str, mode: str, *, size: int = 40) -> Iterator[str]:
    """Run PgBouncer while the context lasts; yield the address of the same database behind it."""
    path = program("pgbouncer", "pgbouncer")
    server, listen = urlsplit(url), free_port()
    place = Path(tempfile.mkdtemp(prefix="watcher-pgbouncer-"))
    (place / "users").write_text(f'"{server.username}" ""\n')
    values = {"host": server.hostname, "port": server.port, "listen": listen}
    config = CONFIG.format(**values, place=place, mode=mode, size=size)
    (place / "ini").write_text(config)
    identity = {}
    if os.geteuid() == 0:
        identity = {"user": NOBODY, "group": NOBODY}
        for file in (place, *place.iterdir()):
            os.chown(file, NOBODY, NOBODY)
    with (place / "log").open("ab") as log:
        process = subprocess.Popen([path, place / "ini"], stdout=log, stderr=log, **identity)
    try:
        until_it_answers(lambda: _listens(listen), process, place / "log")
        yield url.replace(f":{server.port}/", f":{listen}/")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        shutil.rmtree(place, ignore_errors=True)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
