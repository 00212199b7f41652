#!/usr/bin/env bash
# APScheduler 3.11.3: CronTrigger on a zone is wrong on the nights on which the clocks change.
#
# In spring, 02:30 in Europe/Paris does not exist on 2026-03-29. The trigger gives it with the offset
# of winter, which is 03:30 on the clocks: half an hour after they jumped. In autumn, 02:30 comes
# twice on 2026-10-25. The trigger gives the second one again and again, each as the next after
# itself.
#
# Seen with CPython 3.11 and APScheduler 3.11.3:
#     spring: 2026-03-29T02:30:00+01:00
#     autumn: 2026-10-25T02:30:00+01:00 comes after 2026-10-25T02:30:00+01:00
#
# Exits with 0 while APScheduler does this, with 1 once it does not: then the clock that shows UTC in
# watcher/ruleset/windows/once_and_cron.py has one reason less.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check apscheduler==3.11.3 tzdata

cat >"$folder/fire.py" <<'PYTHON'
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

paris = ZoneInfo("Europe/Paris")
trigger = CronTrigger(minute=30, hour=2, timezone=paris)
spring = trigger.get_next_fire_time(None, datetime(2026, 3, 28, 12, tzinfo=paris))
print("spring:", spring.isoformat())
at = datetime(2026, 10, 24, 12, tzinfo=paris)
before = None
for _ in range(4):
    before, at = at, trigger.get_next_fire_time(before, at + timedelta(microseconds=1))
print("autumn:", at.isoformat(), "comes after", before.isoformat())
stuck = at.timestamp() <= before.timestamp()
late = spring.astimezone(ZoneInfo("UTC")) > datetime(2026, 3, 29, 1, tzinfo=ZoneInfo("UTC"))
sys.exit(0 if stuck and late else 1)
PYTHON
"$folder/venv/bin/python" "$folder/fire.py"
