"""The source `works`: a folder and a mailbox, of which neither holds up the other."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.fakes.works import FakeClock, Surroundings
from watcher import model
from watcher.daemon import works
from watcher.works.settings import Works
from watcher.works.source import WorksSource


class Place:
    """Somewhere to check; it fails or has remarks."""

    def __init__(self, outcome) -> None:
        self.outcome = outcome
        self.checked = 0

    async def check(self, until: float):
        self.checked += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def source(*outcomes) -> WorksSource:
    return WorksSource(Works(), [Place(outcome) for outcome in outcomes], FakeClock())


async def test_what_both_remark_is_in_the_snapshot_which_has_no_subjects():
    snapshot = await source(("a",), ("b",)).poll()
    assert snapshot.remarks == ("a", "b")
    assert snapshot.readings == {}
    assert snapshot.complete


async def test_rejections_are_remarked_on_for_a_day():
    around = Surroundings()
    looked = WorksSource(Works(), [Place(("a",))], around.clock, remarks=around.inbound.remarks)
    assert (await looked.poll()).remarks == ("a",)
    around.inbound.reject("mail <1>", "it is empty")
    assert (await looked.poll()).remarks == (
        "a",
        "1 message was rejected since 2026-11-29 12:00 UTC: see rejected/",
    )
    around.clock.elapsed = 3_600
    around.inbound.reject("mail <2>", "it is empty")
    around.clock.elapsed = 86_399
    assert (await looked.poll()).remarks[1].startswith("2 messages were rejected since 2026-11-29")
    around.clock.elapsed = 86_400
    assert (await looked.poll()).remarks[1].startswith("1 message was rejected since 2026-11-29 13")
    around.clock.elapsed = 90_000
    assert (await looked.poll()).remarks == ("a",)


@pytest.mark.parametrize("hours", [30, -30])
async def test_when_the_clock_is_set_they_are_remarked_on_for_as_long(hours):
    around = Surroundings()
    around.inbound.reject("mail <1>", "it is empty")
    around.clock.set_by = timedelta(hours=hours)
    since = "2026-11-30 18:00" if hours > 0 else "2026-11-28 06:00"
    around.clock.elapsed = 86_399
    expected = (f"1 message was rejected since {since} UTC: see rejected/",)
    assert around.inbound.remarks() == expected
    around.clock.elapsed = 86_400
    assert around.inbound.remarks() == ()


async def test_a_folder_that_fails_does_not_hold_up_the_mailbox():
    both = source(model.TemporaryError("folder"), ())
    with pytest.raises(model.TemporaryError, match="folder"):
        await both.poll()
    assert [place.checked for place in both._places] == [1, 1]


async def test_of_two_failures_the_one_that_a_person_has_to_end_is_said():
    with pytest.raises(model.PermanentError, match="login"):
        await source(model.TemporaryError("folder"), model.PermanentError("login")).poll()


async def test_an_error_that_nobody_expected_ends_the_check():
    with pytest.raises(ZeroDivisionError):
        await source(ZeroDivisionError()).poll()


def test_it_is_polled_as_its_section_says_beside_the_vendors():
    config = Works.model_validate({"directory": "w", "interval": "3m", "blind_after": "1h"})
    polled = works.polled(SimpleNamespace(works=config, sources={"vyvx": 1}))
    assert list(polled) == ["vyvx", "works"]
    assert polled["works"].interval == timedelta(minutes=3)
    assert polled["works"].blind_after == timedelta(hours=1)
    assert works.polled(SimpleNamespace(works=Works(), sources={"vyvx": 1})) == {"vyvx": 1}
