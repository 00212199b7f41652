"""`watcher silence` against a real socket, a real store, and the engine's own step."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from watcher import engine, model, ports, ruleset
from watcher.cli.silences import group
from watcher.clock import SystemClock, Wakeup
from watcher.operations import control_socket
from watcher.operations.commands import CommandService
from watcher.store import store

RULES = "rules: [{name: down, source: vyvx, transition: {field: state, to: [offline]}}]\n"
POLLED = model.Polled(
    source="vyvx",
    seen=tuple(
        model.Observed(key=f"vyvx/{number}", fields={"state": "online"}) for number in (1, 2)
    ),
    total=2,
)


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
        state = engine.restore(rules)
        engine.step(state, POLLED, SystemClock().now())
        stepping = asyncio.create_task(step_for_ever(opened, lease, state, wakeup))

        async def preview(silence):
            return engine.preview(state, silence, SystemClock().now())

        server = control_socket.ControlSocket(
            reader=opened.queries,
            commands=CommandService(
                reader=opened.queries,
                inbox=opened.inbox,
                ingest=wakeup,
                clock=SystemClock(),
                preview=preview,
            ),
            clock=SystemClock(),
            status=nothing,
            reload=nothing,
        )

        async def run(*arguments: str) -> tuple[int, str]:
            words = [*arguments, "--socket", str(path)]
            result = await asyncio.to_thread(CliRunner().invoke, group, words)
            return result.exit_code, result.output or str(result.exception)

        async with server.serve(path):
            yield run
        stepping.cancel()
        await asyncio.gather(stepping, return_exceptions=True)


async def test_a_silence_is_added_listed_and_ended(watcher):
    code, output = await watcher(
        "add",
        "subject=vyvx/1",
        "--for",
        "2h",
        "--by",
        "ana",
        "--comment",
        "works",
        "--ticket",
        "C1",
    )
    assert code == 0
    identity, _, words = output.partition(" until ")
    assert words.endswith(" UTC: matches 1 subject, 0 open incidents\n")
    code, output = await watcher("list")
    header, row = output.splitlines()
    assert header.split() == ["SILENCE", "STATE", "UNTIL", "LEFT", "BY", "WHAT"]
    assert row.startswith(f"{identity}  in force  ")
    assert row.endswith("  ana  subject=vyvx/1: works (C1)")
    code, output = await watcher("list", "--json")
    (document,) = json.loads(output)["silences"]
    assert (document["id"], document["matchers"]) == (identity, [["subject=vyvx/1"]])
    first = identity[2:6]  # its first letters, without the s-
    assert await watcher("expire", first, "--by", "bob") == (0, f"{identity} expired\n")
    assert await watcher("list") == (0, "no active silences\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["subject=*"], "this silence matches 2 subjects (everything), 0 open incidents"),
        (["subject=vyvx/1", "--for", "8d"], "this silence lasts 8 d, longer than the 7 d of"),
    ],
)
async def test_a_silence_that_hides_much_is_added_only_with_yes(watcher, arguments, why):
    code, output = await watcher("add", *arguments, "--by", "ana")
    assert code == 1
    assert output.startswith(why)
    assert output.endswith("it has to be confirmed; to add it all the same, repeat it with --yes")
    assert await watcher("list") == (0, "no active silences\n")
    code, output = await watcher("add", *arguments, "--by", "ana", "--yes")
    assert code == 0
    assert "matches" in output


async def test_a_silence_that_matches_nothing_says_so_and_what_is_wrong(watcher):
    code, output = await watcher("add", "labels.taem=video", "rule=dwon", "--by", "ana")
    assert code == 0
    assert "UTC: matches nothing now\n" in output
    assert "warning: labels.taem=video: nothing has a label taem\n" in output
    assert "warning: rule=dwon: there is no such rule; did you mean down?\n" in output


async def test_a_silence_of_several_sets_begins_later(watcher):
    begin, end = "2126-11-29T02:00Z", "2126-11-29T05:00+01:00"
    code, output = await watcher(
        "add",
        "subject=vyvx/1",
        "--or",
        "subject=vyvx/2 'rule=down'",
        "--from",
        begin,
        "--until",
        end,
    )
    assert code == 0
    assert " from 2126-11-29 02:00 UTC until 2126-11-29 04:00 UTC: matches 2 subjects" in output
    _, output = await watcher("list")
    assert output.splitlines()[1].endswith("subject=vyvx/1 or subject=vyvx/2 rule=down")
    assert "  from 2126-11-29 02:00 UTC  " in output


async def test_what_cannot_be_matched_is_said(watcher):
    code, output = await watcher("add", "subjct=vyvx/1")
    assert code == 1
    assert output.startswith("cannot silence subjct=vyvx/1: matchers name rule, subject")
    assert output.endswith("did you mean subject?")
    assert await watcher("list") == (0, "no active silences\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--until", "2126-11-29T02:00Z", "--from", "2126-11-29T03:00Z"], "end before it begins"),
        (["--until", "2020-11-29T02:00Z"], "would end in the past"),
        (["--until", "2126-11-29T02:00Z", "--for", "1h"], "or when it ends, not both"),
        (["--for", "900000d"], "lasts at most 366 days"),
        (["--until", "resolved"], "until resolved: it matches no open incident now"),
        (["--until", "ended"], "no booking of vyvx/1 is known"),
        (["--incident", "w-none"], "there is no incident w-none"),
    ],
)
async def test_a_silence_that_makes_no_sense_is_refused(watcher, arguments, words):
    code, output = await watcher("add", "subject=vyvx/1", "--by", "ana", *arguments)
    assert code == 1
    assert words in output
    assert await watcher("list") == (0, "no active silences\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["vyvx"],
        ["=x"],
        ["rule=a", "--for", "soon"],
        [],
        ["rule=a", "--until", "02:00"],
        ["rule=a", "--until", "later"],
        ["rule=a", "--from", "2026-11-29T02:00"],
        ["rule=a", "--or", "'rule=b"],
        ["rule=a", "--or", "rule"],
    ],
)
async def test_a_malformed_request_is_a_usage_error(watcher, arguments):
    code, _ = await watcher("add", *arguments)
    assert code == 2


async def test_a_silence_that_is_not_there(watcher):
    code, output = await watcher("expire", "s-none")
    assert (code, output) == (1, "there is no active silence s-none")
