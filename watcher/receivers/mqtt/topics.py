"""Where things are published: the topics below the prefix, and which ones strangers may name.

The topics are public surface (docs/reference/mqtt.md): none may be renamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_LONGEST_PART = 200
_LONGEST_ANSWER = 200  # bytes of a response topic
_LONGEST_TOPIC = 1_000
_MOST_LISTED = 10_000
_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")


def slug(part: str) -> str:
    """Return an id as one level of a topic, in characters that every subscriber can take."""
    return _UNUSUAL.sub("_", part)[:_LONGEST_PART] or "_"


def presence(prefix: str, instance: str) -> str:
    """Retained `online`; the last will says `offline`."""
    return f"{prefix}/status/{slug(instance)}"


def leader(prefix: str) -> str:
    """Retained `online`, published by the leader."""
    return f"{prefix}/status"


def client(prefix: str, client_id: str) -> str:
    """Retained: which daemon connected last with a client id."""
    return f"{prefix}/clients/{slug(client_id)}"


def check(prefix: str, instance: str) -> str:
    """Retained by `watcher check --connect`, and removed again."""
    return f"{prefix}/check/{slug(instance)}"


def incident(prefix: str, identity: str) -> str:
    """Retained incident document."""
    return f"{prefix}/incidents/{slug(identity)}"


def open_list(prefix: str) -> str:
    """Retained list of what is open."""
    return f"{prefix}/open"


def summary(prefix: str) -> str:
    """Retained: how many incidents are open, by source."""
    return f"{prefix}/summary"


def index(prefix: str) -> str:
    """Retained: which topics the leader holds, so that a later one can take away the others."""
    return f"{prefix}/topics"


def device(prefix: str, source: str = "") -> str:
    """Return the id of a device of Home Assistant: a source, or Watcher itself."""
    return "_source_".join(filter(None, [slug(prefix), source and slug(source)]))


def discovery(discovery_prefix: str, identity: str) -> str:
    """Retained, for Home Assistant: what a device is."""
    return f"{discovery_prefix}/device/{identity}/config"


def report(prefix: str, identity: str, run: str) -> str:
    """Retained PDF of one diagnostics run, without a dot: RabbitMQ and NATS mind them."""
    return f"{incident(prefix, identity)}/reports/{slug(run)}"


def suffixed_report(prefix: str, identity: str, run: str) -> str:
    """Where earlier versions published the PDF; to be removed in the version after 0.2."""
    return f"{report(prefix, identity, run)}.pdf"


def events(prefix: str) -> str:
    """Timeline entries, never retained."""
    return f"{prefix}/events"


def source(prefix: str, name: str) -> str:
    """Retained health of a source."""
    return f"{prefix}/sources/{slug(name)}"


def silences(prefix: str) -> str:
    """Retained list of the silences that are not over."""
    return f"{prefix}/silences"


def commands(prefix: str) -> str:
    """Filter of the commands that are accepted."""
    return f"{prefix}/commands/+"


def answers(prefix: str) -> str:
    """Answers to commands that name no response topic, never retained."""
    return f"{prefix}/answers"


def accepts_answers(prefix: str, topic: str) -> bool:
    """Whether an answer may be published there: not to a topic that only Watcher publishes to.

    The length counts UTF-8 bytes. Brokers close the connection on control characters, lone
    surrogates and noncharacters, none of which is printable; NATS does so on a space.
    """
    if not topic.isprintable() or any(character in "+# " for character in topic):
        return False
    if not 0 < len(topic.encode()) <= _LONGEST_ANSWER or topic.startswith("$"):
        return False
    own = f"{topic}/".startswith(f"{prefix}/")
    return not own or f"{topic}/".startswith(f"{answers(prefix)}/")


class Index:
    """The retained topics that there should be, and those that an earlier configuration left.

    Incidents are not among them: their receivers remove these.
    """

    def __init__(self, prefix: str, expected: Iterable[str]) -> None:
        self.topic = index(prefix)
        self.obsolete: set[str] = set()
        self._expected = frozenset(expected)
        own, device_id = re.escape(prefix), re.escape(device(prefix))
        self._ours = re.compile(
            rf"{own}/(?:sources|status|clients)/[A-Za-z0-9_-]+|{own}/summary"
            rf"|[^+#\x00-\x1f]+/device/{device_id}(?:_source_[A-Za-z0-9_-]+)?/config"
        )

    def encode(self) -> bytes:
        """Return what is published: what there is, until the rest has been taken away."""
        return msgspec.json.encode({"topics": sorted(self._expected | self.obsolete)})

    def read(self, payload: bytes) -> bool:
        """Learn what was there before; return whether anything has to be taken away.

        A stranger may have written it, so only names that Watcher gives are believed.
        """
        try:
            listed = msgspec.json.decode(payload, type=_Listed).topics[:_MOST_LISTED]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        names = (topic for topic in listed if len(topic) <= _LONGEST_TOPIC)
        left = {topic for topic in names if self._ours.fullmatch(topic)}
        self.obsolete = left - self._expected
        return bool(self.obsolete)


class _Listed(msgspec.Struct):
    topics: list[str] = []
