"""Each step happens once, and when nobody acted for as long as it says, in whatever history."""

from collections import defaultdict
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, minutes, rule, ruleset
from watcher import engine, model

NONE = timedelta(0)
STEPS = [
    engine.Escalation(after=minutes(after), notify=(whom,), acks=acks)
    for after, whom, acks in (
        (5, "lead", 1),
        (15, "duty", 2),
        (15, "boss", 1),
        (31, "duty", 1),
        (45, "ceo", 1),
    )
]
LADDERS = st.lists(st.sampled_from(STEPS), unique=True, max_size=4).map(tuple)
STATES = st.sampled_from(["online", "degraded", "offline"])
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["poll", "poll", "ack", "unack", "silence", "reload", "wait", "restart"]),
        st.sampled_from([0, 1, 4, 10, 16, 31, 60]),
        st.tuples(STATES, STATES, STATES),
        st.sampled_from(["ana", "bob", "cyd"]),
        LADDERS,
    ),
    min_size=1,
    max_size=25,
)


def rules(ladder, worse):
    """Two rules about one fault, which storms soon."""
    offline = engine.Transition(field="state", to=frozenset({"offline"}))
    made = ruleset(
        rule(escalate=ladder, notify=("noc",), fault="line"),
        rule(
            "worse",
            condition=offline,
            escalate=worse,
            severity=model.Severity.CRITICAL,
            fault="line",
        ),
    )
    return replace(made, storm=engine.Storm(incidents=2))


class Bystander(World):
    """A world that counts by itself for how long each incident was left alone."""

    def __init__(self, made):
        self.alone = defaultdict(lambda: NONE)
        self.taken = defaultdict(set)
        self.counted_to = START
        super().__init__(made)

    def left_alone(self):
        return [
            incident.id
            for incident in self.state.incidents.values()
            if incident.told_at is not None
            and incident.status is model.IncidentStatus.OPEN
            and not incident.suppressed_by
            and not self.state.is_awaited(incident.source)
        ]

    def _step(self, event):
        for identity in self.left_alone():
            self.alone[identity] += self.now - self.counted_to
        self.counted_to = self.now
        incidents = self.state.incidents.values()
        before = {incident.id: set(incident.steps) for incident in incidents}
        was = {incident.id: incident.status for incident in incidents}
        effects = super()._step(event)
        reopened = {
            effect.incident
            for effect in effects
            if isinstance(effect, model.Entry) and effect.kind is model.EntryKind.REOPENED
        }
        for incident in [effect for effect in effects if isinstance(effect, model.Incident)]:
            was_over = was.get(incident.id) is model.IncidentStatus.RESOLVED
            if incident.id in reopened or (was_over and incident.resolved_at is None):
                self.alone[incident.id] = NONE
                self.taken[incident.id] = before[incident.id] = set()
            for key in set(incident.steps) - before.get(incident.id, set()):
                assert key not in self.taken[incident.id], "a step is taken once"
                self.taken[incident.id].add(key)
                assert self.alone[incident.id] >= minutes(int(key.split()[0]) // 60)
        return effects

    def check_that_nothing_is_late(self):
        self.step(model.Ticked())
        for identity in self.left_alone():
            incident = self.state.incidents[identity]
            assert incident.unattended_for(self.now) == self.alone[identity]
            names = {name for _, _, name in self.state.firing(identity)}
            for step in [step for name in names for step in self.state.rules[name].escalate]:
                is_due = self.alone[identity] >= step.after
                assert is_due or step.key not in incident.steps
                assert not is_due or step.key in incident.steps or called_since(incident, step)


def called_since(incident, step):
    """Return whether another step has called the same people later than this one says."""
    taken = [key.split() for key in incident.steps]
    return any(
        whom == step.notify[0] and minutes(int(after) // 60) >= step.after for after, whom in taken
    )


def happen(w, happening, number):
    what, _, states, by, ladder = happening
    match what:
        case "poll":
            w.poll(**dict(zip("abc", states, strict=True)))
        case "ack" | "unack":
            command = model.Acknowledged if what == "ack" else model.Unacknowledged
            for identity in sorted(w.state.incidents):
                try:
                    w.step(command(incident=identity, by=by))
                except engine.IllegalCommand:
                    continue
        case "silence":
            matcher = model.Matcher(name="subject", value="vyvx/a" if by == "ana" else "*")
            end = w.now + minutes(1 + 10 * len(ladder))
            name = f"s-{number}"
            w.step(
                model.Silenced(
                    silence=model.Silence(id=name, matchers=(matcher,), begin=w.now, end=end, by=by)
                )
            )
        case "reload":
            w.ruleset = rules(ladder, tuple(reversed(ladder))[1:])
            w.step(engine.Reloaded(ruleset=w.ruleset))
        case "restart":
            w.step(model.Ticked())
            w.restart()
            w.poll()


@settings(max_examples=80, deadline=None)
@given(LADDERS, LADDERS, HAPPENINGS)
def test_each_step_happens_once_and_when_nobody_acted_for_as_long_as_it_says(
    ladder, worse, happenings
):
    w = Bystander(rules(ladder, worse))
    w.poll(a="online", b="online", c="online")
    for number, happening in enumerate(happenings):
        w.wait_until(w.now + minutes(happening[1]))
        happen(w, happening, number)
        w.check_that_nothing_is_late()
    w.wait_until(w.now + minutes(300))
    w.check_that_nothing_is_late()
