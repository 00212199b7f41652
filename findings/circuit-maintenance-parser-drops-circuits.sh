#!/usr/bin/env bash
# circuit-maintenance-parser 2.12.0: of Lumen's mails, circuits whose impact is not an outage are
# dropped, and each window has the circuits of every window.
#
# The parser for Lumen keeps a row of the table of circuits only where its impact type contains
# "outage", and collects the rows of all tables into one list, which each window then has.
#
# Seen with CPython 3.11.7 and circuit-maintenance-parser 2.12.0, for a mail whose first window names
# 1-AAA (Outage) and 1-RISK (At Risk), and whose second names 1-BBB (Outage):
#     20 07:00 to 12:00: 1-AAA, 1-BBB
#     21 07:00 to 12:00: 1-AAA, 1-BBB
#
# Exits with 0 while the parser does this, with 1 once it does not: then decision 34 has a reason
# less.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  circuit-maintenance-parser==2.12.0

cat >"$folder/circuits.py" <<'PYTHON'
import sys
from datetime import datetime, timezone

from circuit_maintenance_parser import NotificationData, init_provider

HEAD = (
    *("Customer Name", "Circuit ID", "Alt Circuit ID", "Bandwidth", "A Location", "Z Location"),
    *("Impact Type", "Maximum Duration", "Order Number"),
)


def table(*rows):
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def window(day, *circuits):
    times = tuple(f"2030-05-{day} {hour}:00 GMT (Greenwich Mean Time)" for hour in ("07", "12"))
    rows = [
        ("ACME", name, "N/A", "1 GIG", "A", "Z", impact, "1 hour", "1") for name, impact in circuits
    ]
    return table(("Start", "End"), times) + table(HEAD, *rows)


PAGE = (
    "<span>Scheduled Maintenance #: 21266034</span>"
    "<span>Updates:</span><br>2030-05-01 07:00:21 GMT - This maintenance is scheduled.<br>"
    + window(20, ("1-AAA", "Outage"), ("1-RISK", "At Risk"))
    + window(21, ("1-BBB", "Outage"))
)
MAIL = (
    "From: smc@lumen.com\r\nSubject: Scheduled Maintenance\r\n"
    "Date: Wed, 01 May 2030 07:00:21 +0000\r\nContent-Type: text/html\r\n\r\n" + PAGE
)
found = init_provider("lumen").get_maintenances(NotificationData.init_from_email_bytes(MAIL.encode()))
for maintenance in found:
    begin = datetime.fromtimestamp(maintenance.start, timezone.utc)
    end = datetime.fromtimestamp(maintenance.end, timezone.utc)
    names = ", ".join(circuit.circuit_id for circuit in maintenance.circuits)
    print(f"{begin:%d %H:%M} to {end:%H:%M}: {names}")
kept = [{circuit.circuit_id for circuit in maintenance.circuits} for maintenance in found]
sys.exit(0 if kept == [{"1-AAA", "1-BBB"}] * 2 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/circuits.py"
