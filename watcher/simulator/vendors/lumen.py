"""Lumen's API gateway: OAuth v2 tokens and Service Diagnostics v2.

Sources: Lumen API Marketplace, "Service Diagnostics"; error bodies as the live gateway gives them.
The vendor documents only `data[0].pdf`; the other keys of a report are made up, in its spirit.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from typing import Any

from aiohttp import web

from watcher.simulator.vendors import pdf
from watcher.simulator.vendors.oauth import Issuer, credentials_of
from watcher.simulator.world import Run, World

PREFIX = "/lumen"
TOKEN_PATH = f"{PREFIX}/oauth/v2/token"
_HUGE = 20 * 1024 * 1024


class Lumen:
    """Tokens and Service Diagnostics."""

    def __init__(self, world: World, issuer: Issuer) -> None:
        self._world = world
        self._issuer = issuer
        self._running: Counter[str] = Counter()
        self.most_at_once = 0

    def add_routes(self, app: web.Application) -> None:
        """Serve tokens and diagnostics under PREFIX."""
        app.router.add_post(TOKEN_PATH, self.token, name="lumen.token")
        app.router.add_post(f"{PREFIX}/oauth/v1/token", self.legacy, name="lumen.legacytoken")
        app.router.add_post(f"{PREFIX}/oauth/token", self.gone, name="lumen.oldtoken")
        path = f"{PREFIX}/ServiceAssurance/v2/Diagnostics/service/detail"
        app.router.add_get(path, self.diagnostics, name="lumen.diagnostics")

    async def token(self, request: web.Request) -> web.Response:
        """Issue a token for client credentials; its numbers are strings, as on the live gateway."""
        try:
            credentials, grant = await credentials_of(request)
        except ValueError:
            credentials, grant = None, ""
        if credentials is None:
            text = "Missing or no credentials provided"
            return refusal(401, "missingCredentials", text)
        if not self._issuer.knows(credentials):
            return refusal(401, "invalidCredentials", "Invalid credentials provided")
        if grant != "client_credentials":
            return refusal(400, "invalidGrantType", "grant_type is required")
        issued = self._issuer.issue()
        body = {
            "access_token": issued.text,
            "token_type": "BearerToken",
            **self._issuer.lifetime(issued, str(issued.seconds - 1)),
            "issued_at": str(int(issued.at.timestamp() * 1000)),
            "status": "approved",
            "refresh_count": "0",
        }
        return web.json_response(body)

    async def legacy(self, request: web.Request) -> web.Response:
        """Refuse as the old endpoint does: a client's error is a 500."""
        credentials, grant = await credentials_of(request)
        if credentials is None or not self._issuer.knows(credentials):
            return _old_error(401, "invalid_client", "Client identifier is required")
        if not grant:
            return _old_error(500, "invalid_grant_type", "grant_type is required")
        return await self.token(request)

    async def gone(self, _: web.Request) -> web.Response:
        """Answer 404 where the documented address points."""
        body = {"code": "404", "message": "Not Found", "info": "Requested resource not found"}
        return web.json_response(body, status=404)

    def deny(self, request: web.Request) -> web.Response | None:
        """Return a 401 for a request without a valid token; None for one that has it."""
        outcome = self._issuer.verify(request)
        if outcome == "missing":
            return refusal(401, "missingCredentials", "Missing or no credentials provided")
        if outcome != "fine":
            return web.json_response(_apigee_fault("Invalid Access Token"), status=401)
        return None

    async def diagnostics(self, request: web.Request) -> web.Response:
        """Run the tests of a service and report; this takes as long as the scenario says."""
        if denied := self.deny(request):
            return denied
        service_id = request.query.get("serviceId", "")
        if not service_id:
            return refusal(400, "INVALIDVALUE", "serviceId is required")
        service = self._world.diagnosables.get(service_id)
        if service is None:
            return refusal(404, "NOTFOUND", "Service not found")
        self._running[service_id] += 1
        self.most_at_once = max(self.most_at_once, self._running[service_id])
        try:
            await asyncio.sleep(service.takes.total_seconds())
        finally:
            self._running[service_id] -= 1
        self._world.catch_up()
        return web.json_response(self._report(service_id))

    def _report(self, service_id: str) -> dict[str, Any]:
        """Return the report, as the world is when the tests end."""
        service = self._world.diagnosables[service_id]
        whole = pdf.summary(service_id, service, self._world.now())
        self._world.runs.append(Run(service_id=service_id, pdf=whole))
        report: dict[str, Any] = {
            "serviceId": service_id,
            "disposition": service.disposition,
            "nextSuggestedActions": list(service.actions),
            "tests": [
                {
                    "category": test.category,
                    "testName": test.name,
                    "status": test.status,
                    "result": test.result,
                }
                for test in service.tests
            ],
        }
        encoded = _encoded(service.pdf, whole)
        if encoded is not None:
            report["pdf"] = encoded
        match service.shape:
            case "list":
                return {"data": [report]}
            case "object":
                return {"data": report}
            case "empty":
                return {"data": []}


def _encoded(how: str, report: bytes) -> str | None:
    match how:
        case "missing":
            return None
        case "not_a_pdf":
            report = b"<!DOCTYPE html><title>Error</title><p>The report could not be made.</p>"
        case "truncated":
            report = report[: len(report) // 2]
        case "huge":
            report = report + b"\n%" + b"0" * _HUGE
    text = base64.b64encode(report).decode()
    if how == "bad_base64":
        text = "%%%" + text[3:]
    return text if how == "no_prefix" else f"data:application/pdf;base64,{text}"


def refusal(status: int, code: str, reason: str) -> web.Response:
    """Return an error in the envelope that most of Lumen's APIs have."""
    body = {"reason": reason, "message": f"{reason} -- sim", "referenceError": "", "code": code}
    return web.json_response(body, status=status)


def _old_error(status: int, code: str, text: str) -> web.Response:
    body = {"ErrorCode": code, "Error": text}
    return web.json_response(body, status=status, headers={"TrackingId": "sim-0001"})


def _apigee_fault(text: str) -> dict[str, Any]:
    detail = {"errorcode": "keymanagement.service.invalid_access_token"}
    return {"fault": {"faultstring": text, "detail": detail}}
