"""Migrates the tables to the newest revision that this version knows; forward only.

All steps are one transaction. A database of another program, or of a newer Watcher, is left as it
is. Alembic is imported only when there is a step to take, because most starts take none.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from watcher import model
from watcher.store.database import AsyncConnection, Database

_SCRIPTS = Path(__file__).with_name("migrations")
_VERSION = table("alembic_version", column("version_num"))


async def to_newest(database: Database) -> None:
    """Create the tables or migrate them, if need be.

    Raises PermanentError for a database of a newer Watcher or of another program, and where the
    database is for one process and another one has it.
    """
    revisions = all_revisions()
    newest = max(revisions)
    async with database.read(opening=True) as connection:
        if await connection.run_sync(_revision) == newest:
            return
    async with database.dialect.alone("migrating"):
        await _migrate(database, revisions)


async def _migrate(database: Database, revisions: set[str]) -> None:
    async with database.write(opening=True) as connection:
        await database.dialect.prepare(connection)
        revision = await connection.run_sync(_revision)  # another process may have been faster
        await _refuse_strange(database, connection, revision, revisions)
        await connection.run_sync(_upgrade)


async def _refuse_strange(
    database: Database, connection: AsyncConnection, revision: str | None, revisions: set[str]
) -> None:
    """Refuse a database of another program or of a newer Watcher. Raises PermanentError."""
    if revision is None and await connection.run_sync(_has_tables):
        raise model.PermanentError(
            f"database {database.name} belongs to another program: name another database in"
            " [store] url"
        )
    if revision is not None and revision not in revisions:
        raise model.PermanentError(
            f"database {database.name} was written by a newer Watcher (its tables are at"
            f" revision {revision}, this version knows {max(revisions)}): install that version"
            " again, or restore a backup"
        )


async def describe(database: Database) -> str:
    """Return what a daemon would do with the tables at its start, in words, and change nothing.

    Raises what `to_newest` raises.
    """
    revisions = all_revisions()
    async with database.read(opening=True) as connection:
        await database.dialect.check(connection)
        revision = await connection.run_sync(_revision)
        await _refuse_strange(database, connection, revision, revisions)
    if revision is None:
        return "empty, the daemon creates the tables"
    if revision == max(revisions):
        return f"tables at revision {revision}"
    return f"tables at revision {revision}, the daemon migrates them to {max(revisions)}"


async def require_newest(database: Database) -> None:
    """Require that the tables are at this version's newest revision. Raises PermanentError."""
    newest = max(all_revisions())
    async with database.read(opening=True) as connection:
        revision = await connection.run_sync(_revision)
    if revision != newest:
        raise model.PermanentError(
            f"the tables of database {database.name} are at revision {revision or 'none'}, this"
            f" version needs {newest}: run the version that wrote it, or start this version's"
            " daemon once"
        )


def all_revisions() -> set[str]:
    """Return the revisions; their files are named by their numbers: r0001_first_tables.py."""
    return {path.name[1:5] for path in _SCRIPTS.glob("versions/r*.py")}


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def _has_tables(connection: Connection) -> bool:
    return bool(inspect(connection).get_table_names())


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  # a quarter of a second
    from alembic.config import Config  # noqa: PLC0415  # the same

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
