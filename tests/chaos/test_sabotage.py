"""The checker is worth something: a daemon without one of its safeties does not pass."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import plan, run

pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        "WATCHER_CHAOS" not in os.environ,
        reason="minutes long, and a busy machine may miss the instant: set WATCHER_CHAOS=1",
    ),
]

SUBJECT = "7000001"


def story(*deeds: plan.Deed) -> plan.Plan:
    """One outage that lasts, and what is done about it."""
    outage = plan.Deed(
        at=plan.WARM_UP,
        kind="change",
        what={"vyvx": {"id": SUBJECT, "state": "offline"}},
    )
    return plan.Plan(
        seed=0,
        subjects=(SUBJECT,),
        deeds=tuple(sorted((outage, *deeds), key=lambda deed: deed.at)),
        ends=plan.WARM_UP + 4.0,
        final={SUBJECT: "offline"},
    )


def slack_fault(kind: str, endpoint: str) -> plan.Deed:
    fault = {"vendor": "slack", "kind": kind, "endpoint": endpoint, "times": 1}
    return plan.Deed(at=plan.WARM_UP - 1.0, kind="change", what={"fault": fault})


def nothing() -> None:
    """These stories leave the database alone."""


async def both(
    story: plan.Plan,
    what: str,
    expected: str,
    folder: Path,
    databases: tuple[str, str] | None = None,
) -> tuple[list[str], list[str]]:
    """What is wrong with the daemon as it is, and with the sabotaged one, in the same story."""
    sound, broken = folder / "sound", folder / "broken"
    sound.mkdir()
    broken.mkdir()
    first, second = (
        run.Database(url=url, restart=nothing) if url else None for url in databases or ("", "")
    )
    launcher = ("-m", "tests.chaos.sabotage", what)
    outcomes = await asyncio.gather(
        run.play(story, sound, patience=40.0, database=first),
        run.play(
            story, broken, patience=40.0, database=second, launcher=launcher, expected=expected
        ),
    )
    return outcomes[0].complaints, outcomes[1].complaints


async def see_found(
    story: plan.Plan,
    what: str,
    expected: str,
    folder: Path,
    databases: tuple[str, str] | None = None,
) -> None:
    """See that the sound daemon passes, and that the checker finds what the other one does.

    A sabotaged daemon errs only when it is struck at the right instant, which a busy machine may
    miss; so it has three chances to err. The sound one must pass each time.
    """
    broken: list[str] = []
    for number in range(3):
        place = folder / str(number)
        place.mkdir()
        sound, broken = await both(story, what, expected, place, databases)
        assert not sound
        if any(expected in fault for fault in broken):
            return
        if databases:
            break  # these are used up
    pytest.fail(f"not found in a sabotaged daemon: {expected}; the checker says {broken}")


async def test_without_the_look_up_an_incident_gets_two_parents(tmp_path):
    answer_lost = story(slack_fault("drop", "chat.postMessage"))
    expected = "has 2 parents"
    await see_found(answer_lost, "lookup", expected, tmp_path)


@pytest.fixture
def pair(databases, template):
    with databases.new(template) as one, databases.new(template) as other:
        yield one, other


async def test_without_fencing_a_frozen_leader_that_wakes_goes_on_leading(tmp_path, pair):
    # The one that leads is frozen past its lease; the other one takes over and tells the outage.
    frozen = [
        plan.Deed(at=plan.WARM_UP - 1.0, kind="freeze", lasts=12.0, daemon=0),
        plan.Deed(
            at=plan.WARM_UP + 14.0, kind="change", what={"vyvx": {"id": SUBJECT, "state": "online"}}
        ),
    ]
    taken_over = replace(
        story(*frozen), daemons=2, ends=plan.WARM_UP + 18.0, final={SUBJECT: "online"}
    )
    expected = "entries that no poll explains"
    await see_found(taken_over, "fencing", expected, tmp_path, pair)
