"""A message is read in a confined process of its own, and what is not a notice is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import carrier_messages as carrier
from watcher import model
from watcher.works import reader, rejected
from watcher.works.reader import NoticeError, UnreadError, read_notices

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN = datetime(2026, 3, 10, 7, tzinfo=UTC)
END = BEGIN + timedelta(hours=5)
LISTED = carrier.circuits(("1-AAA", "Outage"))


async def read(content):
    return await read_notices(content, origin="", now=NOW, zone="Europe/Paris")


async def test_a_mail_becomes_notices_in_a_process_of_its_own():
    page = carrier.lumen_page("21266034", (carrier.window(BEGIN, END), LISTED))
    (notice,) = await read(carrier.mail(page=page))
    assert (notice.key, notice.origin) == ("lumen/21266034", "mail <1@lumen.com>")
    assert notice.windows[0].begin == BEGIN


async def test_a_calendar_may_name_any_zone():
    named = ("DTSTART;TZID=Asia/Kathmandu:20260310T124500", "DURATION:PT5H")
    (notice,) = await read(carrier.calendar(carrier.event(None, None, more=named)))
    assert notice.windows[0].begin == BEGIN


async def test_what_is_not_a_notice_is_said_in_its_sentence():
    with pytest.raises(
        NoticeError, match=r"^the mail \('Lunch'\) is not a notice of planned works"
    ):
        await read(carrier.mail(text="Lunch?", subject="Lunch"))


async def test_50_megabytes_are_refused_unread():
    with pytest.raises(NoticeError, match="50,000,000 bytes, more than 10,000,000"):
        await read(b"x" * 50_000_000)


async def test_the_largest_message_is_read_within_its_time():
    page = carrier.lumen_page("21266034", (carrier.window(BEGIN, END), LISTED))
    padding = "<td>word &amp; word</td>" * 300_000
    assert (await read((page + padding).encode()))[0].id == "21266034"


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("import time; time.sleep(60)", UnreadError, "reading it took more than 0.5 s"),
        ("import os; os.kill(os.getpid(), 9)", UnreadError, "was killed by signal 9"),
        ("print('[')", NoticeError, "it cannot be read"),
        ("while True: print('x' * 99999)", NoticeError, "too large an answer"),
    ],
)
async def test_a_process_that_is_killed_or_slow_is_a_passing_failure_and_others_are_not(
    monkeypatch, code, kind, sentence
):
    monkeypatch.setattr(reader, "TIMEOUT_SECONDS", 0.5 if "sleep" in code else 30.0)
    monkeypatch.setattr(reader, "WORKER", (reader.WORKER[0], "-I", "-c", code))
    with pytest.raises(kind, match=sentence):
        await read(b"x")


async def test_a_reader_that_does_not_start_is_the_fault_of_no_message(monkeypatch):
    monkeypatch.setattr(reader, "WORKER", (reader.WORKER[0], "-I", "-m", "watcher.works.is_gone"))
    with pytest.raises(model.PermanentError, match=r"the reader does not start: .*is_gone"):
        await read(carrier.calendar(carrier.event(BEGIN, END)))


def keep(folder, content, *, minutes=0):
    return rejected.keep_rejected(
        folder,
        content,
        "it is empty",
        origin="standard input",
        now=NOW + timedelta(minutes=minutes),
    )


def test_what_is_rejected_is_kept_whole_with_the_reason_for_its_owner_alone(tmp_path):
    kept = keep(tmp_path / "rejected", b"\x00\xff\r\n")
    assert kept.read_bytes() == b"\x00\xff\r\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    reason = kept.with_suffix(".reason.txt").read_text()
    assert reason == "2026-03-02 00:00:00 UTC  standard input\nit is empty\n"


def test_the_same_message_is_kept_once(tmp_path):
    assert keep(tmp_path, b"x") == keep(tmp_path, b"x", minutes=5)
    assert len(list(tmp_path.glob("*.message"))) == 1


def test_the_oldest_go_where_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(rejected, "MOST_FILES", 3)
    kept = [keep(tmp_path, b"%d" % number, minutes=number) for number in range(5)]
    assert sorted(tmp_path.glob("*.message")) == kept[2:]
    assert len(list(tmp_path.iterdir())) == 6


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match="file/rejected: Not a directory"):
        keep(tmp_path / "file" / "rejected", b"x")
