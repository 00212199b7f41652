"""The devices that Home Assistant gets, without being configured. Pure.

One retained message for each device, in the device-based form: Watcher itself, and each source. All
states come from topics that others read as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from watcher.model import Severity
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import topics

EXPIRES_AFTER = 900  # seconds without a message about a source, as its `valid_until` says
_SEVERITIES = ["none", *(severity.value for severity in Severity)]
_SIGHTS = "{{ {'blind': 'ON', 'failing': 'OFF', 'seen': 'OFF'}.get(value_json.sight, 'None') }}"


def devices(settings: receiver_settings.Mqtt, sources: Iterable[str]) -> Mapping[str, bytes]:
    """Return what is published, by topic; nothing unless discovery is on."""
    if not settings.discovery:
        return {}
    prefix = settings.topic_prefix
    watcher = topics.device(prefix)
    published = {watcher: _device(watcher, "Watcher", _of_watcher(prefix, watcher))}
    for source in sources:
        identity = topics.device(prefix, source)
        components = _of_source(prefix, identity, source)
        published[identity] = _device(identity, f"Watcher {source}", components, via_device=watcher)
    return {
        topics.discovery(settings.discovery_prefix, identity): json.dumps(payload).encode()
        for identity, payload in published.items()
    }


def _device(identity: str, name: str, components: dict[str, Any], **device: str) -> dict[str, Any]:
    return {
        "device": {
            "identifiers": [identity],
            "name": name,
            "manufacturer": "Watcher",
            "sw_version": version("watcher"),
            **device,
        },
        "origin": {"name": "watcher", "sw_version": version("watcher")},
        "qos": 1,
        "components": components,
    }


def _of_watcher(prefix: str, identity: str) -> dict[str, Any]:
    return {
        "leading": {
            "platform": "binary_sensor",
            "unique_id": f"{identity}_leading",
            "name": "Watching",
            "device_class": "running",
            "entity_category": "diagnostic",
            "state_topic": topics.leader(prefix),
            "payload_on": "online",
            "payload_off": "offline",
        },
        **_counts(prefix, identity, "value_json"),
    }


def _of_source(prefix: str, identity: str, source: str) -> dict[str, Any]:
    health = topics.source(prefix, source)
    return {
        "blind": {
            "platform": "binary_sensor",
            "unique_id": f"{identity}_blind",
            "name": "Blind",
            "device_class": "problem",
            "state_topic": health,
            "value_template": _SIGHTS,
            "json_attributes_topic": health,
            "expire_after": EXPIRES_AFTER,
            **_available(prefix),
        },
        **_counts(prefix, identity, f"value_json.sources[{json.dumps(source)}]"),
    }


def _available(prefix: str) -> dict[str, Any]:
    return {"availability": [{"topic": topics.leader(prefix)}]}


def _counts(prefix: str, identity: str, where: str) -> dict[str, Any]:
    summary = topics.summary(prefix)
    return {
        "open": {
            "platform": "sensor",
            "unique_id": f"{identity}_open",
            "name": "Open incidents",
            "icon": "mdi:alert-circle-outline",
            "state_class": "measurement",
            "state_topic": summary,
            "value_template": f"{{{{ {where}.open }}}}",
            **_available(prefix),
        },
        "severity": {
            "platform": "sensor",
            "unique_id": f"{identity}_severity",
            "name": "Worst severity",
            "device_class": "enum",
            "options": _SEVERITIES,
            "state_topic": summary,
            "value_template": f"{{{{ {where}.severity or 'none' }}}}",
            **_available(prefix),
        },
    }
