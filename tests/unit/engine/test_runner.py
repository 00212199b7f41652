"""The drive against a plain loop, and that what the journal keeps is enough to repeat it."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, minutes, of_kind, rule, ruleset, seconds
from tests.unit.engine import strategies
from tests.unit.engine.strategies import HISTORIES, happen
from watcher import engine, model

LAW = settings(max_examples=80, deadline=None)
RESTART = object()


class Live(World):
    """A plain loop that writes down what it steps; a deadline at an event's time comes after it."""

    def __init__(self, rules):
        super().__init__(rules)
        self.steps = []
        self.health = {}

    def wait_until(self, target):
        effects = []
        while (deadline := engine.next_deadline(self.state)) is not None and deadline < target:
            self.now = max(self.now, deadline)
            effects += self._step(model.Ticked())
        self.now = target
        return effects

    def restart(self, **keys):
        self.steps.append((self.now, RESTART, (), False))
        super().restart(**keys)

    def _step(self, event):
        source = getattr(event, "source", None)
        matters = isinstance(event, model.Polled | model.PollFailed) and (
            self.state.is_awaited(source) or source in engine.pending_sources(self.state)
        )
        effects = super()._step(event)
        if not isinstance(event, engine.Reloaded):
            self.steps.append((self.now, event, effects, matters))
        return effects

    def journal(self):
        """Keep what the store keeps: not the polls and ticks that changed nothing."""
        health = {}
        for at, event, effects, matters in self.steps:
            changed = [
                effect
                for effect in effects
                if not isinstance(effect, model.PollNeeded | model.ExpressionFailed)
                and not _same(health, effect)
            ]
            health.update(
                (source.source, source) for source in of_kind(effects, model.SourceHealth)
            )
            if (
                changed
                or matters
                or not isinstance(event, model.Polled | model.PollFailed | model.Ticked)
            ):
                yield at, event


def _same(health, effect):
    before = isinstance(effect, model.SourceHealth) and health.get(effect.source)
    return before and replace(before, last_success=effect.last_success) == effect


def live(history, restarts=(), kind=Live):
    w = kind(strategies.rules())
    for number, happening in enumerate(history):
        happen(w, happening)
        if number in restarts:
            w.restart()
    w.wait_until(w.now + timedelta(microseconds=1))
    return w


def run(rules, events, until):
    driven = engine.Runner(engine.restore(rules), now=START)
    list(driven.take(engine.Reloaded(ruleset=rules), START))
    steps = []
    for at, event in events:
        again = driven.restart(rules, at) if event is RESTART else driven.take(event, at)
        steps += again
    return [*steps, *driven.wait(until - timedelta(microseconds=1))]


def _stepped(steps):
    return [(step.at, step.event, step.effects) for step in steps]


@LAW
@given(HISTORIES)
def test_driving_the_events_equals_a_plain_loop(history):
    w = live(history)
    events = [(at, event) for at, event, *_ in w.steps if not isinstance(event, model.Ticked)]
    plain = [(at, event, tuple(effects)) for at, event, effects, _ in w.steps]
    assert _stepped(run(w.ruleset, events, w.now)) == plain


@LAW
@given(HISTORIES, st.sets(st.integers(0, 19), max_size=3))
def test_what_the_journal_keeps_repeats_every_timeline(history, restarts):
    w = live(history, restarts)
    steps = run(w.ruleset, w.journal(), w.now)
    entries = [effect for step in steps for effect in of_kind(step.effects, model.Entry)]
    assert entries == w.tables.entries


def test_a_deadline_at_an_events_own_time_comes_after_it():
    rules = ruleset(rule(keep_firing_for=seconds(60)))
    driven = engine.Runner(engine.restore(rules), now=START)

    def poll(state, at):
        seen = model.Observed(key="vyvx/a", fields={"state": state})
        return list(driven.take(model.Polled(source="vyvx", seen=(seen,), total=1), START + at))

    poll("offline", seconds(0))
    poll("online", seconds(10))
    (step,) = poll("offline", seconds(70))
    assert isinstance(step.event, model.Polled)
    assert list(driven.wait(START + minutes(5))) == []


def test_the_worlds_answers_are_taken_in_when_they_come():
    rules = ruleset(rule(hold=seconds(20)))

    def answer(effect, at):
        if isinstance(effect, model.PollNeeded):
            yield at + seconds(1), model.Polled(source=effect.source, total=1)

    driven = engine.Runner(engine.restore(rules), now=START, responder=answer)
    seen = model.Observed(key="vyvx/a", fields={"state": "offline"})
    list(driven.take(model.Polled(source="vyvx", seen=(seen,), total=1), START))
    steps = list(driven.wait(START + minutes(1)))
    assert [type(step.event) for step in steps] == [model.Ticked, model.Polled]
    (incident,) = of_kind(steps[-1].effects, model.Incident)
    assert incident.opened_at == START + seconds(21)
    assert driven.now == START + minutes(1)


def test_a_refused_command_is_a_step_without_effects():
    driven = engine.Runner(engine.restore(ruleset()), now=START)
    (step,) = driven.take(model.Acknowledged(incident="w-nobody", by="ana"), START)
    assert (step.effects, "no incident" in step.refusal) == ((), True)
