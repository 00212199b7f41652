"""`check --connect` on what must not be asked anything: webhooks and the heartbeat.

A post would be taken for an incident, and a request to the heartbeat for a sign of life. So only a
connection is opened: name, port and certificate are tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from yarl import URL

from watcher import model, system_words


async def reach(address: str, left_out: str) -> tuple[str, tuple[str, ...]]:
    """Connect to the host of an address; return a sentence. Raises PermanentError."""
    url = URL(address)
    where = f"{url.host}:{url.port}"
    try:
        _, writer = await asyncio.open_connection(
            url.host, url.port, ssl=url.scheme == "https" or None
        )
    except ssl.SSLCertVerificationError as error:
        raise model.PermanentError(
            f"{where}: its certificate is not valid: {error.verify_message}"
        ) from error
    except OSError as error:
        why = system_words.of_error(error)
        raise model.PermanentError(f"{where} cannot be reached: {why}") from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    certificate = ", its certificate is valid" if url.scheme == "https" else ""
    return f"{where} can be reached{certificate}; {left_out}", ()
