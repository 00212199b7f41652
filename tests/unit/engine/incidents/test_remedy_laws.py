"""What holds for every history of a remedy, restarts and all."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.engine_world import minutes, of_kind
from tests.unit.engine.incidents.test_remedies import KEY, RAISE, connect, lines
from watcher import engine, model
from watcher.model import RemedyStatus

NEWS = (
    RemedyStatus.WAITING,
    RemedyStatus.REQUESTED,
    RemedyStatus.PENDING,
    RemedyStatus.UNKNOWN,
    RemedyStatus.STUCK,
)
ENDS = (
    RemedyStatus.APPLIED,
    RemedyStatus.FAILED,
    RemedyStatus.UNTOUCHED,
    RemedyStatus.WITHDRAWN,
)
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("service"), st.sampled_from(("online", "offline"))),
        st.tuples(st.just("connection"), st.sampled_from((500.0, 2000.0, 5000.0, None))),
        st.tuples(st.just("approve"), st.just("ann")),
        st.tuples(st.just("refuse"), st.just("bob")),
        st.tuples(st.just("news"), st.sampled_from(NEWS)),
        st.tuples(st.just("end"), st.sampled_from(ENDS)),
        st.tuples(st.just("wait"), st.integers(1, 30)),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=25,
)


class Life:
    """A world, and the orders that a job would have at hand."""

    def __init__(self, *, approved):
        self.w = lines(replace(RAISE, approved=approved))
        connect(self.w)
        self.w.poll(a="online")
        self.open: dict[str, model.BandwidthNeeded] = {}
        self.ever: list[model.BandwidthNeeded] = []

    def happen(self, what, how):
        w = self.w
        w.wait_until(w.now + timedelta(seconds=1))
        match what:
            case "service":
                self.take(w.poll(a=how))
            case "connection":
                self.take(connect(w, how))
            case "wait":
                self.take(w.wait_until(w.now + minutes(how)))
            case "restart":
                w.restart()
                connect(w)
                self.take(w.poll())
            case _:
                self.command(what, how)

    def command(self, what, how):
        try:
            self.take(self.w.step(self.event(what, how)))
        except (engine.IllegalCommand, LookupError):
            return

    def event(self, what, how):
        incident = list(self.w.state.incidents)[-1]
        if what == "approve":
            return model.RemedyApproved(incident=incident, by=how)
        if what == "refuse":
            return model.RemedyRefused(incident=incident, by=how)
        order = list(self.open)[0]  # noqa: RUF015  # an IndexError where there is none
        wanted = self.open.pop(order) if what == "end" else self.open[order]
        return model.BandwidthNews(
            incident=wanted.incident, order=order, status=how, over=what == "end", had="500 Mbps"
        )

    def take(self, effects):
        for wanted in of_kind(effects, model.BandwidthNeeded):
            self.open[wanted.order] = wanted
            self.ever.append(wanted)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.booleans())
def test_one_order_at_a_time_never_above_the_limit_and_each_of_its_own(history, approved):
    life = Life(approved=approved)
    for what, how in history:
        life.happen(what, how)
        assert len(life.open) <= 1
    names = [wanted.order for wanted in life.ever]
    assert len(names) == len(set(names))
    for wanted in life.ever:
        assert wanted.connection == KEY
        assert max(wanted.to_mbps, wanted.from_mbps) <= wanted.max_mbps
        assert (wanted.to_mbps < wanted.from_mbps) == wanted.reverting


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_news_that_are_waited_for_are_never_refused_and_nothing_stays_behind(history):
    life = Life(approved=False)
    for what, how in history:
        life.happen(what, how)
    w = life.w
    for _ in range(3):  # to raise, to put back, and once more where it has opened again
        while life.open:
            life.take(w.step(life.event("end", RemedyStatus.APPLIED)))
        life.happen("service", "online")
    w.wait_until(w.now + minutes(30))
    life.happen("service", "online")
    assert w.state.incidents == {}
