"""The demo, run from start to end as `make demo` does."""

from __future__ import annotations

import asyncio
import re
import sys


async def test_the_demo_prints_the_whole_outage_and_ends_by_itself():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watcher",
        "demo",
        "--for",
        "45s",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(100):
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert re.search(r"The board of a control room: http://127\.0\.0\.1:\d+/\n", output), output
    assert re.search(r"Slack, as a person sees it: +http://127\.0\.0\.1:\d+/\n", output), output
    kinds = re.findall(r"^\d\d:\d\d:\d\d  w-\w{8}  (\w+)", output, re.MULTILINE)
    assert kinds == ["opened", "diagnosing", "diagnosed", "opened", "resolved", "resolved"], output
    assert "USA East is offline: likely Lumen side" in re.sub(r"\s+", " ", output)
    assert "warning" not in output.lower()
    assert re.search(
        r"^  http://\S+/api/v1/incidents/w-\w+/reports/\S+\.pdf$", output, re.MULTILINE
    )
    assert re.search(r"^  http://\S+/incidents/w-\w{8}$", output, re.MULTILINE)
    assert "The story is over: every incident is resolved." in output
    assert [line for line in output.splitlines() if len(line) > 80] == []


async def test_an_invalid_duration_is_a_usage_error():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watcher",
        "demo",
        "--for",
        "soon",
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate()
    assert process.returncode == 2
    assert b"write 15s, 5m, 4h, 30d" in error
