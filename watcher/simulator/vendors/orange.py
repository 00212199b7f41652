"""Orange's gateway: tokens and "Monitoring EVPL", with the gateway's catalogue of errors.

Sources: developer.orange.com, "Monitoring EVPL" getting started and "Orange APIs error handling".
Not documented, so guessed: an element of the pagination is one entry, and a page holds 50.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web

from watcher.simulator.vendors.oauth import Issuer, Outcome, credentials_of
from watcher.simulator.world import World

TOKEN_PATH = "/orange/oauth/v3/token"  # noqa: S105  # a path
BASE_PATH = "/orange/api-monitoring-live/v1"
# `m` stands for months on this API, between seconds and hours in its list.
_SPANS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(days=30),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_GRANULARITY = re.compile(r"(\d*)(ms|[smhdwy])")
_MOST_SAMPLES = 20_000
_CATALOGUE: dict[int, tuple[int, str, str]] = {
    400: (28, "Invalid query-string parameter", "A query parameter could not be understood."),
    401: (42, "Expired credentials", "The credentials provided were out-of-date."),
    403: (53, "Too many requests", "The application has made too many calls."),
    404: (60, "Resource not found", "The requested resource does not exist."),
    405: (61, "Method not allowed", "The URI does not support the requested method."),
    406: (62, "Not acceptable", "The Accept header asks for a representation we do not have."),
    408: (63, "Request time-out", "The request timed out."),
    429: (53, "Too many requests", "The application has made too many calls."),
    500: (1, "Internal error", "Our system has had an internal error."),
    502: (1, "Internal error", "Our system has had an internal error."),
    503: (5, "The service is temporarily unavailable", "The service is down."),
    504: (6, "Over capacity", "The service cannot answer in time."),
}


class Orange:
    """Tokens and the utilisation report."""

    def __init__(
        self, world: World, issuer: Issuer, *, operator_code: str, application_id: str
    ) -> None:
        self._world = world
        self._issuer = issuer
        self._operator_code = operator_code
        self._application_id = application_id

    def add_routes(self, app: web.Application) -> None:
        """Serve tokens and the report."""
        app.router.add_post(TOKEN_PATH, self.token, name="orange.token")
        path = f"{BASE_PATH}/pm_jobs/{{job}}/reports/{{report}}"
        app.router.add_get(path, self.report, name="orange.report")

    async def token(self, request: web.Request) -> web.Response:
        """Issue a token for client credentials, in the Basic header or in the form."""
        try:
            credentials, grant = await credentials_of(request)
        except ValueError:
            return _no_token(401, "invalid_client", "Unable to decode Basic authorization.")
        if credentials is None or not self._issuer.knows(credentials):
            text = "The requested service needs credentials, but the ones provided were invalid."
            return _no_token(401, "invalid_client", text)
        if grant != "client_credentials":
            return _no_token(400, "invalid_request", "Missing grant_type in body")
        issued = self._issuer.issue()
        body = {
            "token_type": "Bearer",
            "access_token": issued.text,
            **self._issuer.lifetime(issued, issued.seconds),
        }
        # The live gateway's body begins with a line feed.
        return web.Response(text="\n" + json.dumps(body), content_type="application/json")

    async def report(self, request: web.Request) -> web.Response:
        """Return samples of every line between two instants, one page of entries."""
        self._admit(request)
        first = _pagination(request)
        _check_query(request, self._operator_code)
        start, end = _requested_time(request, "startTime"), _requested_time(request, "endTime")
        step = _requested_granularity(request)
        if (request.match_info["job"], request.match_info["report"]) != ("JOBV", "UTILIZATION"):
            raise _error(404, 60, "Resource not found", "There is no such job or report.")
        if end < start or (end - start) / step > _MOST_SAMPLES:
            raise _error(422, 422, "Unprocessable entity", "The interval cannot be served.")
        config = self._world.scenario.world.evpl
        match config.paging:
            case "repeating":
                first = 1
            case "shifting":
                first = max(1, first - 1)
        lines = [key for key, line in sorted(self._world.lines.items()) if line.active]
        shown = lines[first - 1 : first - 1 + config.page_size]
        more = first - 1 + len(shown) < len(lines)
        body = {
            "currentPage": (first - 1) // config.page_size + 1,
            "totalPages": -(-len(lines) // config.page_size),
            "hasNext": more or config.paging in {"endless", "repeating"},
            "entries": [self._entry(key, start, end, config.spacing or step) for key in shown],
        }
        return web.json_response(body)

    def _admit(self, request: web.Request) -> None:
        outcome = self._issuer.verify(request)
        if outcome != "fine":
            raise _unauthorised(outcome)
        accepted = request.headers.get("Accept", "")
        if "application/json" not in accepted and "*/*" not in accepted:
            raise _error(406, 62, "Not acceptable", "Send Accept: application/json.")
        application = request.headers.get("ApplicationID")
        if application is None:
            raise _error(400, 25, "Missing header", "ApplicationID is required.")
        if application != self._application_id:
            raise _error(403, 50, "Access denied", "The application has no subscription.")

    def _entry(self, key: str, start: datetime, end: datetime, step: timedelta) -> dict[str, Any]:
        line = self._world.lines[key]
        evpl = self._world.scenario.world.evpl
        scale = 100 if evpl.unit == "ratio" else 1
        # The report has no sample of the future, and none younger than the lag.
        lag = evpl.lag if line.lag is None else line.lag
        last = min(end, self._world.now() - lag)
        number = -(-start.timestamp() // step.total_seconds())
        values: list[dict[str, Any]] = []
        at = datetime.fromtimestamp(number * step.total_seconds(), UTC)
        while at <= last:
            value = f"{self._world.utilization(key, at) / scale:.4g}"
            if not self._world.is_silent(line, at):
                values.append(
                    {"timeStamp": _stamp(at), "value": value if line.raw is None else line.raw}
                )
            at += step
        match evpl.samples:
            case "doubled":
                values += values
            case "unordered":
                values.reverse()
        return {
            "objectType": "EVPL",
            "objectInstanceId": key,
            "metric_name": line.metric_name,
            "pop_country": line.pop_country,
            "pop_name": line.pop_name,
            "pop_section_name": line.pop_section_name,
            "performanceValues": values,
        }


def refusal(status: int, headers: dict[str, str]) -> web.Response:
    """Return an error of the catalogue; the first of its class where the status has none."""
    nearest = status if status in _CATALOGUE else status // 100 * 100
    code, message, description = _CATALOGUE[nearest]
    return web.Response(
        status=status,
        text=_envelope(code, message, description),
        content_type="application/json",
        headers=headers,
    )


def _envelope(code: int, message: str, description: str) -> str:
    return json.dumps({"code": code, "message": message, "description": description, "infoURL": ""})


class _Refused(web.HTTPException):
    """An error of the catalogue; the status is given when it is raised."""

    status_code = HTTPStatus.BAD_REQUEST


def _error(status: int, code: int, message: str, description: str) -> web.HTTPException:
    refused = _Refused(text=_envelope(code, message, description), content_type="application/json")
    refused.set_status(status)
    return refused


def _unauthorised(outcome: Outcome) -> web.HTTPException:
    text = "The requested service needs credentials, "
    match outcome:
        case "missing":
            return _error(401, 40, "Missing credentials", text + "but none were provided.")
        case "expired":
            description = text + "and the ones provided were out-of-date."
            return _error(401, 42, "Expired credentials", description)
        case _:
            description = text + "but the ones provided were invalid."
            return _error(401, 41, "Invalid credentials", description)


def _no_token(status: int, error: str, description: str) -> web.Response:
    body = {"error": error, "error_description": description}
    return web.json_response(body, status=status)


def _pagination(request: web.Request) -> int:
    text = request.headers.get("pagination", "1")
    if not text.isdecimal() or int(text) < 1:
        raise _error(400, 26, "Invalid header", "pagination counts elements from 1.")
    return int(text)


def _check_query(request: web.Request, operator_code: str) -> None:
    for key in ("codeOpe", "startTime", "endTime", "offer_type", "granularity", "ctxtid"):
        if key not in request.query:
            raise _error(400, 27, "Missing query-string parameter", f"{key} is required.")
    if request.query["offer_type"] != "EVPL":
        raise _error(400, 28, "Invalid query-string parameter", "offer_type must be EVPL.")
    contexts = request.query.getall("ctxtid")
    if not set(contexts) <= {"wses", "vsn"}:
        raise _error(400, 28, "Invalid query-string parameter", "ctxtid must be wses and vsn.")
    if len(set(contexts)) != 2:
        raise _error(400, 27, "Missing query-string parameter", "ctxtid must be given twice.")
    if request.query["codeOpe"] != operator_code:
        raise _error(422, 422, "Unprocessable entity", "The operator code is not known.")


def _requested_time(request: web.Request, key: str) -> datetime:
    text = request.query[key]
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        description = f"{key} must look like 2023-08-28T14:40:38.041Z."
        raise _error(400, 28, "Invalid query-string parameter", description) from None


def _requested_granularity(request: web.Request) -> timedelta:
    match = _GRANULARITY.fullmatch(request.query["granularity"])
    if match is None or match[1] == "0":
        raise _error(400, 28, "Invalid query-string parameter", "granularity must look like 300s.")
    return int(match[1] or 1) * _SPANS[match[2]]


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
