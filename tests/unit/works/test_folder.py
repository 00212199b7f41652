"""Files in a folder: read once they are complete, moved, and never lost."""

from __future__ import annotations

import os

import pytest

from tests.fakes.works import Surroundings
from watcher import model
from watcher.works.folder import Folder
from watcher.works.reader import UnreadError

FOREVER = 1e9


@pytest.fixture
def around():
    return Surroundings()


@pytest.fixture
def folder(tmp_path, around):
    return Folder(around.config, tmp_path, inbound=around.inbound, clock=around.clock)


def drop(tmp_path, name: str, text: str = "work W1", *, age: float = 3_600):
    """Put a file in, last changed some seconds ago."""
    path = tmp_path / name
    path.write_text(text)
    at = Surroundings().clock.now().timestamp() - age
    os.utime(path, (at, at))
    return path


def there(path) -> list[str]:
    return sorted(file.name for file in path.iterdir()) if path.exists() else []


async def test_a_notice_is_imported_and_its_file_moves(tmp_path, folder, around):
    drop(tmp_path, "a.eml")
    assert await folder.check(FOREVER) == ()
    assert around.inbox.ids == ["W1"]
    assert around.outcomes == ["read"]
    assert around.inbox.woken == 1
    assert there(tmp_path) == ["imported"]
    assert there(tmp_path / "imported") == ["a.eml"]


async def test_what_is_no_notice_is_rejected_with_its_reason(tmp_path, folder, around):
    drop(tmp_path, "letter.txt", "dear sirs")
    drop(tmp_path, "empty.txt", "")
    await folder.check(FOREVER)
    assert around.inbox.ids == []
    rejected = tmp_path / "rejected"
    assert there(rejected) == [
        "empty.txt",
        "empty.txt.reason.txt",
        "letter.txt",
        "letter.txt.reason.txt",
    ]
    reason = (rejected / "letter.txt.reason.txt").read_text()
    assert reason == "it is not a notice of planned works\n"
    assert (rejected / "empty.txt.reason.txt").read_text() == "it is empty\n"


async def test_a_file_that_is_too_large_is_rejected_unread(tmp_path):
    around = Surroundings(max_bytes=1_000)
    folder = Folder(around.config, tmp_path, inbound=around.inbound, clock=around.clock)
    drop(tmp_path, "huge.eml", "work W1 " + "x" * 1_000)
    await folder.check(FOREVER)
    assert around.inbox.ids == []
    reason = (tmp_path / "rejected" / "huge.eml.reason.txt").read_text()
    assert reason == "it has 1,008 bytes, more than 1,000 ([works] max_bytes)\n"


async def test_a_file_that_grows_is_left_alone_until_it_is_complete(tmp_path, folder, around):
    drop(tmp_path, "a.eml", "wor", age=1)
    await folder.check(FOREVER)
    assert there(tmp_path) == ["a.eml"]
    drop(tmp_path, "a.eml", "work W", age=0)
    await folder.check(FOREVER)
    assert there(tmp_path) == ["a.eml"]
    drop(tmp_path, "a.eml", "work W1", age=0)
    await folder.check(FOREVER)
    assert there(tmp_path) == ["a.eml"]
    await folder.check(FOREVER)  # unchanged since the look before
    assert around.inbox.ids == ["W1"]


async def test_a_file_of_the_future_counts_once_it_stays_the_same(tmp_path, folder, around):
    drop(tmp_path, "a.eml", age=-86_400)
    await folder.check(FOREVER)
    assert around.inbox.ids == []
    await folder.check(FOREVER)
    assert around.inbox.ids == ["W1"]


async def test_what_programs_write_meanwhile_and_folders_are_passed_over(tmp_path, folder, around):
    drop(tmp_path, ".a.eml")
    drop(tmp_path, "b.eml.part")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    before = there(tmp_path)
    await folder.check(FOREVER)
    assert there(tmp_path) == before
    assert around.outcomes == []


async def test_a_file_of_the_same_name_does_not_replace_the_first(tmp_path, folder, around):
    for work in ("W1", "W2"):
        drop(tmp_path, "mail", f"work {work}")
        await folder.check(FOREVER)
    assert there(tmp_path / "imported") == ["1-mail", "mail"]
    assert around.inbox.ids == ["W1", "W2"]


