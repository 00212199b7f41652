"""What the commands share: their options, requests to the daemon, and how output is printed."""

from __future__ import annotations

import gc
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
import typer

from watcher import text

if TYPE_CHECKING:
    from watcher import model, ports

Choice = TypeVar("Choice", bound=StrEnum)

Config = Annotated[
    Path,
    typer.Option(
        "--config", "-c", metavar="FILE", envvar="WATCHER_CONFIG", help="The configuration file."
    ),
]
Socket = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="The daemon's control socket; default: the one in the configuration."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
By = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Who makes the change; default: who is logged in, under sudo as well."
    ),
]

DEFAULT_CONFIG = Path("config.toml")

# How many new objects start a garbage collection. A poll makes many objects and no cycles, and
# collecting as often as Python does by default (700) took a tenth of the CPU during a storm, and a
# fifth of that of a month's report.
GARBAGE_THRESHOLD = 50_000


# The same for the daemon, whose event loop stands still meanwhile: that is to take a few ms. The
# oldest objects are looked through when a quarter has been added to them, and not before.
COLLECT_BRIEFLY = 5_000, 5, 100


def collect_briefly() -> None:
    """Look for garbage a little at a time."""
    gc.set_threshold(*COLLECT_BRIEFLY)


def collect_seldom() -> None:
    """Look for garbage seldom in this process: it makes many objects and hardly a cycle."""
    gc.set_threshold(GARBAGE_THRESHOLD)


@contextmanager
def loading() -> Iterator[None]:
    """Load the daemon's modules meanwhile.

    They make many objects and no garbage, and stay until the end. And structlog loads rich, where
    it can, for tracebacks that `watcher.logs` writes itself.
    """
    gc.disable()
    hidden = {"rich": None} if "rich" not in sys.modules else {}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: it is not there to load
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        gc.enable()


def request(
    config: Path, socket: Path | None, method: str, resource: str, body: object = None
) -> Any:
    """Send a request to the daemon and return its reply.

    Raises model.PermanentError with the daemon's own words, or when none is running.
    """
    from watcher.operations import control_client

    return control_client.ask(socket or _socket_of(config), method, resource, body)


def choice(words: type[Choice]) -> Callable[[str], Choice]:
    """Return the parser of an option that takes one of these words.

    Its help and completion know them by its type; only the refusal is not typer's own.
    """

    def parse(given: str) -> Choice:
        require_one_of(given, tuple(words))
        return words(given)

    return parse


def require_one_of(given: str, allowed: Sequence[str]) -> None:
    """Raise BadParameter for what is not one of the words that are allowed."""
    if given not in allowed:
        raise typer.BadParameter(f"{given!r} is none of {', '.join(allowed)}")


def is_whole_id(given: str) -> bool:
    """Return whether this is an incident's whole id."""
    return re.fullmatch(r"w-[0-9a-z]{8}", given) is not None


def complete_id(given: str, existing: Sequence[str], kind: str = "w-") -> str:
    """Return the id that begins so, with or without its `kind`; what fits none as it is.

    Raises BadParameter where it fits several.
    """
    prefix = with_kind(given, kind)
    fitting = sorted({identity for identity in existing if identity.startswith(prefix)})
    if given in fitting or not given or not fitting:
        return given
    if len(fitting) > 1:
        raise typer.BadParameter(f"{given!r} fits {', '.join(fitting[:8])}: give more of the id")
    return fitting[0]


def full_id(config: Path, socket: Path | None, given: str) -> str:
    """Return the incident's id that begins so; what fits none is the daemon's to refuse.

    Raises BadParameter for what cannot be an id, as an unset variable of a shell is.
    """
    if is_whole_id(given):
        return given
    if not re.fullmatch(r"[0-9A-Za-z-]+", given):
        raise typer.BadParameter(
            f"{given!r} is not an incident's id, as in w-3f9k2c7d; see `watcher incidents`"
        )
    prefix = quote(with_kind(given), safe="")
    return complete_id(given, request(config, socket, "GET", f"/incidents/{prefix}/ids")["ids"])


async def stored_view(reader: ports.IncidentReader, given: str) -> model.IncidentView:
    """Return the stored incident whose id begins so. Raises PermanentError where there is none."""
    from watcher import model
    from watcher.operations import links

    identity = given
    if not is_whole_id(given):
        identity = complete_id(given, await reader.incident_ids(with_kind(given)))
    view = await reader.incident_view(identity)
    if view is None:
        raise model.PermanentError(links.no_incident(identity))
    return view


def with_kind(given: str, kind: str = "w-") -> str:
    """Return how an id begins, which may be given without its `w-`."""
    return given if given.startswith(kind) else f"{kind}{given}"


def user(by: str) -> str:
    """Return the person who makes a change: `--by`, else who logged in, under sudo as well."""
    from watcher.operations import people

    name = by or people.current_login()
    if not name:
        raise typer.BadParameter("who makes this change? say it with --by NAME")
    return name


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    document = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    typer.echo(text.escaped_json(document))


def write_file(file: Path, content: bytes) -> None:
    """Write a file, or to standard output for `-`. Raises PermanentError where it cannot be."""
    from watcher import model, system_words

    if str(file) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        raise model.PermanentError(
            f"{file} cannot be written: {system_words.of_error(error)}"
        ) from error


def in_journal() -> bool:
    """Return whether stderr leads to the journal, as it does for a service."""
    if "JOURNAL_STREAM" not in os.environ:
        return False
    from watcher import logs

    return logs.is_journal(sys.stderr)


def print_errors(*lines: str) -> None:
    """Print lines on stderr; in the journal they are errors."""
    before = ""
    if in_journal():
        from watcher import logs

        before = logs.prefix(logs.ERROR)
    for line in "\n".join(lines).splitlines():
        typer.echo(before + line, err=True)


def _socket_of(config: Path) -> Path:
    """Return the control socket that a config names, without loading the settings.

    They need the daemon's secrets, which an operator may not be allowed to read.
    """
    from watcher.operations.control_client import DEFAULT_PATH

    try:
        table: Mapping[str, Any] = tomllib.loads(config.read_text(encoding="utf-8"))
        path = Path(table.get("control", {}).get("socket", DEFAULT_PATH))
    except (OSError, tomllib.TOMLDecodeError):
        return DEFAULT_PATH
    return config.resolve().parent / path
