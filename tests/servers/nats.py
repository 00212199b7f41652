"""NATS with its MQTT listener (3.1.1 only), on free ports."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.servers.ports import free_port, until_it_listens
from tests.servers.programs import program


class Nats:
    """Its MQTT messages lie in a folder of its own. `users` are lines of its `authorization`."""

    def __init__(self, folder: Path, users: str = "") -> None:
        self.port = free_port()
        self._config = folder / "nats.conf"
        self._process: asyncio.subprocess.Process | None = None
        self._config.write_text(
            f"""
            listen: "127.0.0.1:{free_port()}"
            server_name: watcher
            jetstream {{ store_dir: "{folder / "nats"}" }}
            mqtt {{ listen: "127.0.0.1:{self.port}" }}
            {f"authorization {{ users: [{users}] }}" if users else ""}
            """
        )

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            program("nats-server", "nats-server"),
            "-c",
            str(self._config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until_it_listens(self.port, self._process)

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
