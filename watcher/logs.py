"""How Watcher logs: JSON lines on stdout for journald, readable lines on a terminal.

Law: no log line contains a secret. What libraries log below WARNING is left out.
Where a stream is the journal's own, each line begins with its priority, which journald takes off
and keeps (sd-daemon(3)); without it, `journalctl -p warning` would show nothing.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

import stamina
import structlog

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


class _Prioritized(logging.Formatter):
    """Puts the priority before each line of what another formatter makes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        lines = self._formatter.format(record).splitlines()
        return "\n".join(prefix(record.levelno) + line for line in lines)


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
            renderer,
        ],
    )
    handler.setFormatter(_Prioritized(formatter) if is_journal(sys.stdout) else formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("watcher").setLevel(level)
