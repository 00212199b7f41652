"""The page of announcements quotes what is really said."""

from pathlib import Path

import pytest

from tests.fakes.works_world import WorksWorld
from watcher import model
from watcher.model import WorkStatus

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "announcements.md"
LON, PAR = {"circuits": ("1-ABC",)}, {"circuits": ("2-DEF",), "id": "W2"}


def in_time(w):
    w.read(10, **LON)
    w.until(11)


def coinciding(w):
    w.read(30, **LON)
    w.read(30.125, at=1, **PAR)


def booked(w):
    w.read(30, **LON)
    w.book("vyvx/a", 30.1, 30.2, at=1)


def unknown(w):
    w.read(30, circuits=("9-XYZ",))


def of_another_carrier(w):
    w.read(30, circuits=("1-ABC",), provider="zayo.com")


def moved(w):
    w.read(10, **LON)
    w.read(20, at=4, **LON)


def cancelled(w):
    w.read(10, **LON)
    w.read(10, at=4, status=WorkStatus.CANCELLED, **LON)


def postponed(w):
    w.read(10, **LON)
    w.read(10, at=4, status=WorkStatus.RESCHEDULED, **LON)


def dismissed(w):
    w.read(10, at=4, **LON)
    w.step(model.WorkDismissed(work="lumen/W1", by="ann"))


@pytest.mark.parametrize(
    "play",
    [
        in_time,
        coinciding,
        booked,
        unknown,
        of_another_carrier,
        moved,
        cancelled,
        postponed,
        dismissed,
    ],
)
def test_each_announcement_is_quoted_as_it_is_said(play):
    w = WorksWorld()
    play(w)
    texts = [entry.text for entry in w.announced if not entry.text.startswith("In 6 days")]
    assert texts
    page = PAGE.read_text(encoding="utf-8")
    assert [text for text in texts if f" {text} |" not in page] == []
