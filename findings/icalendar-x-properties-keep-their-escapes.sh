#!/usr/bin/env bash
# icalendar 7.3.2: the text of an X- property keeps its backslashes.
#
# By RFC 5545 (3.8.8.2) the value of a property that begins with X- is TEXT unless it says otherwise,
# so that `\,` in it stands for a comma. The same text in SUMMARY, or in an X- property that says
# VALUE=TEXT, is unescaped.
#
# Seen with CPython 3.11.7 and icalendar 7.3.2:
#     SUMMARY: Hub A, rack 2
#     X-SITE: Hub A\, rack 2
#     X-SITE with VALUE=TEXT: Hub A, rack 2
#
# Exits with 0 while icalendar does this, with 1 once it does not: then `_plain` in
# watcher/works/forms/bcop.py can go.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check icalendar==7.3.2

cat >"$folder/escapes.py" <<'PYTHON'
import sys

from icalendar import Calendar

LINES = (
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//example//EN",
    "BEGIN:VEVENT",
    "UID:1",
    "DTSTAMP:20260101T000000Z",
    "DTSTART:20260101T000000Z",
    "SUMMARY:Hub A\\, rack 2",
    "X-SITE:Hub A\\, rack 2",
    "X-SITE-TEXT;VALUE=TEXT:Hub A\\, rack 2",
    "END:VEVENT",
    "END:VCALENDAR",
)
event = Calendar.from_ical("".join(f"{line}\r\n" for line in LINES)).walk("VEVENT")[0]
print(f"SUMMARY: {event['SUMMARY']}")
print(f"X-SITE: {event['X-SITE']}")
print(f"X-SITE with VALUE=TEXT: {event['X-SITE-TEXT']}")
sys.exit(0 if "\\" in event["X-SITE"] else 1)
PYTHON
"$folder/venv/bin/python" "$folder/escapes.py"
