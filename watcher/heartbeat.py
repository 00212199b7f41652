"""The dead-man's switch: another service is told that Watcher itself makes progress.

Law: a ping says that the loops turned and that nothing owed is older than the bound; it is left out
otherwise, and the other service raises the alarm. At most one ping a minute (healthchecks.io drops
more than five).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import structlog

log = structlog.get_logger()

EVERY_SECONDS = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def beat(session: aiohttp.ClientSession, url: str, stuck: Callable[[], str]) -> None:
    """Fetch `url` once a minute, for ever, while `stuck` has nothing to say.

    The address is a secret: whoever knows it can silence the alarm, so no log names it.
    """
    failing = False
    while True:
        if not stuck():
            try:
                async with session.get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
                    failed = response.status >= 400
            except (aiohttp.ClientError, TimeoutError):
                failed = True
            if failed and not failing:
                log.warning("the heartbeat's address does not answer; its service will raise alarm")
            failing = failed
        await asyncio.sleep(EVERY_SECONDS)
