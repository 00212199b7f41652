"""The checker is worth something: a daemon without one of its safeties does not pass.

Each story strikes when something is seen, not at a time, so that it strikes on a busy machine too.
The sound daemon passes in the same story.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from tests.chaos import plan, run, stage
from tests.chaos.evidence import now

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600), pytest.mark.xdist_group("chaos")]

SUBJECTS = ("7000001", "7000002", "7000003")
# What the checker says of them, and never of what is only not told yet.
TWO_PARENTS = ("has 2 parents",)
TWO_LEADERS = ("entries that no poll explains", "and again at", "a message tells no incident")


def setting(final: str, daemons: int = 1) -> plan.Plan:
    """What there is; what happens is told by the story."""
    subjects = SUBJECTS[:daemons] if daemons == 1 else SUBJECTS
    return plan.Plan(
        seed=0,
        subjects=subjects,
        deeds=(),
        ends=0,
        final=dict.fromkeys(subjects, final),
        daemons=daemons,
    )


async def killed_between_post_and_receipt(world: stage.Stage) -> None:
    """Slack shows the parent and holds its answer back: the daemon dies without having it."""
    held = {"vendor": "slack", "endpoint": "chat.postMessage", "kind": "slow", "takes": "1h"}
    await world.change(fault={**held, "times": 1})
    await world.change(vyvx={"id": SUBJECTS[0], "state": "offline"})
    await world.until(world.channel.threads)
    await world.daemons[0].kill()


async def frozen_past_the_lease(world: stage.Stage) -> None:
    """The other daemon leads and tells an outage, of which the one that wakes knows nothing."""
    await leader_frozen(world, SUBJECTS[0])
    for subject in SUBJECTS:
        await world.change(vyvx={"id": subject, "state": "online"})


async def frozen_until_it_errs(world: stage.Stage) -> None:
    """The same for a leader that minds no fence, which may still end by chance.

    Whoever is frozen in the middle of a transaction wakes without its connection, and ends.
    """
    for subject in SUBJECTS:
        if await leader_frozen(world, subject):
            break
    for subject in SUBJECTS:
        await world.change(vyvx={"id": subject, "state": "online"})


async def leader_frozen(world: stage.Stage, subject: str) -> bool:
    """Whether it goes on polling when it wakes, as it must not; else it was started again."""
    leader = world.daemons[await ask(world, LEADER)]

    async def told() -> bool:
        return any(subject in thread[0]["text"] for thread in await world.channel.threads())

    async def relieved() -> bool:
        if await ask(world, AT_WORK, f"chaos{leader.number}"):
            return False
        await world.change(vyvx={"id": subject, "state": "offline"})
        await world.until(told)
        return True

    while not await leader.freeze(relieved()):
        pass
    woke = now()

    async def polls() -> bool:
        return sum(p.daemon == leader.number and p.began > woke for p in await world.polls()) > 1

    async def polls_or_ended() -> bool:
        return await polls() or any(
            one.kind == "start" and one.began > woke for one in leader.violence
        )

    await world.until(polls_or_ended)
    return await polls()


LEADER = "SELECT right(instance, 1)::int FROM daemons JOIN lease USING (session)"
AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity JOIN daemons ON application_name = 'watcher ' || session"
    " WHERE instance = $1 AND state <> 'idle'"
)


async def ask(world: stage.Stage, question: str, *arguments: str) -> int:
    """Ask the database that the daemons share."""
    assert world.database is not None
    connection = await asyncpg.connect(world.database.url)
    try:
        return await connection.fetchval(question, *arguments)
    finally:
        await connection.close()


def nothing() -> None:
    """These stories leave the database server alone."""


@pytest.fixture(scope="module")
def complaints(databases, template, tmp_path_factory) -> Iterator[dict[str, list[str]]]:
    """What the checker says of each; all are played at once, as they mostly wait."""

    async def play(
        what: str, story: run.Story, there: plan.Plan, expected: tuple[str, ...], url: str = ""
    ):
        outcome = await run.play(
            there,
            tmp_path_factory.mktemp(what),
            database=stage.Database(url=url, restart=nothing) if url else None,
            launcher=("-m", "tests.chaos.sabotage", what) if expected else ("-m", "watcher"),
            story=story,
            expected=expected,
        )
        return what, outcome.complaints

    async def all_at_once(one: str, other: str) -> dict[str, list[str]]:
        killed, alone, two = (
            killed_between_post_and_receipt,
            setting("offline"),
            setting("online", 2),
        )
        return dict(
            await asyncio.gather(
                play("sound", killed, alone, ()),
                play("receipts", killed, alone, TWO_PARENTS),
                play("lookup", killed, alone, TWO_PARENTS),
                play("two sound", frozen_past_the_lease, two, (), one),
                play("fencing", frozen_until_it_errs, two, TWO_LEADERS, other),
            )
        )

    with databases.new(template) as one, databases.new(template) as other:
        yield asyncio.run(all_at_once(one, other))


@pytest.mark.parametrize("what", ["sound", "two sound"])
def test_a_sound_daemon_passes(complaints, what):
    assert complaints[what] == []


@pytest.mark.parametrize(
    ("what", "expected"),
    [("receipts", TWO_PARENTS), ("lookup", TWO_PARENTS), ("fencing", TWO_LEADERS)],
)
def test_a_daemon_without_one_of_its_safeties_is_found(complaints, what, expected):
    found = [one for one in complaints[what] if any(sign in one for sign in expected)]
    assert found, complaints[what]
