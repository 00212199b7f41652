"""The processes of a chaos run: simulated vendors, the daemons and their keeper."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.chaos.evidence import Disruption, now

Result = TypeVar("Result")

ROOT = Path(__file__).parents[2]
# Debian's faketime shows a daemon another time of day; its monotonic clock stays as it is.
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
START_SECONDS = 1.5  # of the plan's time, for a start
RESTART_SECONDS = 0.5
TERM_SECONDS = 40.0  # twice what a stop may take on a busy machine

CONFIG = """
instance = "chaos{number}"
rules = ["rules.yaml"]
inventory = "inventory.yaml"

[store]
url = "{database}"

[accounts.vyvx]
kind = "mpa"
key_id = "{vyvx_key_id}"
secret = "{vyvx_secret}"

[accounts.lumen]
kind = "oauth2"
token_url = "{lumen_token_url}"
client_id = "{lumen_client_id}"
client_secret = "{lumen_client_secret}"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "{vyvx_url}"
interval = "250ms"
fast_interval = "150ms"
blind_after = "{blind_after:g}s"
timeout = "2s"
history = "0"

[diagnostics]
account = "lumen"
base_url = "{lumen_url}"
timeout = "10s"
cooldown = "24h"
runs_per_hour = 1000

[receivers.noc]
kind = "slack"
channel = "{slack_channel}"

[receivers.mqtt]
kind = "mqtt"

[slack]
bot_token = "{slack_bot_token}"
api_url = "{slack_api_url}"

[mqtt]
host = "127.0.0.1"
port = {mqtt_port}

[web]
listen = ""

[control]
socket = "c{number}.sock"
"""

DOWN, POOR, BLIND = "down", "poor", "blind"
FAULT = "picture"  # of two faces, gone and bad
HOLD = 1.0  # seconds, the `for` of POOR
BLIND_AFTER = 3.0  # seconds
RULES = """
storm: {incidents: 1000}
rules:
  - name: down
    source: vyvx
    transition: {field: state, to: [offline]}
    severity: critical
    title: "{{ name }} is {{ state }}"
    diagnose: true
  - name: poor
    source: vyvx
    transition: {field: state, to: [offline, degraded]}
    for: 1s
    severity: warning
    title: "{{ name }} is poor: {{ state }}"
  - name: gone
    source: vyvx
    fault: picture
    transition: {field: state, to: [offline]}
    for: 1s
    severity: warning
    title: "{{ name }} is gone"
  - name: bad
    source: vyvx
    fault: picture
    transition: {field: state, to: [degraded]}
    for: 1s
    severity: info
    title: "{{ name }} is bad"
  - name: blind
    source: vyvx
    blind: 3s
    severity: warning
    title: "{{ source }} cannot be seen"
