"""The checker is worth something: a daemon without one of its safeguards does not pass.

Each scenario strikes when something is seen, not at a time, which also works on a busy machine.
The sound daemon passes in the same scenario.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from tests.chaos import plan, run
from tests.chaos.environment import Database, Environment
from tests.chaos.evidence import now

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600), pytest.mark.xdist_group("chaos")]

SUBJECTS = ("7000001", "7000002", "7000003")
# What the checker says of them, and never of what is merely not delivered yet.
TWO_PARENTS = ("has 2 parents",)
TWO_LEADERS = ("entries that no poll explains", "and again at", "a message belongs to no incident")


def setting(final: str, daemons: int = 1) -> plan.Plan:
    """What there is; what happens is up to the scenario."""
    subjects = SUBJECTS[:daemons] if daemons == 1 else SUBJECTS
    return plan.Plan(
        seed=0,
        subjects=subjects,
        actions=(),
        ends=0,
        final=dict.fromkeys(subjects, final),
        daemons=daemons,
    )


async def killed_between_post_and_receipt(environment: Environment) -> None:
    """Slack shows the parent and holds its answer back: the daemon dies without having it."""
    held = {"vendor": "slack", "endpoint": "chat.postMessage", "kind": "slow", "takes": "1h"}
    await environment.change(fault={**held, "times": 1})
    await environment.change(vyvx={"id": SUBJECTS[0], "state": "offline"})
    await environment.until(environment.channel.threads)
    await environment.daemons[0].kill()


async def frozen_past_the_lease(environment: Environment) -> None:
    """The other daemon leads and reports an outage, of which the one that wakes knows nothing."""
    await leader_frozen(environment, SUBJECTS[0])
    for subject in SUBJECTS:
        await environment.change(vyvx={"id": subject, "state": "online"})


async def frozen_until_it_errs(environment: Environment) -> None:
    """The same for a leader that minds no fence, which may still end by chance.

    A daemon that is frozen in the middle of a transaction wakes without its connection, and ends.
    Two that both think they lead hinder each other: once neither reported anything for two
    minutes. Then both are started again.
    """
    silent: list[TimeoutError] = []
    for subject in SUBJECTS:
        try:
            if await leader_frozen(environment, subject, within=30.0):
                break
        except TimeoutError as error:
            silent.append(error)
            await environment.start_again()
    if len(silent) == len(SUBJECTS):
        raise silent[-1]
    for subject in SUBJECTS:
        await environment.change(vyvx={"id": subject, "state": "online"})


async def leader_frozen(environment: Environment, subject: str, *, within: float = 120.0) -> bool:
    """Whether it goes on polling when it wakes, as it must not; else it was started again.

    Raises TimeoutError when for so many seconds none leads, or the other one does not report it.
    """
    leader = environment.daemons[await leading(environment, within=within)]

    async def seen() -> bool:
        return any(subject in thread[0]["text"] for thread in await environment.channel.threads())

    async def replaced() -> bool:
        if await ask(environment, AT_WORK, f"chaos{leader.number}"):
            return False
        await environment.change(vyvx={"id": subject, "state": "offline"})
        await environment.until(seen, within=within)
        return True

    while not await leader.freeze(replaced()):
        pass
    woke = now()

    async def polls() -> bool:
        return (
            sum(
                p.daemon == leader.number and p.started_at > woke for p in await environment.polls()
            )
            > 1
        )

    async def polls_or_ended() -> bool:
        return await polls() or any(
            disruption.kind == "start" and disruption.started_at > woke
            for disruption in leader.disruptions
        )

    await environment.until(polls_or_ended)
    return await polls()


# While each has one row: an evicted one has none, and one that was killed has its old one for long.
LEADER = (
    "SELECT right(instance, 1)::int FROM daemons JOIN lease USING (session)"
    " WHERE ARRAY['chaos0', 'chaos1'] = ARRAY(SELECT instance FROM daemons ORDER BY instance)"
)
AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity JOIN daemons ON application_name = 'watcher ' || session"
    " WHERE instance = $1 AND state <> 'idle'"
)


async def leading(environment: Environment, *, within: float) -> int:
    """Return the number of the leader; on a busy machine there may be none for a moment."""

    async def leaders() -> list[int]:
        number = await ask(environment, LEADER)
        return [] if number is None else [number]

    [leader] = await environment.until(leaders, within=within)
    return leader


async def ask(environment: Environment, question: str, *arguments: str) -> int | None:
    """Ask the database that the daemons share."""
    assert environment.database is not None
    connection = await asyncpg.connect(environment.database.url)
    try:
        return await connection.fetchval(question, *arguments)
    finally:
        await connection.close()


def nothing() -> None:
    """These scenarios leave the database server alone."""


@pytest.fixture(scope="module")
def complaints(databases, template, tmp_path_factory) -> Iterator[dict[str, list[str]]]:
    """What the checker says of each; all are played at once, as they mostly wait."""

    async def run_plan(
        what: str,
        scenario: run.Scenario,
        there: plan.Plan,
        expected: tuple[str, ...],
        url: str = "",
    ):
        outcome = await run.run_plan(
            there,
            tmp_path_factory.mktemp(what),
            database=Database(url=url, restart=nothing) if url else None,
            launcher=("-m", "tests.chaos.unsafe_daemon", what) if expected else ("-m", "watcher"),
            scenario=scenario,
            expected=expected,
        )
        return what, outcome.complaints

    async def all_at_once(first: str, second: str) -> dict[str, list[str]]:
        killed, alone, two = (
            killed_between_post_and_receipt,
            setting("offline"),
            setting("online", 2),
        )
        return dict(
            await asyncio.gather(
                run_plan("sound", killed, alone, ()),
                run_plan("receipts", killed, alone, TWO_PARENTS),
                run_plan("lookup", killed, alone, TWO_PARENTS),
                run_plan("two sound", frozen_past_the_lease, two, (), first),
                run_plan("fencing", frozen_until_it_errs, two, TWO_LEADERS, second),
            )
        )

    with databases.new(template) as first, databases.new(template) as second:
        yield asyncio.run(all_at_once(first, second))


@pytest.mark.parametrize("what", ["sound", "two sound"])
def test_a_sound_daemon_passes(complaints, what):
    assert complaints[what] == []


@pytest.mark.parametrize(
    ("what", "expected"),
    [("receipts", TWO_PARENTS), ("lookup", TWO_PARENTS), ("fencing", TWO_LEADERS)],
)
def test_a_daemon_without_one_of_its_safeguards_is_found(complaints, what, expected):
    expected_complaints = [
        complaint for complaint in complaints[what] if any(sign in complaint for sign in expected)
    ]
    assert expected_complaints, complaints[what]
