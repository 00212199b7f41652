"""What holds for every history of silences: none is lost, and none ends before it is over."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, hours, minutes, rule, ruleset
from watcher import engine, model

LAW = settings(max_examples=150, deadline=None)
LINE = {"utilization": None}
SKIPPED = hours(opens=10, closes=40)  # of every hour, by a window
KINDS = ["poll", "poll", "measured", "fail", "refused", "restart", "reload", "clock"]
MINUTES = st.sampled_from([0, 1, 5, 20, 30, 45, 60, 90, 300])
STEPS = st.sampled_from([-120, -10, 10, 120])
HAPPENINGS = st.tuples(st.sampled_from(KINDS), MINUTES, STEPS)
HISTORIES = st.lists(HAPPENINGS, min_size=1, max_size=15)


def silent(after=45):
    silence = rule(
        name="silent",
        condition=engine.NoData(after=minutes(after)),
        sources=("evpl",),
        title=lambda _: "",
    )
    window = engine.Maintenance(
        name="works",
        matchers=(model.Matcher(name="source", value="evpl"),),
        is_open=SKIPPED.is_open,
        next_edge=SKIPPED.next_edge,
        action=engine.WindowAction.SKIP,
    )
    return replace(ruleset(silence), maintenance=(window,))


class Line(World):
    """A world with one line, whose vendor's clock is right while ours may have been set."""

    def __init__(self):
        super().__init__(silent())
        self.ahead = timedelta()

    def happen(self, kind, after, step):
        self.wait_until(self.now + minutes(after))
        match kind:
            case "poll":
                self.answer()
            case "measured":
                at = self.now - self.ahead
                self.answer(
                    model.Sample(subject="evpl/line", metric="utilization", at=at, value=40.0)
                )
            case "fail" | "refused":
                self.fail(self.now - START, source="evpl", permanent=kind == "refused")
            case "restart":
                self.restart()
            case "reload":
                self.ruleset = silent(after={-120: 10, -10: 30, 10: 45, 120: 240}[step])
                self.step(engine.Reloaded(ruleset=self.ruleset))
            case "clock":
                self.now += minutes(step)
                self.ahead += minutes(step)
                self._step(model.ClockStepped(by=minutes(step)))

    def answer(self, *samples):
        self.poll(self.now - START, source="evpl", line=LINE, samples=samples)

    @property
    def open_incidents(self):
        return {incident.id for incident in self.incidents if incident.resolved_at is None}


@LAW
@given(HISTORIES)
def test_no_silence_recovers_before_something_is_measured(history):
    w, opened, measured = Line(), {}, -1
    for number, happening in enumerate(history):
        before = w.open_incidents
        w.happen(*happening)
        if happening[0] == "measured":
            measured = number
        opened.update(dict.fromkeys(w.open_incidents - before, number))
        for incident in w.incidents:
            if incident.id in before - w.open_incidents:
                assert incident.resolution is model.Resolution.RECOVERED
                assert measured > opened[incident.id]


@LAW
@given(HISTORIES)
def test_a_silence_is_found_whatever_has_happened_before(history):
    w = Line()
    for happening in history:
        w.happen(*happening)
    w.happen("poll", 0, 0)
    later = w.now + timedelta(hours=6)
    for minute in (50, 55):
        w.wait_until(later.replace(minute=minute))
        w.answer()
    assert w.alert("evpl/line", "silent") == "firing"


@LAW
@given(HISTORIES)
def test_a_silence_is_over_with_the_next_sample(history):
    w = Line()
    for happening in history:
        if happening[0] != "clock":  # or a sample may be old, or not have come yet, by ours
            w.happen(*happening)
    later = w.now + timedelta(hours=1)
    for minute in (50, 55):
        w.wait_until(later.replace(minute=minute))
        w.happen("measured", 0, 0)
        assert w.alert("evpl/line", "silent") is None
    assert not w.open_incidents
