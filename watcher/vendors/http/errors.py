"""What a vendor's error reply means: eight envelopes become one sentence, and who has to act.

Sources: the Lumen and Orange documents, and Orange's published catalogue of gateway codes
(developer.orange.com/resources/orange-apis-error-handling).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from watcher import model, text
from watcher.http import exchange
from watcher.http.headers import parse_http_date, parse_retry_after

RATE_LIMIT_PAUSE = 5.0  # seconds, when a rate limit comes without Retry-After
_REQUEST_ID_HEADERS = ("X-OAPI-Request-Id", "TrackingId", "X-Request-Id", "X-Correlation-Id")
_TOO_SOON = {408, 425, 429}

# Orange answers a rate limit with 403 as often as with 429; no other vendor uses this code.
_ORANGE_RATE_LIMIT = "53"

# Lumen answers 422 for these with one and the same code, whether they pass by themselves or not:
# only the words differ. The first is also sent for hours in which the vendor fails for everybody.
_PASSES = {
    "not a naas enabled location": "the vendor sends this for hours during its own outages as well",
    "current status is - change pending": "a change is in progress: wait until it is done",
}
_ADVICE = {
    (401, "40"): "the request carried no credentials: check the account",
    (401, "41"): "the credentials are not valid for this API: check the account",
    (401, "42"): "the token had expired and a fresh one did not help: check the account",
    (403, "50"): "subscribe the application to this API at developer.orange.com",
    (403, "51"): "Orange has blocked the application: contact Orange",
    (403, "52"): "Orange has blocked the account: contact Orange",
    (400, "25"): "a header is missing: check application_id",
    (400, "26"): "a header was rejected: check application_id",
    (404, "60"): "check base_url, job and report",
}


class RateLimitedError(model.TemporaryError):
    """The vendor has had enough calls of this account; its delay counts for all who share it."""


class RefusedError(model.PermanentError):
    """The vendor refused a request, with status `http`: its client may know what that means."""

    def __init__(self, message: str, *, http: int, request_id: str = "") -> None:
        super().__init__(message)
        self.http = http
        self.request_id = request_id


class ErrorReply(Struct, frozen=True, kw_only=True):
    """An error reply, whatever envelope it came in. `code` and texts are empty when not given."""

    place: str
    http: int
    code: str = ""
    message: str = ""
    detail: str = ""
    request_id: str = ""
    retry_after: float | None = None
    date: datetime | None = None
    location: str = ""

    def sentence(self) -> str:
        """Return what happened and where; the request id is last, so that texts can be compared."""
        sentence = f"{self.place} answered {self.http}"
        parts = [f"a redirect to {self.location}"] if self.location else []
        if self.code:
            parts.append(f"code {self.code}")
        parts += [text.rstrip(".") for text in (self.message, self.detail) if text]
        if parts:
            sentence = f"{sentence}: {', '.join(parts)}"
        return f"{sentence} (request {self.request_id})" if self.request_id else sentence

    def with_advice(self, advice: str) -> str:
        """Return what happened, followed by what to do."""
        sentence, mark, request = self.sentence().partition(" (request ")
        return f"{sentence}; {advice}{mark}{request}" if advice else self.sentence()


def parse_error(reply: exchange.Reply, now: datetime, redact: Callable[[str], str]) -> ErrorReply:
    """Parse an error reply: whichever envelope, or HTML, or nothing. Raises nothing.

    `redact` blots out secrets that the vendor repeats.
    """
    headers = reply.headers
    moved = 300 <= reply.status < 400
    envelope = {} if moved else _envelope(reply.body)

    def clean(value: str, longest: int = 200) -> str:
        return text.clean(reply.redact(redact(value)), longest)

    texts = {name: text.as_text(value) for name, value in envelope.items()}
    request = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), "")
    location = headers.get("Location", "") if moved else ""
    return ErrorReply(
        place=reply.place,
        http=reply.status,
        code=clean(texts.get("code", ""), 60),
        message=clean(texts.get("message", "")),
        detail=clean(texts.get("detail", "")),
        request_id=clean(request, 80),
        retry_after=parse_retry_after(headers.get("Retry-After", ""), now),
        date=parse_http_date(headers.get("Date", "")),
        location=clean(location.partition("?")[0]),
    )


def as_exception(reply: ErrorReply, hint: str = "") -> model.TemporaryError | model.PermanentError:
    """Decide whether waiting can cure it. `hint` is what to check after a 401, 403 or 404."""
    orange = reply.code == _ORANGE_RATE_LIMIT and reply.http in {403, 429}
    if orange or reply.http == 429:
        pause = RATE_LIMIT_PAUSE if reply.retry_after is None else reply.retry_after
        advice = "rate limit exceeded"
        if orange:
            advice += ", or the application's quota is used up"
        return RateLimitedError(reply.with_advice(advice), delay=max(1.0, pause))
    if reply.http >= 500 or reply.http in _TOO_SOON:
        return model.TemporaryError(reply.sentence(), delay=reply.retry_after)
    if reply.http == 422:
        message = f"{reply.message} {reply.detail}".casefold()
        for words, advice in _PASSES.items():
            if words in message:
                return model.TemporaryError(reply.with_advice(advice), delay=reply.retry_after)
    if reply.http in {301, 308}:
        return model.PermanentError(
            reply.with_advice("redirects are not followed: configure the new address")
        )
    if reply.http < 400:
        return model.TemporaryError(reply.with_advice("redirects are not followed"))
    advice = _ADVICE.get((reply.http, reply.code), "")
    if not advice and reply.http in {401, 403, 404}:
        advice = hint
    return RefusedError(reply.with_advice(advice), http=reply.http, request_id=reply.request_id)


def _envelope(body: bytes) -> dict[str, object]:
    try:
        data = msgspec.json.decode(body)
    except exchange.MALFORMED:
        plain = body.decode(errors="replace").strip()
        return {
            "message": plain if plain and plain[0] not in "<{[" else exchange.describe_body(body)
        }
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict):
        return {}
    for wrapper in ("exception", "fault", "error"):
        if isinstance(data.get(wrapper), dict):
            data = data[wrapper]
    return _fields(data)


def _fields(data: dict[str, Any]) -> dict[str, object]:
    detail = data.get("detail")
    apigee = detail.get("errorcode") if isinstance(detail, dict) else None
    code = _first(data, "code", "ErrorCode", "errorcode", "error") or apigee
    message = _first(data, "message", "Error", "faultstring", "error_description", "title")
    extra = _first(data, "reason", "description", "info", "detail", "propertyPath")
    return {"code": code, "message": message or extra, "detail": extra if message else None}


def _first(data: dict[str, Any], *names: str) -> object:
    return next((data[name] for name in names if text.as_text(data.get(name))), None)
