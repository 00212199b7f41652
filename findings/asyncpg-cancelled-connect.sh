#!/usr/bin/env bash
# asyncpg 0.32.0: a connect that is cancelled while its TCP connection is being made leaves an error
# behind that nothing can await.
#
# connect_utils.TLSUpgradeProto makes a future before the connection exists, and sets an exception on
# it when the connection is lost. The caller awaits that future only after create_connection has
# returned; when it is cancelled before that, nobody does. asyncio reports the exception when the
# future is garbage collected: here at once, but in a program whose own error still refers to it that
# may be after asyncio.run has ended, below the program's last line.
#
# Seen with CPython 3.11.7 and asyncpg 0.32.0, on standard error:
#     Future exception was never retrieved
#     future: <Future finished exception=ConnectionError('unexpected connection_lost() call')>
#     ConnectionError: unexpected connection_lost() call
#
# Exits with 0 while asyncpg does this, with 1 once it does not: then log_unawaited_errors in
# watcher/daemon/lifecycle.py has one reason less.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check asyncpg==0.32.0

cat >"$folder/cancel.py" <<'PYTHON'
import asyncio
import socket

import asyncpg


async def main(port: int) -> None:
    # How many passes of the loop create_connection takes is asyncio's affair: try each of them.
    for passes in range(12):
        connecting = asyncio.create_task(asyncpg.connect(host="127.0.0.1", port=port, user="nobody"))
        for _ in range(passes):
            await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait([connecting])


with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nothing answers
    asyncio.run(main(silent.getsockname()[1]))
PYTHON

"$folder/venv/bin/python" "$folder/cancel.py" 2>&1 | tee "$folder/output"
grep -q "^ConnectionError: unexpected connection_lost() call$" "$folder/output" || {
  echo "changed: asyncpg left no error behind" >&2
  exit 1
}
