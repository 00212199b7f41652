#!/usr/bin/env bash
# aioimaplib 2.0.3: a folder that was opened read-only counts as closed, and nobody notices a
# connection that is lost.
#
# `examine()` sends EXAMINE, which the server answers with OK [READ-ONLY], but the client's state stays
# AUTH: every UID FETCH is refused by the client itself. Only SELECT opens a folder for it, which
# changes the mailbox. And where the server closes the connection during a command, that command
# waits for its timeout, although `connection_lost` was called at once.
#
# Seen with CPython 3.11.7 and aioimaplib 2.0.3:
#     EXAMINE: OK, state AUTH
#     UID FETCH: Abort: command UID illegal in state AUTH
#     NOOP on a closed connection: TimeoutError after 2.0 s (timeout=2)
#
# Exits with 0 while aioimaplib does this, with 1 once it does not: then decision 35 has two reasons
# less.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check aioimaplib==2.0.3

cat >"$folder/examine.py" <<'PYTHON'
import asyncio
import sys
import time

import aioimaplib


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"* OK ready\r\n")
    while line := await reader.readline():
        tag, command = line.split()[:2]
        if command == b"NOOP":
            break
        if command == b"CAPABILITY":
            writer.write(b"* CAPABILITY IMAP4rev1\r\n")
        writer.write(tag + b" OK [READ-ONLY] done\r\n")
    writer.close()


async def main() -> int:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = aioimaplib.IMAP4("127.0.0.1", server.sockets[0].getsockname()[1], timeout=2)
    await client.wait_hello_from_server()
    await client.login("user", "secret")
    answer = await client.examine("INBOX")
    print(f"EXAMINE: {answer.result}, state {client.get_state()}")
    refused = False
    try:
        await client.uid("fetch", "1", "(RFC822.SIZE)")
    except aioimaplib.Abort as error:
        refused = True
        print(f"UID FETCH: Abort: {error}")
    started = time.monotonic()
    waited = False
    try:
        await client.noop()
    except (TimeoutError, asyncio.TimeoutError):
        waited = True
        print(f"NOOP on a closed connection: TimeoutError after"
              f" {time.monotonic() - started:.1f} s (timeout=2)")
    return 0 if refused and waited else 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/examine.py"
