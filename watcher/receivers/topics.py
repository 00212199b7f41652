"""The MQTT topics, public surface (docs/reference/mqtt.md). Pure."""

from __future__ import annotations

import re

_LONGEST_PART = 200
_STRANGE = re.compile(r"[^A-Za-z0-9_-]")
_NOT_PUBLISHED_TO = re.compile(r"[+#\x00-\x1f\x7f]")


def slug(part: str) -> str:
    """Make an id fit to be one level of a topic, for every subscriber's sake."""
    return _STRANGE.sub("_", part)[:_LONGEST_PART] or "_"


def presence(prefix: str, instance: str) -> str:
    """Retained `online`; the last will says `offline`."""
    return f"{prefix}/status/{slug(instance)}"


def leader(prefix: str) -> str:
    """Retained `online` by the daemon that leads."""
    return f"{prefix}/status"


def incident(prefix: str, identity: str) -> str:
    """Retained incident document."""
    return f"{prefix}/incidents/{slug(identity)}"


def report(prefix: str, identity: str, run: str) -> str:
    """Retained PDF of one diagnostics run."""
    return f"{incident(prefix, identity)}/reports/{slug(run)}.pdf"


def events(prefix: str) -> str:
    """Timeline entries, never retained."""
    return f"{prefix}/events"


def source(prefix: str, name: str) -> str:
    """Retained health of a source."""
    return f"{prefix}/sources/{slug(name)}"


def commands(prefix: str) -> str:
    """Filter of the commands that are accepted."""
    return f"{prefix}/commands/+"


def answers(prefix: str) -> str:
    """Answers to commands that name no response topic, never retained."""
    return f"{prefix}/answers"


def takes_answers(prefix: str, topic: str) -> bool:
    """Whether a stranger may have an answer there: not where only Watcher itself speaks."""
    if not topic or len(topic) > _LONGEST_PART or topic.startswith("$"):
        return False
    ours = f"{topic}/".startswith(f"{prefix}/")
    return not _NOT_PUBLISHED_TO.search(topic) and (
        not ours or f"{topic}/".startswith(f"{answers(prefix)}/")
    )
