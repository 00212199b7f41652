"""Where things are published: the topics below the prefix, and which ones strangers may name.

The topics are public surface (docs/reference/mqtt.md): none may be renamed.
"""

from __future__ import annotations

import re

_LONGEST_PART = 200
_LONGEST_ANSWER = 200  # bytes of a response topic
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
