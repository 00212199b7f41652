"""`watcher silence` against a real socket, a real store, and the engine's own step."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from watcher import engine, ports, ruleset
from watcher.cli.incidents import silence_group
from watcher.clock import SystemClock, Wakeup
from watcher.operations import control_socket
from watcher.operations.commands import CommandService
from watcher.store import store

RULES = "rules: [{name: down, source: vyvx, transition: {field: state, to: [offline]}}]\n"


async def step_for_ever(opened, token, state, wakeup):
    """Step what is put in, as the daemon does."""
    now = SystemClock().now
    while True:
        for envelope in await opened.inbox.read():
            effects, note = (), ""
            try:
                effects = engine.step(state, envelope.command, now())
            except engine.IllegalCommand as refusal:
                note = str(refusal)
            await opened.commits.commit(
                token,
                ports.Commit(
                    at=now(),
                    event=envelope.command,
                    effects=effects,
                    inbox=envelope.number,
                    note=note,
                ),
            )
        await wakeup.wait(None)


@pytest.fixture
async def watcher(tmp_path):
    """Run a verb of `watcher silence` beside a daemon; give its exit code and words."""
    (tmp_path / "rules.yaml").write_text(RULES)
    traits = engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3))
    rules = ruleset.load(
        [str(tmp_path / "rules.yaml")], inventory=None, sources={"vyvx": traits}, receivers=()
    )
    path = tmp_path / "control.sock"

    async def nothing():
        return {}

    async with store.open(f"sqlite:///{tmp_path}/w.db", clock=SystemClock()) as opened:
        wakeup = Wakeup()
        lease = await opened.leadership.acquire("ops1")
        stepping = asyncio.create_task(step_for_ever(opened, lease, engine.restore(rules), wakeup))
        server = control_socket.ControlSocket(
            reader=opened.queries,
            commands=CommandService(
                reader=opened.queries, inbox=opened.inbox, ingest=wakeup, clock=SystemClock()
            ),
            clock=SystemClock(),
            status=nothing,
            reload=nothing,
        )

        async def run(*arguments: str) -> tuple[int, str]:
            words = [*arguments, "--socket", str(path)]
            result = await asyncio.to_thread(CliRunner().invoke, silence_group, words)
            return result.exit_code, result.output or str(result.exception)

        async with server.serve(path):
            yield run
        stepping.cancel()
        await asyncio.gather(stepping, return_exceptions=True)


async def test_a_silence_is_added_listed_and_ended(watcher):
    code, output = await watcher(
        "add", "rule=vyvx-*", "labels.site!=NYC", "--for", "2h", "--by", "ana", "--comment", "works"
    )
    assert code == 0
    identity, _, until = output.partition(" until ")
    assert until.endswith("Z\n")
    code, output = await watcher("list")
    assert output.startswith(f"{identity}  until ")
    assert output.endswith("by ana  rule=vyvx-* labels.site!=NYC  works\n")
    assert await watcher("expire", identity, "--by", "bob") == (0, f"{identity} expired\n")
    assert await watcher("list") == (0, "no active silences\n")


async def test_what_cannot_be_matched_is_said(watcher):
    code, output = await watcher("add", "colour=red")
    assert code == 1
    assert output.startswith("colour=red: expected rule, subject")
    assert await watcher("list") == (0, "no active silences\n")


@pytest.mark.parametrize("arguments", [["vyvx"], ["=x"], ["rule=a", "--for", "soon"]])
async def test_a_malformed_request_is_a_usage_error(watcher, arguments):
    code, _ = await watcher("add", *arguments)
    assert code == 2


async def test_a_silence_that_is_not_there(watcher):
    code, output = await watcher("expire", "s-none")
    assert (code, output) == (1, "there is no active silence s-none")
