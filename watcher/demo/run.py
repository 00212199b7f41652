"""Runs the demo: the real daemon through one outage, on simulated vendors, Slack and broker.

Nothing of the daemon is replaced: only the addresses in its configuration are the simulator's.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import typer
from msgspec.structs import replace

from watcher import logs, model, ports, settings
from watcher.daemon import app

_HERE = Path(__file__).parent
_INDENT = " " * 10

_CONFIG = """
instance = "demo"
rules = ["rules.yaml"]
inventory = "inventory.yaml"

[accounts.vyvx]
kind = "mpa"
key_id = "{credentials.vyvx_key_id}"
secret = "{credentials.vyvx_secret}"

[accounts.lumen]
kind = "oauth2"
token_url = "{at.lumen_token_url}"
client_id = "{credentials.lumen_client_id}"
client_secret = "{credentials.lumen_client_secret}"

[accounts.orange]
kind = "oauth2"
token_url = "{at.orange_token_url}"
client_id = "{credentials.orange_client_id}"
client_secret = "{credentials.orange_client_secret}"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "{at.vyvx_url}"
interval = "1s"
fast_interval = "500ms"
blind_after = "10s"

[sources.evpl]
kind = "evpl"
account = "orange"
base_url = "{at.orange_url}"
operator_code = "{credentials.orange_operator_code}"
application_id = "{credentials.orange_application_id}"
interval = "1s"
fast_interval = "1s"
blind_after = "10s"
granularity = "1s"
window = "30s"

[sources.iod]
kind = "internet_on_demand"
account = "lumen"
base_url = "{at.lumen_url}"
interval = "1s"
fast_interval = "1s"
blind_after = "10s"

[diagnostics]
account = "lumen"
base_url = "{at.lumen_url}"

[receivers.noc]
kind = "slack"
channel = "{credentials.slack_channel}"

[receivers.mqtt]
kind = "mqtt"

[slack]
bot_token = "{credentials.slack_bot_token}"
app_token = "{credentials.slack_app_token}"
api_url = "{at.slack_api_url}"

[mqtt]
host = "127.0.0.1"
port = {at.mqtt_port}
protocol = "3.1.1"

[web]
listen = "127.0.0.1:{web_port}"

[control]
socket = "control.sock"
"""


async def play(span: timedelta | None, scenario: str = "outage") -> None:
    """Run the demo until the span is over, or until Ctrl-C.

    `scenario` is a file, or the name of one that comes with Watcher. Raises model.PermanentError
    when the demo's own packages are not installed, model.InvalidConfigError for a bad scenario.
    """
    try:
        from watcher import simulator  # noqa: PLC0415  # its packages are an extra
    except ModuleNotFoundError as error:
        raise model.PermanentError(
            f"the demo needs {error.name}: install Watcher with its extra, watcher[demo]"
        ) from error
    try:
        loaded = simulator.load(scenario)
    except simulator.ScenarioError as error:
        raise model.InvalidConfigError(error.problems) from error
    logs.configure(logs.WARNING)
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="watcher-demo-") as directory:
        home = Path(directory)
        async with simulator.Simulator(loaded, start=False) as world:
            config = home / "config.toml"
            port = _free_port()
            config.write_text(
                _CONFIG.format(at=world, credentials=world.credentials, web_port=port)
            )
            for name in ("rules.yaml", "inventory.yaml"):
                shutil.copy(_HERE / name, home / name)
            board = f"http://127.0.0.1:{port}"
            typer.echo(f"The board of a control room: {board}/")
            typer.echo(f"Slack, as a person sees it:  {world.page_url}")
            typer.echo(f"MQTT, as programs see it:    {world.page_url}mqtt")
            typer.echo(f"The broker:                  127.0.0.1:{world.mqtt_port}")
            typer.echo("The command line, from another terminal:")
            typer.echo(f"  {_program()} incidents --socket {home}/control.sock")
            typer.echo(f"The story begins now{_lasts(loaded.events)}. Press Ctrl-C to stop.\n")
            world.start()
            monotonic = asyncio.get_running_loop().time
            last_event_at = monotonic() + _length(loaded.events).total_seconds()
            if span is not None:
                asyncio.get_running_loop().call_later(span.total_seconds(), stop.set)
            await app.run(
                settings.load(config),
                extra={
                    "terminal": Terminal(
                        "terminal",
                        typer.echo,
                        board=board,
                        is_over=lambda: monotonic() >= last_event_at,
                    )
                },
                stop=stop,
            )
    typer.echo("\nThe demo has ended.")


def _program() -> str:
    """Return how this program was started, from where one stands."""
    path = Path(sys.argv[0])
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _length(events: Sequence[Timed]) -> timedelta:
    return max((event.at for event in events), default=timedelta(0))


def _lasts(events: Sequence[Timed]) -> str:
    length = _length(events)
    return f" and takes about {model.format_duration(length)}" if length else ""


def _free_port() -> int:
    """Return a free port for the board, as 9464 may be taken by a daemon on this host."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Timed(Protocol):
    """An event of a scenario, so long after its start."""

    @property
    def at(self) -> timedelta:
        """How long after the start it happens."""


