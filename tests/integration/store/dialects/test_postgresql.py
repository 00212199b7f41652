"""Opening a database on a server: migrations, and everything that may be wrong with it."""

import asyncio
import contextlib
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import func, select

from tests.fakes import factories
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store, tables


@pytest.fixture
def empty_url(databases):
    with databases.new() as url:
        yield url


def opening(url, **keys):
    return store.open(url, clock=SystemClock(), **keys)


async def open_and_close(url):
    async with opening(url):
        pass


async def sql(url, *statements):
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetch(statement) for statement in statements][-1]
    finally:
        await connection.close()


def changed(url, **parts):
    return urlunsplit(urlsplit(url)._replace(**parts))


async def test_daemons_that_open_a_new_database_at_once_migrate_it_once(empty_url):
    await asyncio.gather(*(open_and_close(empty_url) for _ in range(4)))
    assert len(await sql(empty_url, "SELECT version_num FROM alembic_version")) == 1


async def test_a_database_of_a_newer_version_is_refused(postgresql_url):
    await sql(postgresql_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(model.PermanentError, match="was written by a newer Watcher"):
        await open_and_close(postgresql_url)


async def test_a_database_of_another_program_is_refused_untouched(empty_url):
    await sql(empty_url, "CREATE TABLE songs (title text)")
    with pytest.raises(model.PermanentError, match="belongs to another program"):
        await open_and_close(empty_url)
    rows = await sql(empty_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert [row["tablename"] for row in rows] == ["songs"]


async def test_a_server_that_is_not_there_is_temporary_and_no_password_is_shown(unused_tcp_port):
    url = f"postgresql://watcher:hunter2@127.0.0.1:{unused_tcp_port}/watcher"
    words = rf"database watcher on 127\.0\.0\.1:{unused_tcp_port} cannot be reached"
    with pytest.raises(model.TemporaryError, match=words) as caught:
        await open_and_close(url)
    assert str(caught.value).endswith(
        "are host and port in [store] url right? (Connection refused)"
    )
    assert "hunter2" not in str(caught.value)


async def test_a_missing_database_is_named(databases):
    url = changed(databases.url, path="/nowhere")
    with pytest.raises(
        model.PermanentError, match=r"database nowhere on .* does not exist: create"
    ):
        await open_and_close(url)


async def test_a_user_without_the_right_to_create_tables_gets_advice(empty_url):
    netloc = urlsplit(empty_url).netloc.rpartition("@")[2]
    await sql(
        empty_url,
        "DROP ROLE IF EXISTS stranger",
        "CREATE ROLE stranger LOGIN",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    with pytest.raises(model.PermanentError, match="make the user the owner of the database"):
        await open_and_close(changed(empty_url, netloc=f"stranger@{netloc}"))


async def test_a_database_that_cannot_hold_every_text_is_refused(databases):
    await sql(
        databases.url,
        "DROP DATABASE IF EXISTS watcher_test_ascii",
        "CREATE DATABASE watcher_test_ascii TEMPLATE template0 ENCODING 'SQL_ASCII'"
        " LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    try:
        with pytest.raises(model.PermanentError, match="keeps its text in SQL_ASCII"):
            await open_and_close(databases.named("watcher_test_ascii"))
    finally:
        await sql(databases.url, "DROP DATABASE watcher_test_ascii WITH (FORCE)")


async def test_connections_that_the_server_ended_are_replaced(postgresql_url):
    async with opening(postgresql_url) as opened:
        token = await opened.leadership.acquire("ops1")
        await sql(
            postgresql_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))


async def test_a_server_that_ends_a_transaction_is_temporary(postgresql_url):
    async with opening(postgresql_url) as opened:
        await opened.leadership.acquire("ops1")
        with pytest.raises(
            model.TemporaryError, match=r"shutting down or restarting|closed the connection"
        ):
            async with opened.database.write() as connection:
                pid = await connection.scalar(select(func.pg_backend_pid()))
                await sql(postgresql_url, f"SELECT pg_terminate_backend({pid})")
                await connection.scalar(select(func.now()))
        assert len(await opened.queries.daemons()) == 1


async def test_a_lock_held_for_long_is_temporary_and_names_where_to_look(postgresql_url):
    async with opening(postgresql_url, busy_timeout=0.1) as opened:
        token = await opened.leadership.acquire("ops1")
        other = await asyncpg.connect(postgresql_url)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(other.close)
            await other.execute("BEGIN; LOCK TABLE incidents")
            with pytest.raises(model.TemporaryError, match="locked by another session"):
                await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))


async def test_reading_is_of_one_moment(postgresql_url):
    """An incident view takes several statements; the incident must not move on between them."""
    async with opening(postgresql_url) as opened:
        token = await opened.leadership.acquire("ops1")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
        async with opened.database.read() as connection:
            before = await connection.scalar(select(func.count()).select_from(tables.entries))
            await opened.commits.commit(token, factories.commit(factories.entry(2)))
            after = await connection.scalar(select(func.count()).select_from(tables.entries))
        assert before == after == 1
