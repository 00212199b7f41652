"""What pxQualify's internal codes mean, and what its replies contain. Pure.

Law: a code is judged before the HTTP status, and never by its message, whose placeholders the
vendor leaves unfilled. Source: Lumen API Marketplace, "PX PreOrder", the rows of Qual alone: the
same figure means something else to the configure call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any

from msgspec import Struct

from watcher import text as texts

MOST = 50  # offers, and again near matches, that are read
_MAX_ENTRIES = 2_000
_LOWEST = 1_000  # a lower figure is a status
_CODE_KEYS = {"internalmessagecode", "internalcode", "messagecode", "errorcode", "code"}
_STATUS_KEYS = {"apistatuscode", "statuscode", "httpstatuscode"}
_OFFERS = re.compile("offer|product|bundle", re.IGNORECASE)
_NAME = re.compile("(product|offer|bundle)?(name|description)", re.IGNORECASE)
_PRICE = re.compile("price|rate|charge", re.IGNORECASE)
_ADDRESS = re.compile("address|street|city|state|zip", re.IGNORECASE)


class Meaning(StrEnum):
    """What follows from a code."""

    NO_MATCH = "no_match"
    OUTSIDE = "outside"
    ORDERED = "ordered"
    NO_OFFERS = "no_offers"
    CONFIG = "config"
    INPUT = "input"
    EXPIRED = "expired"
    DOWN = "down"
    FAILED = "failed"


class Row(Struct, frozen=True):
    """One row of the vendor's table, in our words."""

    meaning: Meaning
    words: str


CODES: Mapping[int, Row] = {
    2096: Row(Meaning.NO_MATCH, "the address is in the area served, but not known: check it"),
    2086: Row(Meaning.OUTSIDE, "the address is outside the area served"),
    2000: Row(Meaning.CONFIG, "the sales code is missing or wrong: check sales_code"),
    2010: Row(Meaning.CONFIG, "the agent id is missing or wrong: check agent_id"),
    2020: Row(Meaning.CONFIG, "the market segment is missing or wrong: check market_segment"),
    2030: Row(Meaning.CONFIG, "the partner id is missing or wrong: check partner_id"),
    2040: Row(Meaning.CONFIG, "the video flag was not accepted as false: check fields"),
    1000: Row(Meaning.INPUT, "the street is missing or incomplete"),
    1010: Row(Meaning.INPUT, "the city is missing"),
    1020: Row(Meaning.INPUT, "the state is missing or wrong"),
    1030: Row(Meaning.INPUT, "the zip code is missing or wrong"),
    2070: Row(Meaning.INPUT, "the transaction is not known: qualify the address again"),
    2080: Row(Meaning.INPUT, "the chosen address is not one of those that were offered"),
    2220: Row(Meaning.EXPIRED, "the qualification is of an earlier day"),
    1005: Row(Meaning.ORDERED, "somebody ordered service at this address within 30 days"),
    4000: Row(Meaning.DOWN, "the vendor's address service is down"),
    4010: Row(Meaning.DOWN, "the vendor's address service did not answer in time"),
    4020: Row(Meaning.DOWN, "the vendor's line qualification is down"),
    4030: Row(Meaning.DOWN, "the vendor's line qualification did not answer in time"),
    5000: Row(Meaning.FAILED, "the vendor's address service failed"),
    5010: Row(Meaning.FAILED, "the vendor's line qualification failed"),
    6000: Row(Meaning.NO_OFFERS, "nothing can be ordered at this address"),
}


class Offer(Struct, frozen=True, kw_only=True):
    """Something that could be ordered; `price` as the vendor wrote it."""

    name: str
    price: str = ""


class NearMatch(Struct, frozen=True, kw_only=True):
    """An address like the one that was asked for; `id` chooses it."""

    id: str
    address: str


class Content(Struct, frozen=True, kw_only=True):
    """The content of a reply. `offers` is None where it has no list of them."""

    code: int = 0
    unknown_code: int = 0  # one that is not in the table
    status: int = 0
    message: str = ""
    transaction: str = ""
    offers: tuple[Offer, ...] | None = None
    near: tuple[NearMatch, ...] = ()


def parse(body: object, *, transaction_key: str, choice_key: str) -> Content:
    """Parse a decoded reply, whatever its shape; its field names are published nowhere."""
    entries = list(islice(_entries(body), _MAX_ENTRIES))
    objects = [entry for _, entry in entries if isinstance(entry, dict)]
    offers = [
        offer
        for key, entry in entries
        if _OFFERS.search(key) and isinstance(entry, dict) and (offer := _offer(entry))
    ]
    lists_offers = any(_OFFERS.search(key) and isinstance(entry, list) for key, entry in entries)
    near = {
        texts.as_text(entry[choice_key]): entry
        for entry in objects
        if texts.as_text(entry.get(choice_key))
    }
    figures = list(_figures(objects, _CODE_KEYS))
    return Content(
        code=next((code for code in figures if code in CODES), 0),
        unknown_code=next((code for code in figures if code >= _LOWEST and code not in CODES), 0),
        status=next(_figures(objects, _STATUS_KEYS), 0),
        message=_text(objects, "message"),
        transaction=_text(objects, transaction_key.rpartition(".")[2]),
        offers=tuple(offers[:MOST]) if offers or lists_offers else None,
        near=tuple(
            NearMatch(id=texts.clean(key, 100), address=_address(entry, choice_key))
            for key, entry in islice(near.items(), MOST)
        ),
    )


def _entries(body: object) -> Iterator[tuple[str, object]]:
    """Yield objects and lists with the key they lie under, each before what it holds."""
    stack: list[tuple[str, object]] = [("", body)]
    while stack:
        key, value = stack.pop()
        yield key, value
        if isinstance(value, dict):
            inside = [(str(name), inner) for name, inner in value.items()]
        else:
            inside = [(key, inner) for inner in value] if isinstance(value, list) else []
        stack += [entry for entry in reversed(inside) if isinstance(entry[1], dict | list)]


def _figures(objects: list[dict[str, Any]], keys: set[str]) -> Iterator[int]:
    for entry in objects:
        for key, value in entry.items():
            text = texts.as_text(value).strip()
            if key.replace("_", "").casefold() in keys and text.isascii() and text.isdigit():
                yield int(text)


def _text(objects: list[dict[str, Any]], name: str) -> str:
    for entry in objects:
        for key, value in entry.items():
            if key.casefold().endswith(name.casefold()) and texts.as_text(value):
                return texts.clean(texts.as_text(value))
    return ""


def _offer(entry: dict[str, Any]) -> Offer | None:
    name = _first(entry, _NAME)
    return Offer(name=name, price=_first(entry, _PRICE)) if name else None


def _first(entry: dict[str, Any], pattern: re.Pattern[str]) -> str:
    for key, value in entry.items():
        written = str(value) if isinstance(value, float) else texts.as_text(value)
        if pattern.search(key) and written:
            return texts.clean(written)
    return ""


def _address(entry: dict[str, Any], choice_key: str) -> str:
    parts = [
        texts.as_text(value)
        for key, value in entry.items()
        if key != choice_key and _ADDRESS.search(key)
    ]
    return texts.clean(", ".join(part for part in parts if part))
