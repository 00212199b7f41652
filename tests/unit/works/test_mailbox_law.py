"""Law: whatever server and disk do meanwhile, every notice is read in the end, and fetched once."""

from __future__ import annotations

import asyncio
import contextlib

import hypothesis
from hypothesis import strategies as st

from tests.fakes.fuzzing import examples
from tests.fakes.imap import FakeImap
from tests.fakes.works import mail
from tests.unit.works.test_mailbox import World
from watcher import model

FAULTS = st.sampled_from(
    ["hang up", "bye", "NO [SERVERBUG] x", "NO [UNAVAILABLE] x", b"garbage\r\n"]
)
COMMANDS = st.sampled_from(["LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH"])
DELIVER = st.tuples(st.just("deliver"), st.sampled_from(["id", "id", "no id", "no notice"]))
STEPS = st.one_of(
    st.just(("check",)),
    DELIVER,
    st.tuples(st.just("bad mail"), st.integers(1, 6), FAULTS),
    st.just(("check",)),
    st.tuples(st.just("fault"), COMMANDS, FAULTS),
    st.tuples(st.sampled_from(["well", "full disk", "locked", "renumber", "restart"])),
)


class Course:
    """What happens to one mailbox."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sent = 0  # notices

    async def step(self, what: str, *rest) -> None:
        world, server = self.world, self.world.server
        match what:
            case "deliver":
                self._deliver(*rest)
            case "fault":
                server.faults[rest[0]] = rest[1]
            case "bad mail":
                server.faults[f"UID FETCH {rest[0]} BODY"] = rest[1]
            case "well":
                server.faults.clear()
                world.inbox.error = world.disk = None
            case "full disk":
                world.disk = model.TemporaryError("No space left on device")
            case "locked":
                world.inbox.error = model.TemporaryError("the database is locked")
            case "renumber":
                server.renumber()
            case "restart":
                world.restart()
            case "check":
                with contextlib.suppress(model.TemporaryError, model.PermanentError):
                    await world.check()

    def _deliver(self, kind: str) -> None:
        number = len(self.world.server.mails)
        if kind == "no notice":
            self.world.server.add(mail(message_id=f"m{number}", filler="dear sirs"))
            return
        self.sent += 1
        identity = f"m{number}" if kind == "id" else ""
        self.world.server.add(mail(f"W{self.sent}", identity))


@hypothesis.given(
    st.lists(DELIVER, min_size=3, max_size=6), st.lists(STEPS, min_size=3, max_size=25)
)
@examples(60)
def test_every_notice_is_read_in_the_end_and_put_in_once(mails, steps):
    async def play():
        async with FakeImap().serving() as server:
            course = Course(World(server))
            for step in (*mails, *steps, ("well",), ("check",), ("check",)):
                await course.step(*step)
            world = course.world
            assert sorted(world.inbox.ids) == sorted(f"W{n + 1}" for n in range(course.sent))
            assert world.outcomes.count("read") == course.sent
            before = server.sent
            for _ in range(2):
                world.restart()
                assert await world.check() == ()
            assert server.sent == before
            server.renumber()
            assert await world.check() == ()
            without_id = [body for body in server.mails.values() if b"Message-ID" not in body]
            assert server.sent - before == len(without_id)

    asyncio.run(play())
