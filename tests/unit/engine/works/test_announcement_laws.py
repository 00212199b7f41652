"""Whatever comes between: each digest comes once, and works that do not take place are silent."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.notices import notice
from tests.fakes.works_world import DAY, WorksWorld, day
from watcher import engine, model
from watcher.engine.works.news import DIGESTS
from watcher.model import WorkStatus

CIRCUITS = (("1-ABC",), ("2-DEF",), ("1-ABC", "9-XYZ"), ("9-XYZ",))
PLANS = ((10,), (10, 11), (12,), (10, 20), ())
_ENDS = {WorkStatus.CANCELLED, WorkStatus.COMPLETED}


@dataclass(frozen=True)
class Happening:
    """Something that happens so many hours after the one before."""

    kind: str
    after: int
    work: str = "W1"
    windows: tuple[float, ...] = (10,)
    circuits: tuple[str, ...] = ("1-ABC",)
    status: WorkStatus = WorkStatus.CONFIRMED
    late: int = 0  # by so many hours its stamp lies back


AFTER = st.sampled_from([0, 1, 5, 20, 24, 47, 100, 170])
WORKS = st.sampled_from(["W1", "W2"])
NOTICES = st.builds(
    Happening,
    kind=st.just("notice"),
    after=AFTER,
    work=WORKS,
    windows=st.sampled_from(PLANS),
    circuits=st.sampled_from(CIRCUITS),
    status=st.sampled_from([WorkStatus.CONFIRMED, *WorkStatus]),
    late=st.sampled_from([0, 0, 0, 30]),
)
OTHERS = st.builds(
    Happening,
    kind=st.sampled_from(
        ["restart", "reload", "again", "wait", "down", "confirm", "dismiss", "book", "ahead"]
    ),
    after=AFTER,
    work=WORKS,
)
HISTORIES = st.lists(st.one_of(NOTICES, NOTICES, OTHERS), min_size=1, max_size=14)


class History:
    """A world, what happens in it, and when works took place by what was known."""

    def __init__(self):
        self.world = WorksWorld()
        self.last = None
        self.live = {}  # by work: whether anything of it is ahead
        self.after_end = Counter()
        self.seen = 0

    def happen(self, happening):
        w = self.world
        if happening.kind == "down":  # nobody watches meanwhile
            w.now += timedelta(hours=happening.after)
            w.restart()
        else:
            w.wait_until(w.now + timedelta(hours=happening.after))
        self.check()
        key = f"lumen/{happening.work}"
        match happening.kind:
            case "notice":
                self.read(happening)
            case "again" if self.last:
                w.step(model.NoticeRead(notice=self.last))
            case "restart":
                w.restart(backwards=True)
            case "reload":
                w.reload()
            case "confirm" if key in w.state.works:
                w.step(model.WorkConfirmed(work=key, by="ann"))
            case "dismiss" if key in w.state.works:
                w.step(model.WorkDismissed(work=key, by="ann"))
            case "book":
                w.book("vyvx/a", 10.05, 10.1)
            case "ahead":  # the clock was wrong
                w.now += timedelta(hours=3)
                w.step(model.ClockStepped(by=timedelta(hours=3)))
        self.check()

    def read(self, happening):
        w = self.world
        read = (w.now - day(0)) / timedelta(minutes=1)
        edges = [(begin * DAY, begin * DAY + 360) for begin in happening.windows]
        self.last = notice(
            *edges,
            id=happening.work,
            circuits=happening.circuits,
            status=happening.status,
            read=read,
            stamp=read - 60 * happening.late,
        )
        w.step(model.NoticeRead(notice=self.last))

    def check(self):
        """Nothing is counts of works that do not take place but that they do not."""
        entries = self.world.announced
        for entry in entries[self.seen :]:
            work = self.world.state.works[entry.data["work"]]
            windows = [window for window in work.windows if window.end > entry.at]
            assert windows or entry.data["about"] == "end", entry
        self.seen = len(entries)


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_nothing_is_said_twice_and_nothing_of_works_that_do_not_take_place(happenings):
    history = History()
    for happening in happenings:
        history.happen(happening)
    w = history.world
    w.until(40)
    history.check()
    counts = Counter()
    for entry in w.announced:
        about, work = entry.data["about"], entry.data["work"]
        if about == "end":  # what does not take place may do so again, and is announced again
            for key in [key for key in counts if key[0] == work]:
                del counts[key]
        if about in {*DIGESTS, "overlap", "booking", "question"}:
            counts[work, about, entry.text.partition(": ")[2]] += 1  # without how long it takes
    assert all(count == 1 for count in counts.values()), counts
    asked = [entry for entry in w.announced if entry.data["about"] == "question"]
    assert len(asked) <= 1
    assert [incident for incident in w.incidents if incident.resolved_at is None] == []
    assert engine.next_deadline(w.state) is None


@settings(max_examples=150, deadline=None)
@given(HISTORIES, st.sampled_from([0, 1, 20, 100, 200]))
def test_a_digest_is_announced_once_before_each_window_of_works_that_nobody_touches(
    happenings, late
):
    history = History()
    w = history.world
    w.wait_until(w.now + timedelta(hours=late))
    w.read(12, id="W9", circuits=("3-GHI",))
    for happening in happenings:
        after = min(happening.after, 24)  # somebody watches on the day before
        if w.now + timedelta(hours=after) < day(11.5):
            history.happen(replace(happening, after=after))
    w.until(13)
    about = Counter(about for _, about, work in w.given if work == "lumen/W9")
    assert about["24h"] == 1
    assert about["7d"] <= 1
    assert about["end"] == 1


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_a_restart_at_any_time_changes_nothing_that_is_said(happenings):
    histories = []
    for restarts in (False, True):
        history = History()
        for happening in happenings:
            if happening.kind not in {"restart", "reload", "down"}:
                history.happen(happening)
                if restarts:
                    history.world.restart(backwards=True)
        history.world.until(40)
        histories.append([(entry.at, entry.text, entry.data) for entry in history.world.announced])
    assert histories[0] == histories[1]
