"""The demo plays any scenario: here Internet On-Demand alone."""

from __future__ import annotations

import asyncio
import sys

SCENARIO = """
world:
  iod:
    connections:
      c1: {bandwidth: 500 Mbps, location: New York}
events:
  - at: 3s
    iod: {id: c1, status: suspended}
"""


async def play(*words: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "watcher", "demo", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output = (await process.communicate())[0].decode()
    return process.returncode, output


async def test_a_scenario_of_your_own_is_played(tmp_path):
    file = tmp_path / "iod.yaml"
    file.write_text(SCENARIO)
    code, output = await play("--for", "9s", "--scenario", str(file))
    assert code == 0, output
    assert "c1 is suspended" in output


async def test_an_invalid_scenario_is_reported_with_its_file_and_key(tmp_path):
    file = tmp_path / "odd.yaml"
    file.write_text("world: {iod: {connections: {c1: {bandwith: 1 Gbps}}}}")
    code, output = await play("--scenario", str(file))
    assert code == 2
    assert "odd.yaml: world.iod.connections.c1.bandwith: there is no such key" in output
    assert "Traceback" not in output


async def test_a_missing_scenario_is_reported_with_the_shipped_ones():
    code, output = await play("--scenario", "/nowhere.yaml")
    assert (code, "shipped are: outage" in output) == (2, True)
