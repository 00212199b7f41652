"""Works that are imported excuse an outage on a running daemon, until somebody dismisses them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.e2e.conftest import OFFLINE
from tests.eventually import eventually
from tests.fakes import carrier_messages as carrier
from watcher import cli

pytestmark = pytest.mark.broker


@pytest.fixture
def watcher(home):
    """Run a command as a person at a shell does: (exit code, stdout, stderr)."""

    async def run(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        asked = [*words, "--config", str(home / "config.toml")]
        done = await asyncio.to_thread(CliRunner().invoke, cli.program, asked, stdin)
        return done.exit_code, done.stdout, done.stderr

    return run


async def test_a_notice_on_standard_input_excuses_an_outage_until_it_is_dismissed(
    world, daemon, home, subscribed, watcher
):
    now = datetime.now(UTC).replace(second=0, microsecond=0)  # noqa: TID251  # the daemon runs by this clock
    begin, end = now - timedelta(minutes=5), now + timedelta(hours=2)
    mail = carrier.mail(
        page=carrier.lumen_page(
            "21266034", (carrier.window(begin, end), carrier.circuits(("SVC1", "Outage")))
        )
    )
    async with subscribed() as seen, daemon():
        code, output, errors = await watcher("works", "import", stdin=mail)
        assert (code, errors) == (0, "")
        assert output.startswith("standard input: lumen/21266034 confirmed; ")
        code, output, _ = await watcher("works", "list")
        assert (code, "lumen/21266034" in output) == (0, True)

        code, _, errors = await watcher("works", "import", stdin=b"Subject: Lunch\r\n\r\nLunch?")
        assert code == 1
        (kept,) = (home / "rejected").glob("*.message")
        assert f"kept as {kept}" in errors

        await world.change(vyvx=OFFLINE)

        async def published() -> dict:
            return seen.document()

        document = await eventually(published)
        assert document["planned"]["id"] == "21266034"
        assert "planned" in document["flags"]
        assert not [m for m in await world.parents() if "USA East is offline" in m["text"]]

        by = ("--by", "ada")
        assert (await watcher("works", "dismiss", "lumen/21266034", *by))[0] == 0

        async def called() -> list:
            return [m for m in await world.parents() if "USA East is offline" in m["text"]]

        await eventually(called)
