"""How Watcher logs: JSON lines on stdout for journald, readable lines on a terminal.

Law: no log line contains a secret. What libraries log below WARNING is left out.
"""

from __future__ import annotations

import logging
import sys

import stamina
import structlog

WARNING = logging.WARNING
ERROR = logging.ERROR


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
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("watcher").setLevel(level)
