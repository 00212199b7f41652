"""A small world for the engine: rules without files, time as minutes and seconds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from watcher import engine, model, ports
from watcher.vendors.catalog import VENDORS

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
DOWN = engine.Transition(
    field="state",
    from_=frozenset({"online", "impaired"}),
    to=frozenset({"offline", "degraded"}),
)


class FakeInventory:
    """An inventory of what is written into it."""

    def __init__(self, **inventory_entries: engine.InventoryEntry) -> None:
        self.inventory_entries = {
            key.replace("_", "/", 1): extra for key, extra in inventory_entries.items()
        }

    def entry(self, key: str, labels: Mapping[str, str]) -> engine.InventoryEntry:
        if "po_number" in labels and labels["po_number"] == "4711":
            return engine.InventoryEntry(service_ids=("SVC-PO",), labels={"customer": "acme"})
        return self.inventory_entries.get(key, engine.InventoryEntry())

    def knows(self, key: str) -> bool:
        return key in self.inventory_entries

    def knows_circuit(self, circuit: str) -> bool:
        entries = self.inventory_entries.values()
        return any(engine.circuit_key(circuit) in engine.circuits_of(entry) for entry in entries)


def rule(name="down", condition=DOWN, sources=("vyvx",), **keys):
    keys.setdefault(
        "title", lambda words: f"{words['name']} is {words.get('state', words['value'])}"
    )
    return engine.Rule(name=name, condition=condition, sources=frozenset(sources), **keys)


def traits(kind, name=None, *, blind_after=timedelta(minutes=3), **more):
    """Return a source of this kind, named as it unless a name is given."""
    vendor = VENDORS[kind]
    return engine.SourceTraits(
        name=name or kind,
        kind=kind,
        blind_after=blind_after,
        states=vendor.states,
        down=vendor.down,
        unused=vendor.unused,
        likely_domain=vendor.likely_domain,
        well=vendor.well,
        carrier=vendor.carrier,
        units=vendor.fields.units,
        place=vendor.place,
        changes_bandwidth=vendor.bandwidth is not None,
        **more,
    )


def hours(*, opens=0, closes=30):
    """Return hours of a rule that begin and end at these minutes of every hour."""

    def next_edge(at):
        hour = at.replace(minute=0, second=0, microsecond=0)
        edges = (hour + timedelta(minutes=n) for n in (opens, closes, opens + 60, closes + 60))
        return min(edge for edge in edges if edge > at)

    return engine.Hours(
        is_open=lambda at: opens <= at.minute < closes,
        next_edge=next_edge,
        describe=lambda at: f"{at:%H:%M} here",
    )


def ruleset(*rules, detailed=False, inventory=None, history=timedelta(0)):
    return engine.Ruleset(
        rules=rules,
        sources={
            "vyvx": traits("vyvx", detailed=detailed, history=history),
            "evpl": traits("evpl", blind_after=timedelta(minutes=45)),
        },
        inventory=inventory or FakeInventory(),
        context=dict,
    )


class InMemoryTables:
    """What a store would hold after the effects that were committed."""

    def __init__(self) -> None:
        self.nouns: dict[type, dict[object, object]] = {}
        self.entries: list[model.Entry] = []

    def commit(self, effects) -> None:
        for effect in effects:
            match effect:
                case model.Entry():
                    self.entries.append(effect)
                case model.Forgotten():
                    self._forget(effect.key)
                case model.Alert(state=model.AlertState.INACTIVE, entered_from=None):
                    self.nouns.get(model.Alert, {}).pop(effect.key, None)
                case _:
                    self.nouns.setdefault(type(effect), {})[key_of(effect)] = effect

    def _forget(self, key: str) -> None:
        self.nouns.get(model.Subject, {}).pop(key, None)
        for kind in (model.Sample, model.Alert):
            kept = {k: v for k, v in self.nouns.get(kind, {}).items() if v.subject != key}
            self.nouns[kind] = kept

    def of(self, kind):
        return tuple(self.nouns.get(kind, {}).values())

    def loaded(self) -> ports.Loaded:
        return ports.Loaded(
            subjects=self.of(model.Subject),
            samples=self.of(model.Sample),
            sources=self.of(model.SourceHealth),
            alerts=self.of(model.Alert),
            incidents=self.of(model.Incident),
            incident_alerts=self.of(model.IncidentAlert),
            silences=self.of(model.Silence),
            calendars=self.of(model.Calendar),
            works=self.of(model.Work),
        )


KEYS = {
    model.Silence: lambda silence: silence.id,
    model.Calendar: lambda calendar: calendar.rota,
    model.Work: lambda work: work.key,
    model.Alert: lambda alert: alert.key,
    model.Subject: lambda subject: subject.key,
    model.SourceHealth: lambda health: health.source,
    model.Incident: lambda incident: incident.id,
    model.IncidentAlert: lambda member: (member.incident, member.rule, member.subject),
    model.Entry: lambda entry: entry.event_id,
    model.Sample: lambda sample: (sample.subject, sample.metric, sample.direction, sample.at),
}


def key_of(noun):
    return KEYS.get(type(noun), lambda noun: noun)(noun)


class World:
    """A state, the time in it, and what its effects have written."""

    def __init__(self, rules: engine.Ruleset) -> None:
        self.ruleset = rules
        self.state = engine.restore(rules)
        self.now = START
        self.tables = InMemoryTables()
        self.fields: dict[str, dict[str, model.Scalar]] = {}
        self._step(engine.Reloaded(ruleset=rules))

    def step(self, event, at=None):
        """Jump to every deadline before `at`, as the live loop does, then take in the event."""
        target = self.now if at is None else START + at
        effects = [*self.wait_until(target), *self._step(event)]
        return tuple(effects)

    def wait_until(self, target):
        effects = []
        while (deadline := engine.next_deadline(self.state)) is not None and deadline <= target:
            self.now = max(self.now, deadline)
            effects += self._step(model.Ticked())
        self.now = target
        return effects

    def _step(self, event):
        effects = engine.step(self.state, event, self.now)
        keys = [(type(effect), key_of(effect)) for effect in effects]
        assert len(keys) == len(set(keys)), "each noun changes once in a step"
        self.tables.commit(effects)
        return effects

    def poll(self, at=None, *, source="vyvx", samples=(), gone=(), complete=True, **subjects):
        """Poll: `a="offline"`, or `a={"state": ..., "ingress_state": ...}`, for vyvx/a."""
        for name, given in subjects.items():
            fields = {"state": given} if isinstance(given, str) else dict(given)
            self.fields[f"{source}/{name}"] = fields
        for name in gone:
            self.fields.pop(f"{source}/{name}", None)
        mine = {key: fields for key, fields in self.fields.items() if key.startswith(source + "/")}
        present = {key for key in self.state.subjects if key.startswith(source + "/")}
        event = model.Polled(
            source=source,
            seen=tuple(model.Observed(key=key, fields=fields) for key, fields in mine.items()),
            absent=tuple(sorted(present - set(mine))),
            samples=tuple(samples),
            complete=complete,
            total=len(mine),
        )
        return self.step(event, at)

    def fail(self, at=None, *, source="vyvx", error="timed out", permanent=False):
        return self.step(model.PollFailed(source=source, error=error, permanent=permanent), at)

    def restart(self, *, backwards=False):
        """Lose everything but the tables, which may give their rows in another order."""
        loaded = self.tables.loaded()
        if backwards:
            names = loaded.__struct_fields__
            loaded = ports.Loaded(**{name: getattr(loaded, name)[::-1] for name in names})
        self.state = engine.restore(self.ruleset, loaded)
        self._step(engine.Reloaded(ruleset=self.ruleset))

    def set_clock(self, by):
        """Set the machine's clock; return the effects."""
        self.now += by
        return self._step(model.ClockStepped(by=by))

    def start_again(self, by):
        """Restart the daemon; the clock was set meanwhile. Return the effects."""
        last = max(health.last_success for health in self.tables.of(model.SourceHealth))
        self.now += by
        loaded, oldest = self.tables.loaded(), self.now - engine.keep_samples(self.ruleset)
        samples = tuple(sample for sample in loaded.samples if sample.at >= oldest)
        self.state = engine.restore(self.ruleset, replace(loaded, samples=samples))
        return self._step(engine.Reloaded(ruleset=self.ruleset, unwatched_since=last))

    def alert(self, subject="vyvx/a", name="down"):
        alert = self.state.alerts.get(subject, {}).get(name)
        return None if alert is None else alert.state.value

    @property
    def incidents(self):
        return self.tables.of(model.Incident)

    @property
    def incident(self):
        (only,) = self.incidents
        return only

    @property
    def timeline(self):
        """The timeline's kinds, in order."""
        return [entry.kind.value for entry in self.tables.entries]

    @property
    def last_text(self):
        return self.tables.entries[-1].text


def seconds(n):
    return timedelta(seconds=n)


def minutes(n):
    return timedelta(minutes=n)


def world(*rules, **keys):
    """Build a world from rules; detailed sources and an inventory on demand."""
    return World(ruleset(*rules, **keys))


def of_kind(effects, kind):
    return [effect for effect in effects if isinstance(effect, kind)]


def sample(subject, metric, at, value, direction="in"):
    return model.Sample(
        subject=subject, metric=metric, direction=direction, at=at, value=float(value)
    )