class Terminal:
    """A receiver that prints each new entry of a timeline, and the address of each report.

    `print_line` prints one line, of 80 columns at most. Once everything is resolved, and `is_over`
    says that nothing else will happen, it says so.
    """

    def __init__(
        self,
        name: str,
        print_line: Callable[[str], None],
        *,
        board: str,
        is_over: Callable[[], bool],
    ) -> None:
        self.name = name
        self._print_line = print_line
        self._board = board
        self._is_over = is_over
        self._open: set[str] = set()
        self._said_over = False

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, session: ports.DeliverySession
    ) -> model.Receipt:
        """Print the entries that have not been printed yet; save the receipt after each."""
        incident = view.incident
        for entry in view.timeline:
            if entry.number > receipt.told_through:
                for line in _lines(incident, entry):
                    self._print_line(line)
                if report := _report(incident, entry):
                    address = (
                        f"{self._board}/api/v1/incidents/{incident.id}/reports/{report.run}.pdf"
                    )
                    self._print_line(f"{_INDENT}its PDF, and the incident on the board:")
                    self._print_line(f"  {address}")
                    self._print_line(f"  {self._board}/incidents/{incident.id}")
                receipt = replace(receipt, told_through=entry.number)
                await session.save(receipt)
        self._follow(incident)
        return replace(receipt, parent_version=incident.version)

    def _follow(self, incident: model.Incident) -> None:
        if incident.status is not model.IncidentStatus.RESOLVED:
            self._open.add(incident.id)
            return
        self._open.discard(incident.id)
        if not self._open and self._is_over() and not self._said_over:
            self._said_over = True
            self._print_line("\nThe story is over: every incident is resolved. Look around on the")
            self._print_line(f"board, {self._board}/, and press Ctrl-C to stop.")


def _report(incident: model.Incident, entry: model.Entry) -> model.Report | None:
    """Return the report that an entry tells of."""
    if entry.kind is not model.EntryKind.DIAGNOSED:
        return None
    run = entry.data.get("run")
    return next((d.report for d in incident.diagnostics if d.report and d.run == run), None)


def _lines(incident: model.Incident, entry: model.Entry) -> list[str]:
    """Return an entry in lines that a terminal of 80 columns holds."""
    head = f"{entry.at:%H:%M:%S}  {incident.id}  {entry.kind:<10}  "
    return textwrap.wrap(
        _format(incident, entry), width=80, initial_indent=head, subsequent_indent=_INDENT
    )


def _format(incident: model.Incident, entry: model.Entry) -> str:
    if entry.kind is model.EntryKind.OPENED:
        return f"{incident.title}: {entry.text}"
    return entry.text
