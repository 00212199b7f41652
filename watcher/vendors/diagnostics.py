"""Lumen Service Diagnostics v2: asks the vendor's own triage about one service. GET alone.

Law: it is no state check and answers slowly, so it is asked once and never repeated here; whoever
calls keeps the cooldown. Source: Lumen API Marketplace, "Service Diagnostics".

Alone:

    keys = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with alone.account(keys) as account:
        client = diagnostics.Client(
            account, "https://api.lumen.com", timeout=timedelta(seconds=120)
        )
        answer = await client.detail("SVC1")
        print(answer.content["data"], len(answer.raw))
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from watcher.vendors import http, wire

# A PDF of 10 MB in base64 is 13.4 MB. One of twice that size is not passed on, but the findings
# beside it are read.
REPLY_CAP = 30 * wire.MEGABYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reply as it came, and decoded; only `data[0].pdf` of it is documented."""

    raw: bytes
    content: dict[str, Any]


class Client:
    """The API at `base_url`, https://api.lumen.com, with OAuth 2.0; `timeout` is for one run."""

    def __init__(self, account: http.Account, base_url: str, *, timeout: timedelta) -> None:
        self._api = http.Api(account, base_url, timeout=timeout, attempts=1, cap=REPLY_CAP)

    async def detail(self, service_id: str) -> Answer:
        """`GET /ServiceAssurance/v2/Diagnostics/service/detail?serviceId=`: run the triage.

        Raises TemporaryError, or PermanentError for a service that is unknown (404) or not
        entitled (403).
        """
        reply = await self._api.get(
            "/ServiceAssurance/v2/Diagnostics/service/detail",
            query=[("serviceId", service_id)],
            headers={"Accept": "application/json"},
            errand=http.Errand.ONE,
        )
        return Answer(raw=reply.body, content=wire.read_object(reply))