"""


def service_of(subject: str) -> str:
    """Name what diagnostics examines for a reservation."""
    return f"SVC-{subject}"


def scenario(subjects: tuple[str, ...]) -> dict[str, Any]:
    """Describe the simulated world; JSON is YAML."""
    takes = ("300ms", "800ms", "1500ms")
    return {
        "world": {
            "vyvx": {"services": {key: {"name": f"Feed {key}"} for key in subjects}},
            "diagnostics": {
                "services": {
                    service_of(key): {"takes": takes[number % len(takes)]}
                    for number, key in enumerate(subjects)
                }
            },
        }
    }


def inventory(subjects: tuple[str, ...]) -> dict[str, Any]:
    return {"subjects": {f"vyvx/{key}": {"service_ids": [service_of(key)]} for key in subjects}}


@asynccontextmanager
async def vendors(folder: Path, subjects: tuple[str, ...]) -> AsyncIterator[dict[str, Any]]:
    """Run the simulator; its addresses."""
    file = folder / "scenario.yaml"
    file.write_text(json.dumps(scenario(subjects)))
    with (folder / "simulator.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watcher.simulator", "--no-broker", "--scenario", str(file)),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
        )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 90)
        yield json.loads(line)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@dataclass(kw_only=True)
class Daemon:
    """One `watcher run` under a keeper that starts it again whenever it has ended, as systemd."""

    number: int
    home: Path
    launcher: tuple[str, ...] = ("-m", "watcher")
    may_die: bool = False  # by itself: one that lost its lease has to
    disruptions: list[Disruption] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    kills: int = 0
    _process: asyncio.subprocess.Process | None = None
    _started_at: float = 0.0
    _log_from: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def log(self) -> Path:
        return self.home / f"daemon{self.number}.log"

    @property
    def works(self) -> bool:
        """Whether it has come up since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return b'"watching"' in log.read()

    @property
    def lingers(self) -> bool:
        """Whether it takes its time to come up, as on a busy machine."""
        return now() - self._started_at > START_SECONDS and not self.works

    def jump(self, to: float) -> None:
        """Set its clock off by so many seconds, now and after every start."""
        started_at = now()
        self._write_offset(to)
        self._note("clock", started_at)

    async def keep(self) -> None:
        """Start it again whenever it has ended by itself."""
        while True:
            await asyncio.sleep(RESTART_SECONDS)  # as systemd waits
            async with self._turn:
                await self._present()

    async def start(self) -> None:
        self._started_at = started_at = now()
        with self.log.open("ab") as output:
            self._log_from = output.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self.launcher, "run"),
                *("--config", str(self.home / f"config{self.number}.toml")),
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=self._environment(),
            )
        self._note("start", started_at)

    async def kill(self) -> None:
        async with self._turn:
            process = await self._present()
            started_at = now()
            process.kill()
            await process.wait()
            self.kills += 1
            self._note("kill", started_at)
            await self.start()

    async def stop(self) -> None:
        """End it as systemd does; it has to go in time and without a complaint."""
        async with self._turn:
            process = await self._present()
            started_at = now()
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                code = await asyncio.wait_for(process.wait(), TERM_SECONDS)
            except TimeoutError:
                self.faults.append(
                    f"daemon {self.number} did not end {TERM_SECONDS:g} s after SIGTERM"
                )
                process.kill()
                code = await process.wait()
            # Before its handlers are there, SIGTERM ends Python itself.
            if code not in {0, -signal.SIGTERM} and not self.may_die:
                self.faults.append(f"daemon {self.number} ended with {code} after SIGTERM")
            self._note("stop", started_at)
            await self.start()

    async def freeze(self, meanwhile: Awaitable[Result]) -> Result:
        """Freeze it until something is over; what that gives."""
        async with self._turn:
            process = await self._present()
            started_at = now()
            process.send_signal(signal.SIGSTOP)
            try:
                return await meanwhile
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
                self._note("freeze", started_at)

    async def end(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-1500:]

    def complaints(self) -> list[str]:
        """Say what went wrong with it."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        if "Traceback" not in text:
            return self.faults
        where = text.index("Traceback")
        traceback = text[max(0, where - 300) : where + 2500]
        return [*self.faults, f"daemon {self.number} crashed: ...{traceback}"]

    def _environment(self) -> dict[str, str]:
        if FAKETIME is None:
            return dict(os.environ)
        if not self._clock.exists():
            self._write_offset(0.0)
        return {
            **os.environ,
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    @property
    def _clock(self) -> Path:
        return self.home / f"clock{self.number}"

    def _write_offset(self, seconds: float) -> None:
        self._clock.write_text(f"{seconds:+.3f}\n")

    async def _present(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        if self._process.returncode is not None:
            if not self.may_die:
                self.faults.append(
                    f"daemon {self.number} ended by itself with {self._process.returncode}:"
                    f" {self.last_words()}"
                )
            await self.start()
        return self._process

    def _note(self, kind: str, started_at: float) -> None:
        ended_at = now()
        self.disruptions.append(
            Disruption(kind=kind, started_at=started_at, ended_at=ended_at, daemon=self.number)
        )


def install(
    home: Path,
    addresses: dict[str, Any],
    *,
    number: int,
    subjects: tuple[str, ...],
    mqtt_port: int,
    database: str,
) -> None:
    """Write the files of one daemon. Each knows the vendor by another name, so that it shows."""
    values = {**addresses, **addresses["credentials"], "mqtt_port": mqtt_port}
    if number:
        values["vyvx_url"] = values["vyvx_url"].replace("127.0.0.1", "localhost")
    text = CONFIG.format(**values, number=number, database=database, blind_after=BLIND_AFTER)
    (home / f"config{number}.toml").write_text(text)
    (home / "rules.yaml").write_text(RULES)
    (home / "inventory.yaml").write_text(json.dumps(inventory(subjects)))
