"""The MQTT topics, public surface (docs/mqtt.md). Pure."""

from __future__ import annotations

import re

_LONGEST_PART = 200
_STRANGE = re.compile(r"[^A-Za-z0-9_-]")


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
