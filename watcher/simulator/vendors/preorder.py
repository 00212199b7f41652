"""PX PreOrder: pxQualify with its whole code table.

Source: Lumen API Marketplace, "PX PreOrder". The document names the inputs and the codes; the
spelling of the fields, the path and the shape of an answer are guesses, the same everywhere here.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from watcher.simulator import scenario_schema
from watcher.simulator.vendors.lumen import PREFIX, Lumen
from watcher.simulator.world import World

PATH = f"{PREFIX}/pxQualify"
_DAY = ZoneInfo("America/Chicago")
_PARTNER = (("salesCode", 2000), ("agentId", 2010), ("marketSegment", 2020), ("partnerId", 2030))
_ADDRESS = (("streetAddress", 1000), ("city", 1010), ("state", 1020), ("zip", 1030))


class Preorder:
    """The one endpoint."""

    def __init__(self, world: World, lumen: Lumen, *, sales_code: str) -> None:
        self._world = world
        self._lumen = lumen
        self._sales_code = sales_code
        self._transactions: dict[str, tuple[str, datetime]] = {}
        self.asked: list[dict[str, Any]] = []

    def add_routes(self, app: web.Application) -> None:
        """Serve at PATH."""
        app.router.add_post(PATH, self.qualify, name="lumen.pxqualify")

    async def qualify(self, request: web.Request) -> web.Response:
        """Answer what can be ordered at an address."""
        if denied := self._lumen.deny(request):
            return denied
        try:
            body = await request.json()
        except json.JSONDecodeError:
            body = {}
        self.asked.append(body)
        number = f"PX{len(self.asked):06}"
        code = self._error_code(body)
        if code:
            status = 401 if code in {2000, 2010, 2020, 2030, 2040} else 410
            return _coded(status, code, number, "Missing or Invalid <B>; TxID <>")
        text = "{streetAddress}, {city}, {state} {zip}".format(**body)
        premises = self._world.premises.get(text)
        if premises is None:
            message = "This address is within the footprint but no address matched; TxID <>"
            return _coded(200, 2096, number, message)
        if premises.code:
            return _coded(premises.status, premises.code, number, premises.message or "TxID <>")
        now = self._world.now()
        transaction = body.get("transactionId") or number
        self._transactions.setdefault(transaction, (text, now))
        chosen = body.get("addressDetailId")
        if premises.near and not chosen:
            near = [
                {"addressDetailId": key, "address": address}
                for key, address in premises.near.items()
            ]
            return web.json_response({"transactionId": transaction, "nearMatches": near})
        return web.json_response(_offered(transaction, premises))

    def _error_code(self, body: dict[str, Any]) -> int:
        """Return the code of what is wrong with a request; 0 when nothing is."""
        codes = [code for key, code in _PARTNER if not body.get(key)]
        codes += [2000] if body.get("salesCode") != self._sales_code else []
        codes += [2040] if body.get("qualForVideo") is not False else []
        codes += [code for key, code in _ADDRESS if not body.get(key)]
        if not codes and "transactionId" in body:
            codes += self._stale(body["transactionId"], body.get("addressDetailId"))
        return codes[0] if codes else 0

    def _stale(self, transaction: str, chosen: object) -> list[int]:
        if transaction not in self._transactions:
            return [2070]
        text, started_at = self._transactions[transaction]
        if started_at.astimezone(_DAY).date() != self._world.now().astimezone(_DAY).date():
            return [2220]
        near = self._world.premises.get(text, scenario_schema.Premises()).near
        return [] if chosen in near else [2080]


def _offered(transaction: str, premises: scenario_schema.Premises) -> dict[str, Any]:
    offers = [{"productName": offer.name, "monthlyPrice": offer.price} for offer in premises.offers]
    return {"transactionId": transaction, "qualifiedProducts": offers}


def _coded(status: int, code: int, number: str, message: str) -> web.Response:
    body = {
        "apiStatusCode": status,
        "internalMessageCode": code,
        "message": message.replace("TxID <>", f"TxID {number}"),
        "transactionId": number,
    }
    return web.json_response(body, status=status)
