"""How Watcher logs: JSON lines on stdout for journald, readable lines on a terminal.

Law: no log line contains a secret. What libraries log below WARNING is left out.
Where a stream is the journal's own, each line begins with its priority, which journald takes off
and keeps (sd-daemon(3)); without it, `journalctl -p warning` would show nothing.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TextIO

import stamina
import structlog

from watcher.clock import SystemClock

WARNING = logging.WARNING
ERROR = logging.ERROR

# The priorities of syslog(3), from the level that each begins at.
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG = 7


def prefix(level: int) -> str:
    """Return what stands before a line of this level in the journal."""
    priority = next((priority for begin, priority in _PRIORITIES if level >= begin), _DEBUG)
    return f"<{priority}>"


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream leads to the journal, by the device and inode that systemd names."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or none of the system's
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Hidden:
    """What the lines of this process never show."""

    def __init__(self) -> None:
        self.redact: Callable[[str], str] = str


_hidden = _Hidden()


def hide(redact: Callable[[str], str]) -> None:
    """Pass every line through `redact` from now on: the last thing between a secret and the log."""
    _hidden.redact = redact


class _Redacted(logging.Formatter):
    """Blots secrets out of what another formatter makes, tracebacks included."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return _hidden.redact(self._formatter.format(record))


class _Prioritized(logging.Formatter):
    """Puts the priority before each line of what another formatter makes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        lines = self._formatter.format(record).splitlines()
        return "\n".join(prefix(record.levelno) + line for line in lines)


def _event_first(
    _: object, __: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Return the fields of a line as they are read: what happened, then to what."""
    return {"event": line.pop("event"), **line}


def configure(level: int = logging.INFO) -> None:
    """Set up structlog from `level` on, and send the libraries' own warnings the same way.

    Retries within one call are not logged; the caller logs one line when all of them failed.
    """
    stamina.instrumentation.set_on_retry_hooks([])
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if sys.stdout.isatty():
        renderer = structlog.dev.ConsoleRenderer(colors=False)  # colours are control characters
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: logging.getLogger("watcher"),
    )
    handler = logging.StreamHandler(sys.stdout)
    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _event_first,
            renderer,
        ],
    )
    formatter = _Redacted(formatter)
    handler.setFormatter(_Prioritized(formatter) if is_journal(sys.stdout) else formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("watcher").setLevel(level)


class TracebackOnce:
    """Logs the traceback of an unexpected error once for each place at which it is raised."""

    MOST = 100  # places

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def log(self, error: Exception, *, part: str) -> str:
        """Return type and place of the error; its text may repeat what was received."""
        what = f"{type(error).__name__} at {_place(error)}"
        if what not in self._logged and len(self._logged) < self.MOST:
            self._logged.add(what)
            structlog.get_logger().error("unexpected error", part=part, what=what, exc_info=error)
        return what


class LimitedLog:
    """Warnings that somebody outside can cause: so many of each event a minute, then a count."""

    MOST = 10  # a minute

    def __init__(self) -> None:
        self._minute = 0
        self._counts: Counter[str] = Counter()

    def warning(self, event: str, **fields: object) -> None:
        """Log a line, unless there were enough of its kind in this minute."""
        minute = int(SystemClock().monotonic() // 60)
        if minute != self._minute:
            for name, count in self._counts.items():
                if count > self.MOST:
                    structlog.get_logger().warning(name, left_out=count - self.MOST)
            self._minute = minute
            self._counts.clear()
        self._counts[event] += 1
        if self._counts[event] <= self.MOST:
            structlog.get_logger().warning(event, **fields)


def _place(error: BaseException) -> str:
    """Return file and line where it was raised; of a group, where its first exception was."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__, -1)
    if not frames:
        return "an unknown place"
    return "/".join(frames[-1].filename.split("/")[-2:]) + f":{frames[-1].lineno}"
