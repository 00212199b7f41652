"""Circuits as NetBox and Nautobot have them, over their APIs or in NetBox's CSV export.

Sources: docs.netbox.dev, "REST API" and "Circuits"; docs.nautobot.com, "REST API" and "Circuit".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct
from yarl import URL

from watcher import model, system_words, text
from watcher.http.exchange import exchange, parse_object

PATH = "api/circuits/circuits/"
PAGE = 200  # circuits
MOST_PAGES = 1_000
_SECONDS, _BYTES = 60.0, 32_000_000
_GONE = {"decommissioned", "deprovisioning", "deprecated", "retired"}
# Headers of the CSV export: of the table as it is shown, and of all data.
_COLUMNS = {
    "cid": ("cid", "circuit id", "id of circuit"),
    "provider": ("provider",),
    "status": ("status",),
    "tenant": ("tenant",),
    "rate": ("commit rate (kbps)", "commit rate", "commit_rate"),
    "site": ("side a", "termination a", "termination_a", "a side"),
    "site_z": ("side z", "termination z", "termination_z", "z side"),
}


class Circuit(Struct, frozen=True, kw_only=True):
    """One circuit: its id at the provider, and what people know it by."""

    cid: str
    provider: str
    site: str = ""
    site_z: str = ""
    tenant: str = ""
    mbps: float | None = None


def read_csv(path: Path) -> list[Circuit]:
    """Read an export. Raises PermanentError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise model.PermanentError(
            f"{path} cannot be read: {system_words.of_error(error)}"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise model.PermanentError(f"{path} is not a CSV file in UTF-8") from error
    headers = {str(name).strip().casefold(): name for name in (rows[0] if rows else ())}
    columns = {
        key: next((headers[alias] for alias in aliases if alias in headers), None)
        for key, aliases in _COLUMNS.items()
    }
    if rows and None in {columns["cid"], columns["provider"]}:
        raise model.PermanentError(
            f"{path} has no columns Circuit ID and Provider: export the circuits from NetBox as CSV"
        )
    cells = [{key: row.get(name) or "" for key, name in columns.items()} for row in rows]
    return [circuit for row in cells if (circuit := _circuit(row))]


async def fetch(session: aiohttp.ClientSession, address: str, token: str) -> list[Circuit]:
    """Read all circuits over the API, page by page. Raises TemporaryError, PermanentError."""
    root = URL(address if address.endswith("/") else address + "/")
    if root.scheme not in {"http", "https"} or not root.host:
        raise model.PermanentError(f"{address!r} is neither a file nor an HTTP or HTTPS address")
    page: URL | None = root.join(URL(PATH)).with_query(limit=str(PAGE), depth="1")
    circuits: list[Circuit] = []
    for _ in range(MOST_PAGES):
        if page is None:
            break
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Token {token}"
        reply = await exchange(
            session, "GET", page, headers=headers, within=_SECONDS, cap=_BYTES, secrets=(token,)
        )
        if reply.status in {401, 403}:
            raise model.PermanentError(f"{reply.place} refuses the token (HTTP {reply.status})")
        if reply.status != 200:
            raise model.PermanentError(f"{reply.place} answered HTTP {reply.status}")
        document = parse_object(reply)
        circuits += [circuit for row in _rows(document) if (circuit := _circuit(row))]
        page = _next(document, root)
    return circuits


def _next(document: Mapping[str, Any], root: URL) -> URL | None:
    """Return the next page, at the same host: the token goes nowhere else."""
    following = document.get("next")
    if not isinstance(following, str) or not following:
        return None
    query = URL(following).query
    return root.join(URL(PATH)).with_query(query)


def _rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    results = document.get("results")
    for row in results if isinstance(results, list) else ():
        if isinstance(row, dict):
            yield {
                "cid": row.get("cid"),
                "provider": _name(row.get("provider")),
                "status": _name(row.get("status")),
                "tenant": _name(row.get("tenant")),
                "rate": row.get("commit_rate"),
                "site": _end(row, "a"),
                "site_z": _end(row, "z"),
            }


def _end(row: Mapping[str, Any], side: str) -> str:
    """Return where a circuit ends: NetBox has a termination, Nautobot a circuit termination."""
    end = row.get(f"termination_{side}") or row.get(f"circuit_termination_{side}")
    if not isinstance(end, dict):
        return ""
    places = (end.get(key) for key in ("termination", "site", "location", "provider_network"))
    return next((name for place in places if (name := _name(place))), "")


def _name(value: object) -> str:
    if isinstance(value, dict):
        names = (value.get(key) for key in ("value", "name", "display"))
        return next((name for name in names if isinstance(name, str)), "")
    return value if isinstance(value, str) else ""


def _circuit(row: Mapping[str, Any]) -> Circuit | None:
    """Return a circuit; None for one without an id, or that is gone."""
    values = {key: text.clean(str(row.get(key) or "")) for key in row}
    if not values["cid"] or values.get("status", "").casefold() in _GONE:
        return None
    rate = values.get("rate", "").replace(",", "")
    return Circuit(
        cid=values["cid"],
        provider=values["provider"],
        site=values.get("site", ""),
        site_z=values.get("site_z", ""),
        tenant=values.get("tenant", ""),
        mbps=int(rate) / 1000 if rate.isdecimal() and int(rate) else None,
    )