async def test_a_file_that_cannot_be_read_is_said_and_the_others_are_read(
    tmp_path, folder, around, monkeypatch
):
    drop(tmp_path, "a.eml", "work W1", age=7_200)
    drop(tmp_path, "b.eml", "work W2")
    real = os.open

    def refuse(path, *args, **kwargs):
        if str(path).endswith("a.eml"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    for _ in range(2):
        with pytest.raises(model.PermanentError, match=r"a\.eml cannot be read: Permission denied"):
            await folder.check(FOREVER)
    assert around.inbox.ids == ["W2"]
    monkeypatch.setattr(os, "open", real)
    await folder.check(FOREVER)
    assert around.inbox.ids == ["W2", "W1"]


async def test_a_file_that_cannot_be_moved_is_read_once_and_said_each_time(
    tmp_path, folder, around, monkeypatch
):
    drop(tmp_path, "a.eml")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", refuse)
        for _ in range(2):
            with pytest.raises(model.PermanentError, match="cannot be moved to imported/: Perm"):
                await folder.check(FOREVER)
    assert around.outcomes == ["read"]
    await folder.check(FOREVER)
    assert around.outcomes == ["read"]
    assert there(tmp_path / "imported") == ["a.eml"]


async def test_a_file_stays_where_its_notices_cannot_be_stored(tmp_path, folder, around):
    drop(tmp_path, "a.eml")
    around.inbox.error = model.TemporaryError("the database is locked")
    with pytest.raises(model.TemporaryError, match="locked"):
        await folder.check(FOREVER)
    assert there(tmp_path) == ["a.eml"]
    around.inbox.error = None
    await folder.check(FOREVER)
    assert around.inbox.ids == ["W1"]


async def test_a_file_that_cannot_be_read_now_is_tried_again_and_rejected_in_the_end(
    tmp_path, folder, around, monkeypatch
):
    drop(tmp_path, "a.eml", "work W1", age=7_200)
    drop(tmp_path, "b.eml", "work W2")
    read = around.inbound._read

    async def killed(content, **rest):
        if b"W1" in content:
            raise UnreadError("reading it took more than 20 s")
        return await read(content, **rest)

    monkeypatch.setattr(around.inbound, "_read", killed)
    for _ in range(2):
        with pytest.raises(model.TemporaryError, match=r"a\.eml is not read yet: reading it took"):
            await folder.check(FOREVER)
        assert around.inbox.ids == ["W2"]
        assert there(tmp_path) == ["a.eml", "imported"]
    assert await folder.check(FOREVER) == ()
    reason = (tmp_path / "rejected" / "a.eml.reason.txt").read_text()
    assert reason == "reading it took more than 20 s\n"


async def test_a_file_that_could_not_be_read_once_is_read_the_next_time(
    tmp_path, folder, around, monkeypatch
):
    drop(tmp_path, "a.eml")

    async def killed(_, **__):
        raise UnreadError("reading it took more than 20 s")

    with monkeypatch.context() as patch:
        patch.setattr(around.inbound, "_read", killed)
        with pytest.raises(model.TemporaryError):
            await folder.check(FOREVER)
    assert await folder.check(FOREVER) == ()
    assert around.inbox.ids == ["W1"]


async def test_a_file_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path, folder, around, monkeypatch
):
    drop(tmp_path, "a.eml", "work W1")
    take = around.inbound.take

    async def replace_meanwhile(content, origin):
        monkeypatch.undo()
        (tmp_path / "b").write_text("work W2")
        (tmp_path / "b").rename(tmp_path / "a.eml")
        return await take(content, origin)

    monkeypatch.setattr(around.inbound, "take", replace_meanwhile)
    for _ in range(3):
        await folder.check(FOREVER)
    assert around.inbox.ids == ["W1", "W2"]
    assert (tmp_path / "imported" / "a.eml").read_text() == "work W2"


async def test_a_file_that_somebody_takes_away_is_no_failure(tmp_path, folder, around, monkeypatch):
    drop(tmp_path, "a.eml", "work W1", age=7_200)
    drop(tmp_path, "b.eml", "work W2")
    real = folder._content

    def gone(name):
        (tmp_path / "a.eml").unlink(missing_ok=True)
        return real(name)

    monkeypatch.setattr(folder, "_content", gone)
    assert await folder.check(FOREVER) == ()
    assert around.inbox.ids == ["W2"]


async def test_a_full_disk_costs_the_reason_and_not_the_file(tmp_path, folder, monkeypatch):
    drop(tmp_path, "a.eml", "dear sirs")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    await folder.check(FOREVER)
    assert there(tmp_path / "rejected") == ["a.eml"]


async def test_a_folder_that_is_not_there_is_a_fault_of_the_settings(around, tmp_path):
    folder = Folder(around.config, tmp_path / "x", inbound=around.inbound, clock=around.clock)
    with pytest.raises(model.PermanentError, match=r"no such folder: set works\.directory"):
        await folder.check(FOREVER)


async def test_what_does_not_fit_into_one_look_is_left_for_the_next(tmp_path, folder, around):
    drop(tmp_path, "a.eml")
    assert await folder.check(-1.0) == ("1 file not read yet",)
    assert await folder.check(FOREVER) == ()
    assert around.inbox.ids == ["W1"]
