"""Random histories of a world: polls, failures, waiting, people and jobs."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.fakes.engine_world import (
    START,
    FakeInventory,
    World,
    hours,
    minutes,
    rule,
    ruleset,
    sample,
    seconds,
)
from watcher import engine, model

STATES = ("online", "impaired", "degraded", "offline", "unknown", None)  # None: not listed
NAMES = ("a", "b", "c")


def rules():
    """Build rules of every kind of condition, with and without waiting."""
    return ruleset(
        rule(),
        rule(name="held", hold=seconds(20), keep_firing_for=seconds(60), diagnose=True),
        rule(
            name="words",
            condition=engine.Expression(holds=lambda context: context["state"] == "impaired"),
            keep_firing_for=seconds(30),
        ),
        rule(
            name="full",
            condition=engine.Threshold(
                metric="load", limit=80.0, clear=60.0, over=minutes(30), aggregate="avg"
            ),
            hold=minutes(5),
            keep_firing_for=minutes(5),
        ),
        rule(
            name="busy",
            condition=engine.Threshold(metric="load", limit=80.0, clear=60.0),
            keep_firing_for=minutes(2),
        ),
        rule(name="blind", condition=engine.Blind(after=minutes(2))),
        rule(
            name="grouped",
            group_by=("site",),
            group_wait=seconds(30),
            repeat=(minutes(10), minutes(20)),
            ack_expires=minutes(40),
            escalate=(engine.Escalation(after=minutes(5), notify=("boss",)),),
            flapping=engine.Flapping(flips=2, within=minutes(10)),
            notify=("noc",),
        ),
        rule(
            name="weak",
            condition=engine.Transition(field="state", to=frozenset({"impaired"})),
            inhibited_by=("down",),
            equal=("labels.site",),
            notify=("noc",),
        ),
        rule(name="silent", condition=engine.NoData(after=minutes(45))),
        rule(name="office", hours=hours(), hold=seconds(20), keep_firing_for=seconds(60)),
        rule(
            name="office-full",
            condition=engine.Threshold(metric="load", limit=80.0, clear=60.0),
            hours=hours(opens=10, closes=40),
            hold=minutes(5),
        ),
        rule(name="office-silent", condition=engine.NoData(after=minutes(45)), hours=hours()),
        rule(
            name="office-words",
            condition=engine.Expression(holds=lambda context: context["state"] == "impaired"),
            hours=hours(opens=1, closes=3),
        ),
        rule(name="office-blind", condition=engine.Blind(after=minutes(2)), hours=hours()),
        detailed=True,
        inventory=FakeInventory(vyvx_a=NYC, vyvx_b=NYC),
    )


NYC = engine.InventoryEntry(labels={"site": "NYC"}, circuit_ids=("C1",))


@dataclass(frozen=True)
class Happening:
    """Something that happens so many seconds after the one before."""

    kind: str
    after: int
    states: tuple[str | None, ...] = ()
    value: float = 0.0
    subject: str = "a"
    permanent: bool = False


AFTER = st.sampled_from([0, 1, 5, 20, 30, 60, 180, 601, 3600, 90_000])
POLLS = st.builds(
    Happening,
    kind=st.sampled_from(["poll", "poll", "poll", "incomplete"]),
    after=AFTER,
    states=st.tuples(*[st.sampled_from(STATES)] * len(NAMES)),
    value=st.sampled_from([10.0, 70.0, 90.0]),
)
FAILURES = st.builds(Happening, kind=st.just("fail"), after=AFTER, permanent=st.booleans())
COMMANDS = st.builds(
    Happening,
    kind=st.sampled_from(["details", "no details", "resolve", "wait"]),
    after=AFTER,
    subject=st.sampled_from(NAMES),
)
RECEIVERS = st.builds(
    Happening,
    kind=st.sampled_from(["receiver failed", "receiver recovered"]),
    after=AFTER,
    subject=st.sampled_from(["noc", "duty"]),
    permanent=st.booleans(),
)
WORKS = st.builds(
    Happening,
    kind=st.sampled_from(["notice", "notice", "cancelled", "dismissed", "confirmed"]),
    after=AFTER,
    value=st.sampled_from([-30.0, 0.0, 0.5, 60.0]),
    subject=st.sampled_from(["W1", "W2"]),
)
HISTORIES = st.lists(
    st.one_of(POLLS, POLLS, FAILURES, COMMANDS, RECEIVERS, WORKS), min_size=1, max_size=20
)


def happen(w: World, happening: Happening, *, before=lambda _: None):
    """Let it happen; `before` is called when its time has come. Give its effects."""
    effects = list(w.wait_until(w.now + seconds(happening.after)))
    before(w)
    at = w.now - START
    match happening.kind:
        case "poll" | "incomplete":
            effects += _poll(w, happening, at)
        case "fail":
            effects += w.fail(at, permanent=happening.permanent)
        case "details" | "no details":
            details = None if happening.kind == "no details" else _details(w)
            event = model.DetailsRead(subject=f"vyvx/{happening.subject}", details=details)
            effects += w.step(event, at)
        case "receiver failed":
            effects += w.step(_receiver_failed(w, happening), at)
        case "receiver recovered":
            effects += w.step(model.ReceiverRecovered(receiver=happening.subject), at)
        case "notice" | "cancelled":
            effects += w.step(model.NoticeRead(notice=_notice(w, happening)), at)
        case "dismissed" | "confirmed" if f"lumen/{happening.subject}" in w.state.works:
            decided = {"dismissed": model.WorkDismissed, "confirmed": model.WorkConfirmed}
            event = decided[happening.kind](work=f"lumen/{happening.subject}", by="ana")
            effects += w.step(event, at)
        case "resolve":
            effects += _resolve(w, happening, at)
    return effects


def _notice(w, happening):
    """Announce two hours of an outage that begin so many minutes from now, or cancel that."""
    begin = w.now + minutes(happening.value)
    cancelled = happening.kind == "cancelled"
    return model.Notice(
        provider="lumen",
        id=happening.subject,
        status=model.WorkStatus.CANCELLED if cancelled else model.WorkStatus.CONFIRMED,
        windows=(model.WorkWindow(begin=begin, end=begin + minutes(120)),),
        circuits=(model.AffectedCircuit(id="C1", impact=model.WorkImpact.OUTAGE),),
        received_at=w.now,
    )


def _receiver_failed(w, happening):
    """Return the failure of a receiver; at first, perhaps, without a fallback."""
    instead = {"noc": "duty", "duty": "boss"}[happening.subject]
    fallback = model.Fallback(receiver=instead, since=w.now - minutes(5))
    return model.ReceiverFailed(
        receiver=happening.subject,
        error="503",
        others=("boss",),
        fallback=None if happening.permanent else fallback,
    )


def _details(w):
    """A reservation that began a while ago and ends soon."""
    scheduled = model.Window(start=w.now - minutes(10), end=w.now + minutes(20))
    booking = model.Booking(id="1", scheduled=scheduled)
    return model.Details(labels={"name": "Cup"}, bookings=(booking,))


OUTBOUND = {70.0: 90.0, 90.0: 70.0}  # by inbound: one direction is full, the other half full


def _poll(w, happening, at):
    states = dict(zip(NAMES, happening.states, strict=True))
    return w.poll(
        at,
        gone=[name for name, state in states.items() if state is None],
        complete=happening.kind == "poll",
        samples=[
            sample("vyvx/a", "load", w.now, happening.value),
            sample("vyvx/a", "load", w.now, OUTBOUND.get(happening.value, happening.value), "out"),
        ],
        **{name: state for name, state in states.items() if state is not None},
    )


def _resolve(w, happening, at):
    effects = []
    for incident in sorted(w.state.incidents.values(), key=lambda incident: incident.id):
        if incident.group.endswith(happening.subject) and incident.resolved_at is None:
            effects += w.step(model.ResolvedByHand(incident=incident.id, by="ana"), at)
    return effects
