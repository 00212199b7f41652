"""The demo, played from beginning to end as `make demo` does."""

from __future__ import annotations

import asyncio
import re
import sys


async def test_the_demo_tells_its_whole_story_and_ends_by_itself():
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
        told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    assert re.search(r"The board of a control room: http://127\.0\.0\.1:\d+/\n", told), told
    assert re.search(r"Slack, as a person sees it: +http://127\.0\.0\.1:\d+/\n", told), told
    kinds = re.findall(r"^\d\d:\d\d:\d\d  w-\w{8}  (\w+)", told, re.MULTILINE)
    assert kinds == ["opened", "diagnosing", "diagnosed", "opened", "resolved", "resolved"], told
    assert "USA East is offline: likely Lumen side" in told
    assert "warning" not in told.lower()


async def test_a_span_that_is_none_is_a_usage_error():
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
