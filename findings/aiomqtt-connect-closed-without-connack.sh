#!/usr/bin/env bash
# aiomqtt 2.5.1: a broker that closes the connection without an answer to the connect is noticed only
# after the timeout, and then reported as one.
#
# Client._on_disconnect returns early while the client is not connected yet, so that nothing ends the
# wait for CONNACK in __aenter__. RabbitMQ 3.10 closes like this on a connect with MQTT 5, rumqttd on
# one with another version than that of its listener. The text then says "Operation timed out", which
# leads to the network and away from the protocol version.
#
# Seen with CPython 3.11.7, aiomqtt 2.5.1 and paho-mqtt 2.2.0:
#     MqttError: Operation timed out, after 2.0 s (timeout=2)
#
# Exits with 0 while aiomqtt does this, with 1 once it does not: then `_on_disconnect` of Client in
# watcher/receivers/mqtt/broker/client.py needs no line for it (decision 14).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  aiomqtt==2.5.1 paho-mqtt==2.2.0

cat >"$folder/connect.py" <<'PYTHON'
import asyncio
import sys
import time

import aiomqtt


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1_000)
    writer.close()


async def main() -> int:
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    started = time.monotonic()
    try:
        async with aiomqtt.Client(
            "127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, timeout=2
        ):
            pass
    except aiomqtt.MqttError as error:
        print(f"MqttError: {error}, after {time.monotonic() - started:.1f} s (timeout=2)")
        return 0 if "timed out" in str(error) else 1
    return 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/connect.py"
