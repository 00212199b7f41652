"""`PYTHON -I carriers_worker.py`: a mail on stdin, read by circuit-maintenance-parser.

PYTHON is that of an environment of the parser's own: it cannot be installed beside Watcher, whose
icalendar is too new for it (docs/decisions/0034). So this file imports nothing of Watcher, save the
sandbox, by its path. The answer is JSON; what is not a notice ends it with exit code 3.
"""

from __future__ import annotations

import email
import importlib.util
import json
import logging
import os
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Any

NO_NOTICE = 3  # exit code
MEMORY = 1024 * 1024 * 1024  # bytes; numpy maps much and uses little
# Lumen's mails have a reader of our own, and GenericProvider reads the iCalendar form alone.
LEFT_OUT = frozenset({"genericprovider", "lumen"})


def provider_for(sender: str, providers: Any) -> Any:
    """Return the provider whose mails come from a domain, or from one below it; None without."""
    for provider in providers:
        kind = provider.get_provider_type()
        home = str(provider.get_default_organizer() or "").rpartition("@")[2].lower()
        if kind in LEFT_OUT or not home:
            continue
        labels = sender.split(".")[:-1]
        if sender == home or sender.endswith(f".{home}") or kind in labels:
            return provider
    return None


def main() -> None:
    """Answer what is asked, once."""
    logging.disable()  # it would log whole mails
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy would map memory for each processor
    import circuit_maintenance_parser as parser  # type: ignore[import-not-found]  # noqa: PLC0415  # of the other environment

    content = sys.stdin.buffer.read()
    _sandbox().confine(memory=MEMORY, reads=True)
    message = email.message_from_bytes(content)
    sender = parseaddr(str(message.get("From") or ""))[1].rpartition("@")[2].lower()
    provider = provider_for(sender, parser.SUPPORTED_PROVIDERS)
    if provider is None:
        _refuse(f"no reader is known for mails of {sender or 'nobody'}")
    try:
        data = parser.NotificationData.init_from_email_bytes(content)
        maintenances = list(provider().get_maintenances(data)) if data else []
    except parser.ProviderError:
        maintenances = []
    if not maintenances:
        _refuse(f"the mail is not a notice of {provider.get_provider_type()} that can be read")
    answer = {
        "message_id": str(message.get("Message-ID") or ""),
        "maintenances": [_document(maintenance) for maintenance in maintenances],
    }
    sys.stdout.write(json.dumps(answer))


def _document(maintenance: Any) -> dict[str, Any]:
    return {
        "provider": maintenance.provider,
        "account": maintenance.account,
        "id": maintenance.maintenance_id,
        "status": maintenance.status.value,
        "circuits": [
            (circuit.circuit_id, circuit.impact.value) for circuit in maintenance.circuits
        ],
        "begin": maintenance.start,
        "end": maintenance.end,
        "stamp": maintenance.stamp,
        "summary": maintenance.summary,
    }


def _refuse(sentence: str) -> None:
    sys.stderr.write(sentence)
    sys.exit(NO_NOTICE)


def _sandbox() -> Any:
    path = Path(__file__).parents[1] / "sandbox" / "confine.py"
    spec = importlib.util.spec_from_file_location("confine", path)
    if spec is None or spec.loader is None:
        raise AssertionError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
