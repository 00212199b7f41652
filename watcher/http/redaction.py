"""Secrets that the other side repeats are blotted out before anybody sees its answer."""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from yarl import URL

BLOT = "***"
SHORTEST = 4  # characters; blotting out anything shorter would leave nothing to read


class Redactor:
    """Replaces secrets in a text, also as an address, JSON, HTML or base64 spells them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {
            spelling for secret in secrets if len(secret) >= SHORTEST for spelling in _spell(secret)
        }
        self._spellings = sorted(spellings, key=len, reverse=True)  # the longest contains others

    def __call__(self, text: str) -> str:
        """Return the text without any secret."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, BLOT)
        return text


def secrets_in(authorization: str) -> tuple[str, ...]:
    """Return what is secret in an Authorization header: its credentials, and a Basic password."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.casefold() != "basic":
        return (credentials,)
    try:
        plain = base64.b64decode(credentials, validate=True).decode(errors="replace")
    except binascii.Error:
        return (credentials,)
    return credentials, plain, plain.partition(":")[2]


def parts_of(url: URL) -> tuple[str, ...]:
    """Return whatever of an address may give access: each part of its path and of its query."""
    pairs = [pair.partition("=") for pair in url.raw_query_string.split("&")]
    raw = (*url.raw_parts, *(value or name for name, _, value in pairs))
    whole = (str(url), url.raw_path_qs, url.path_qs, url.raw_path, url.path)
    return (*whole, *raw, *map(unquote, raw), *map(unquote_plus, raw))


def _spell(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode(errors="replace")).decode()
    return {
        secret,
        encoded.rstrip("="),
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        unquote(secret),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode(errors="replace"))[2:-1],
    }
