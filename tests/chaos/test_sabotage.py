"""The checker is worth something: a daemon without one of its safeties does not pass."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos import plan, run

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

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


async def both(story: plan.Plan, what: str, folder: Path) -> tuple[list[str], list[str]]:
    """What is wrong with the daemon as it is, and with the sabotaged one, in the same story."""
    sound, broken = folder / "sound", folder / "broken"
    sound.mkdir()
    broken.mkdir()
    outcomes = await asyncio.gather(
        run.play(story, sound, patience=40.0),
        run.play(story, broken, patience=15.0, launcher=("-m", "tests.chaos.sabotage", what)),
    )
    return outcomes[0].complaints, outcomes[1].complaints


async def test_without_receipts_something_is_told_twice(tmp_path):
    killed_in_the_upload = story(
        slack_fault("hang", "files.completeUploadExternal"),
        plan.Deed(at=plan.WARM_UP + 4.0, kind="kill"),
    )
    sound, broken = await both(killed_in_the_upload, "receipts", tmp_path)

    assert not sound
    assert any("(diagnosed) is told by 2 replies" in fault for fault in broken), broken


async def test_without_the_look_up_an_incident_gets_two_parents(tmp_path):
    answer_lost = story(slack_fault("drop", "chat.postMessage"))
    sound, broken = await both(answer_lost, "lookup", tmp_path)

    assert not sound
    assert any("has 2 parents" in fault for fault in broken), broken
