"""RabbitMQ with its MQTT plugin (3.1.1 in Debian 12), on free ports.

It takes about ten seconds of CPU to start, so one serves all tests of a worker, and those that use
it run on one worker (`pytest.mark.xdist_group("rabbitmq")`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.ports import free_port, until_it_answers
from tests.servers.programs import program, unavailable

HOME = Path("/usr/lib/rabbitmq/bin")  # the programs on PATH want the packaged user and folders


USER, NARROW_USER, PASSWORD = "watcher", "narrow", "right"
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
DEFINITIONS: dict[str, Any] = {
    "vhosts": [{"name": "/"}],
    "users": [{"name": name, "password": PASSWORD, "tags": ""} for name in (USER, NARROW_USER)],
    "permissions": [{"user": name, "vhost": "/", **EVERYTHING} for name in (USER, NARROW_USER)],
    "topic_permissions": [
        {
            "user": NARROW_USER,
            "vhost": "/",
            "exchange": "amq.topic",
            "write": r"^watcher\.(status|clients|incidents|sources|open|topics)",
            "read": ".*",
        }
    ],
}


class RabbitMq:
    """Knows two users with one password; NARROW_USER may not publish to `watcher/events`."""

    def __init__(self, folder: Path) -> None:
        program("rabbitmq-server", "rabbitmq-server")
        if not (HOME / "rabbitmq-server").exists():
            unavailable(f"{HOME}/rabbitmq-server is missing: apt install rabbitmq-server")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "rabbitmq.log"
        (folder / "rabbitmq.conf").write_text(
            f"""
listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:{self.port}
load_definitions = {folder / "definitions.json"}
log.console = true
log.console.level = warning
"""
        )
        (folder / "definitions.json").write_text(json.dumps(DEFINITIONS))
        (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
        loopback = "{127,0,0,1}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "RABBITMQ_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": f"watcher-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"+S 1:1 -kernel inet_dist_use_interface {loopback}"
            ),
            "ERL_EPMD_PORT": str(free_port()),  # an epmd of its own, ended with it
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [HOME / "rabbitmq-server"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until_it_answers(self._is_ready, self._process, self._log, within=240)

    def _is_ready(self) -> bool:
        return b"completed with" in self._log.read_bytes()  # it listens before that

    def stop(self) -> None:
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)  # the shell, and Erlang below it
            self._process.wait()
        epmd = program("epmd", "erlang-base")
        for _ in range(50):  # it refuses until it has noticed that the node is gone
            if not subprocess.run(
                [epmd, "-kill"], env=self._environment, check=False, capture_output=True
            ).returncode:
                return
            time.sleep(0.1)  # nobody says when
        raise AssertionError("epmd is still running")


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
    server = RabbitMq(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
