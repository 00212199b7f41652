"""The laws of what the broker retains: it is what is true, once all is quiet."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tests.year.trace import Trace

_INCIDENTS = "watcher/incidents/"
_LIVE = {"open", "acknowledged"}


def unresolved(trace: Trace, at: datetime) -> list[str]:
    """Return the incidents that a subscriber of MQTT takes to be open at a time."""
    newest: dict[str, Any] = {}
    for record in trace.of("mqtt"):
        topic = record.fields["topic"]
        if record.at <= at and topic.startswith(_INCIDENTS) and topic.count("/") == 2:
            newest[topic] = record.fields["payload"]
    documents = (json.loads(payload) for payload in newest.values() if payload)
    return sorted(document["id"] for document in documents if document["status"] in _LIVE)
