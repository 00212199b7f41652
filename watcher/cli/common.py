"""What the verbs share: their options, the way to the daemon, and how JSON is printed."""

from __future__ import annotations

import asyncio
import getpass
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="WATCHER_CONFIG", help="The configuration file."),
]
Socket = Annotated[
    Path | None,
    typer.Option(help="The daemon's control socket; default: the one in the configuration."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
By = Annotated[str, typer.Option(help="Who does it; default: who is logged in.")]

DEFAULT = Path("config.toml")


def ask(config: Path, socket: Path | None, method: str, resource: str, body: object = None) -> Any:
    """Ask the daemon. Raises model.PermanentError in its words, or when there is none."""
    from watcher.operations import control_socket

    return asyncio.run(control_socket.ask(socket or _socket_of(config), method, resource, body))


def person(by: str) -> str:
    """Name who does it."""
    return by or getpass.getuser()


def print_json(value: object) -> None:
    """Print for programs, indented."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def complain(*lines: str) -> None:
    """Print on stderr, one line for each fault."""
    for line in lines:
        typer.echo(line, err=True)


def _socket_of(config: Path) -> Path:
    """Find the daemon's socket without its secrets, which an operator need not be able to read."""
    from watcher.settings import Control

    try:
        table: Mapping[str, Any] = tomllib.loads(config.read_text(encoding="utf-8"))
        path = Path(table.get("control", {}).get("socket", Control().socket))
    except (OSError, tomllib.TOMLDecodeError):
        return Control().socket
    return config.resolve().parent / path
