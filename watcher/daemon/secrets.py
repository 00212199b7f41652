"""The secrets of a configuration, and what gives them away, as `watcher check` says it.

Pure, but for a look at the database's permissions. Whether a secret is the right one only its other
side knows; here is what is wrong for everybody.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import make_url
from yarl import URL

from watcher.http.redaction import parts_of
from watcher.settings import Settings
from watcher.web.settings import LOOPBACK

SHORTEST = 4  # characters of a secret that somebody else made
SHORTEST_OF_OURS = 12  # of one that was made up for Watcher, which anybody may try
_WORD = re.compile(r"[A-Za-z._-]{,20}")


def secrets_in(settings: Settings) -> tuple[str, ...]:
    """Return every secret that is configured, also those inside an address.

    A part of an address that is a plain word, such as `hook`, is none: the log could not be read.
    """
    addresses = [
        receiver.url for receiver in settings.receivers.values() if receiver.kind == "webhook"
    ]
    heartbeat = settings.heartbeat.url.get_secret_value()
    parts = (part for address in (*addresses, heartbeat) for part in parts_of(URL(address)))
    return (
        *(secret for _, secret in _secrets(settings, "")),
        *dict.fromkeys(part for part in parts if not _WORD.fullmatch(part)),
        make_url(settings.store.url).password or "",
    )


def weaknesses(settings: Settings) -> Iterator[str]:
    """Yield `key: what is wrong, and what to do`."""
    for key, secret in _secrets(settings, ""):
        yield from _weak_secret(key, secret)
    for key, address in _addresses(settings):
        url = URL(address)
        if url.scheme == "http" and url.host not in LOOPBACK:
            yield f"{key}: secrets would cross the network in plain text: use https"
    is_remote = settings.mqtt.host not in LOOPBACK and _has_mqtt(settings)
    if is_remote and not settings.mqtt.tls:
        for name in ("password", "commands_token"):
            if getattr(settings.mqtt, name).get_secret_value():
                yield f"mqtt.tls: the {name} would cross the network in plain text: set tls"
    imap = settings.works.imap
    if imap.host not in LOOPBACK and imap.password.get_secret_value() and not imap.tls:
        yield "works.imap.tls: the password would cross the network in plain text: set tls"
    if path := _database(settings):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o007:
            yield f"store.url: everybody on this host may read {path}: chmod {mode & 0o770:o}"


def _weak_secret(key: str, secret: str) -> Iterator[str]:
    if not secret:
        return
    if not secret.strip():
        yield f"{key}: is blank"
    elif secret != secret.strip():
        yield f"{key}: begins or ends with white space: was it pasted?"
    elif len(secret) < SHORTEST:
        yield f"{key}: a secret of {len(secret)} characters is none"
    elif _is_ours(key) and len(secret) < SHORTEST_OF_OURS:
        yield f"{key}: can be guessed: make one of {SHORTEST_OF_OURS} characters or more"


def _is_ours(key: str) -> bool:
    """Whether somebody made it up for Watcher; vendors and Slack make the others."""
    return key in {"web.token", "mqtt.commands_token"} or key.startswith("receivers.")


def _secrets(value: object, key: str) -> Iterator[tuple[str, str]]:
    match value:
        case SecretStr():
            yield key.removeprefix("."), value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets(getattr(value, name), f"{key}.{name}")
        case dict():
            for name, inner in value.items():
                yield from _secrets(inner, f"{key}.{name}")
        case _:
            pass


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield every address that is sent a secret."""
    for name, account in settings.accounts.items():
        if account.kind == "oauth2":
            yield f"accounts.{name}.token_url", account.token_url
    for name, source in settings.sources.items():
        address = getattr(source, "base_url", "")  # a vendor may have none
        if source.account and address:
            yield f"sources.{name}.base_url", address
    if settings.diagnostics and settings.diagnostics.account:
        yield "diagnostics.base_url", settings.diagnostics.base_url
    for name, receiver in settings.receivers.items():
        if receiver.kind == "webhook":
            yield f"receivers.{name}.url", receiver.url
    if settings.slack.bot_token.get_secret_value():
        yield "slack.api_url", settings.slack.api_url
    if url := settings.heartbeat.url.get_secret_value():
        yield "heartbeat.url", url


def _has_mqtt(settings: Settings) -> bool:
    return any(receiver.kind == "mqtt" for receiver in settings.receivers.values())


def _database(settings: Settings) -> Path | None:
    """Return the file of an SQLite database that is there."""
    url = make_url(settings.store.url)
    if not url.drivername.startswith("sqlite") or not url.database:
        return None
    path = Path(url.database)
    return path if path.exists() else None
