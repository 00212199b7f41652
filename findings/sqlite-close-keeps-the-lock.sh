#!/bin/sh
# Surprise: closing a connection of Python's sqlite3 within a transaction does not always end it.
#
# Seen with CPython 3.11.2, 3.11.7 and SQLite 3.40.1, and with aiosqlite 0.22.1, whose close() is the
# same call. A cursor that has not been read to its end keeps the closed connection, its transaction
# and the lock of the file, until the cursor itself is deleted. A library that closes a connection
# because a task was cancelled in the middle of a SELECT (SQLAlchemy with aiosqlite does) so locks
# out every later writer until garbage is collected: "database is locked", without another process.
#
# Output seen:
#   closed with a cursor half read: database is locked
#   the same, rolled back before:   free
#   the same, the cursor deleted:   free
#
# Watcher rolls back before it closes (watcher/store/dialects/sqlite_threads.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiosqlite==0.22.1
cat > "$folder/try.py" <<'PYTHON'
import asyncio
import sqlite3
import sys

import aiosqlite


async def attempt(path, *, roll_back=False, delete=False):
    first = await aiosqlite.connect(path, isolation_level=None)
    await first.execute("CREATE TABLE IF NOT EXISTS t (x)")
    await first.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    await first.execute("BEGIN IMMEDIATE")
    cursor = await first.execute("SELECT x FROM t")
    await cursor.fetchone()
    if roll_back:
        await first.rollback()
    await first.close()
    if delete:
        del cursor
    second = sqlite3.connect(path, isolation_level=None, timeout=0.2)
    try:
        second.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return str(error)
    finally:
        second.close()
    return "free"


async def main():
    folder = sys.argv[1]
    seen = [
        await attempt(f"{folder}/1.db"),
        await attempt(f"{folder}/2.db", roll_back=True),
        await attempt(f"{folder}/3.db", delete=True),
    ]
    print("closed with a cursor half read:", seen[0])
    print("the same, rolled back before:  ", seen[1])
    print("the same, the cursor deleted:  ", seen[2])
    return 0 if seen == ["database is locked", "free", "free"] else 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/try.py" "$folder"
