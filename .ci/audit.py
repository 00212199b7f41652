"""Asks OSV (osv.dev) for known vulnerabilities of what constraints*.txt pin.

Exit 0: none is known, or OSV could not be asked, which the last line says. Exit 1: some are known.
One request with all names and versions; ignored ones stand in IGNORED, each with its reason.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

SOURCE = os.environ.get("WATCHER_ADVISORIES", "https://api.osv.dev/v1/querybatch")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^ ;\\]+)", re.MULTILINE)
IGNORED: dict[str, str] = {}  # advisory: why it does not concern Watcher
TIMEOUT = 20.0  # seconds


def main() -> int:
    """Print what is known, one line each, and a line that says what was audited."""
    files = sorted(Path().glob("constraints*.txt"))
    pinned = [pin for file in files for pin in PIN.findall(file.read_text(encoding="utf-8"))]
    pins = list(dict.fromkeys(pinned))
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in pins
    ]
    request = urllib.request.Request(  # noqa: S310 - https, or the address of a test
        SOURCE, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:  # noqa: S310  # as above
            results = json.load(reply)["results"]
    except (OSError, ValueError, KeyError) as error:
        sys.stdout.write(f"dependencies NOT audited: {SOURCE} could not be asked ({error})\n")
        return 0
    advisories = [
        (name, version, advisory["id"])
        for (name, version), result in zip(pins, results, strict=True)
        for advisory in result.get("vulns", ())
        if advisory["id"] not in IGNORED
    ]
    for name, version, advisory in advisories:
        sys.stdout.write(f"{name} {version}: {advisory} (https://osv.dev/{advisory})\n")
    sys.stdout.write(
        f"dependencies audited: {len(pins)} pins, {len(advisories)} known advisories\n"
    )
    return 1 if advisories else 0


if __name__ == "__main__":
    sys.exit(main())
