"""`watcher works import` as people and mail rules use it, and the daemon behind it."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.fakes import carrier_messages as carrier
from tests.unit.operations.test_control_socket import InMemoryStore, serve_socket
from watcher import cli, model
from watcher.works import reader

BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=9)  # noqa: TID251  # the daemon's own clock decides what is past
END = BEGIN + timedelta(hours=5)
GOOD = carrier.calendar(carrier.event(BEGIN, END))
PAGE = carrier.lumen_page(
    "21266034", (carrier.window(BEGIN, END), carrier.circuits(("1-AAA", "Outage")))
)


@pytest.fixture
def store():
    return InMemoryStore()


@pytest.fixture
async def command(store, tmp_path):
    """Run the verb against a daemon whose socket is in `tmp_path`."""

    async def run(*words, stdin=b""):
        asked = ["works", "import", "--socket", str(tmp_path / "c.sock"), *map(str, words)]
        return await asyncio.to_thread(CliRunner().invoke, cli.program, asked, stdin)

    async with serve_socket(store, tmp_path / "c.sock"):
        yield run


async def test_files_become_notices_and_are_said(command, store, tmp_path):
    (tmp_path / "one.ics").write_bytes(GOOD)
    (tmp_path / "two.eml").write_bytes(carrier.mail(page=PAGE))
    done = await command(tmp_path / "one.ics", tmp_path / "two.eml")
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    span = f"{BEGIN:%Y-%m-%dT%H:%M}Z to {END:%Y-%m-%dT%H:%M}Z"
    assert first.endswith(f"one.ics: example.com/WO-31415 confirmed; {span}; 1-AAA")
    assert second.endswith(f"two.eml: lumen/21266034 confirmed; {span}; 1-AAA")
    notices = [sent.notice for sent in store.commands.values()]
    assert [notice.origin for notice in notices] == ["file one.ics", "file two.eml"]
    assert all(isinstance(sent, model.NoticeRead) for sent in store.commands.values())


async def test_a_mail_rule_pipes_a_mail_and_its_message_id_is_where_it_came_from(command, store):
    done = await command(stdin=carrier.mail(page=PAGE))
    assert done.exit_code == 0, done.output
    (sent,) = store.commands.values()
    assert sent.notice.origin == "mail <1@lumen.com>"


async def test_the_same_message_twice_is_one(command, store):
    for _ in range(2):
        assert (await command("-", stdin=GOOD)).exit_code == 0
    assert len(store.commands) == 1
    assert store.outcomes == ["read"]


async def test_what_is_not_a_notice_is_exit_code_1_and_kept_by_the_daemon(command, store, tmp_path):
    lunch = carrier.mail(text="Lunch?", subject="Lunch")
    done = await command(stdin=lunch)
    assert done.exit_code == 1
    (kept,) = (tmp_path / "rejected").glob("*.message")
    assert done.stderr == (
        f"standard input: the mail ('Lunch') is not a notice of planned works; kept as {kept}\n"
    )
    assert kept.read_bytes() == lunch
    assert not store.commands
    assert store.outcomes == ["rejected"]


async def test_of_several_files_the_good_ones_are_taken(command, store, tmp_path):
    (tmp_path / "bad.ics").write_bytes(GOOD[:150])
    (tmp_path / "good.ics").write_bytes(GOOD)
    done = await command(tmp_path / "bad.ics", tmp_path / "none.ics", tmp_path / "good.ics")
    assert done.exit_code == 1
    assert "none.ics: not taken: No such file or directory" in done.stderr
    assert len(store.commands) == 1


async def test_50_megabytes_are_kept_aside_and_64_are_left_where_they_are(command, store, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 50_000_000)
    (tmp_path / "huge").write_bytes(b"x" * 64_000_001)
    done = await command(tmp_path / "large")
    assert "it has 50,000,000 bytes, more than 10,000,000; kept as" in done.stderr
    done = await command(tmp_path / "huge")
    assert (done.exit_code, "not taken: it has more than 64,000,000" in done.stderr) == (1, True)
    (kept,) = (tmp_path / "rejected").glob("*.message")
    assert kept.stat().st_size == 50_000_000
    assert not store.commands


async def test_without_a_daemon_a_mail_rule_is_asked_to_try_again_and_a_person_is_refused(tmp_path):
    (tmp_path / "one.ics").write_bytes(GOOD)
    nowhere = ["works", "import", "--socket", str(tmp_path / "nowhere.sock")]
    piped = await asyncio.to_thread(CliRunner().invoke, cli.program, nowhere, GOOD)
    assert piped.exit_code == os.EX_TEMPFAIL == 75
    named = [*nowhere, str(tmp_path / "one.ics")]
    assert (await asyncio.to_thread(CliRunner().invoke, cli.program, named)).exit_code == 1


async def test_what_cannot_even_be_kept_aside_stays_with_the_mail_rule(command, tmp_path):
    (tmp_path / "rejected").write_text("a file is in the way")
    done = await command(stdin=b"Subject: x\r\n\r\nno notice")
    assert done.exit_code == 75
    assert "standard input: not taken: " in done.stderr


async def test_a_mail_that_cannot_be_read_now_stays_with_the_mail_rule(
    command, store, tmp_path, monkeypatch
):
    kill = "import os; os.kill(os.getpid(), 9)"
    monkeypatch.setattr(reader, "WORKER", (reader.WORKER[0], "-I", "-c", kill))
    done = await command(stdin=GOOD)
    assert done.exit_code == 75
    assert "standard input: not taken: the process that reads it was killed by si" in done.stderr
    assert not (tmp_path / "rejected").exists()
    assert not store.commands


async def test_no_leader_takes_it_so_the_mail_rule_keeps_it(command, store, monkeypatch):
    async def nothing(key):
        return None

    monkeypatch.setattr(store, "outcome", nothing)
    monkeypatch.setattr("watcher.operations.commands.ANSWER_SECONDS", 0.1)
    assert (await command(stdin=GOOD)).exit_code == 75
