"""One event's effects, sorted by table. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from watcher import model


class Changeset(Struct, kw_only=True):
    """What each row that an event touched must hold afterwards."""

    forgotten: dict[str, None] = field(default_factory=dict)  # deleted before the rest is written
    subjects: dict[str, model.Subject] = field(default_factory=dict)
    samples: dict[tuple[object, ...], model.Sample] = field(default_factory=dict)
    sources: dict[str, model.SourceHealth] = field(default_factory=dict)
    alerts: dict[tuple[str, str], model.Alert] = field(default_factory=dict)
    incidents: dict[str, model.Incident] = field(default_factory=dict)
    incident_alerts: dict[tuple[str, str, str], model.IncidentAlert] = field(default_factory=dict)
    entries: list[model.Entry] = field(default_factory=list)
    silences: dict[str, model.Silence] = field(default_factory=dict)
    calendars: dict[str, model.Calendar] = field(default_factory=dict)
    works: dict[str, model.Work] = field(default_factory=dict)
    details: dict[str, model.DetailsNeeded] = field(default_factory=dict)
    history: dict[str, model.HistoryNeeded] = field(default_factory=dict)
    diagnoses: dict[str, model.DiagnosisNeeded] = field(default_factory=dict)
    alternatives: list[model.AlternativesNeeded] = field(default_factory=list)
    bandwidths: list[model.BandwidthNeeded] = field(default_factory=list)

    @property
    def only_health(self) -> bool:
        """Whether nothing changed but the health of a source."""
        return self.only_subjects and not self.subjects

    @property
    def only_subjects(self) -> bool:
        """Whether nothing changed but subjects and the health of a source.

        `history` is not looked at: what was asked for changes nothing.
        """
        return not (
            self.forgotten
            or self.samples
            or self.alerts
            or self.incidents
            or self.incident_alerts
            or self.entries
            or self.silences
            or self.calendars
            or self.works
            or self.details
            or self.diagnoses
            or self.alternatives
            or self.bandwidths
        )


def gather(effects: Iterable[model.Effect]) -> Changeset:  # noqa: C901, PLR0912  # one case for each noun
    """Return the effects by table; of several on one row the last one."""
    changes = Changeset()
    for effect in effects:
        match effect:
            case model.Subject():
                changes.subjects[effect.key] = effect
            case model.Sample():
                key = (effect.subject, effect.metric, effect.direction, effect.at)
                changes.samples[key] = effect
            case model.SourceHealth():
                changes.sources[effect.source] = effect
            case model.Alert():
                changes.alerts[effect.key] = effect
            case model.Incident():
                changes.incidents[effect.id] = effect
            case model.IncidentAlert():
                changes.incident_alerts[effect.incident, effect.subject, effect.rule] = effect
            case model.Entry():
                changes.entries.append(effect)
            case model.Silence():
                changes.silences[effect.id] = effect
            case model.Calendar():
                changes.calendars[effect.rota] = effect
            case model.Work():
                changes.works[effect.key] = effect
            case model.DetailsNeeded():
                changes.details[effect.subject] = effect
            case model.HistoryNeeded():
                changes.history[effect.subject] = effect
            case model.DiagnosisNeeded():
                changes.diagnoses[effect.run] = effect
            case model.AlternativesNeeded():
                changes.alternatives.append(effect)
            case model.BandwidthNeeded():
                changes.bandwidths.append(effect)
            case model.Forgotten():
                _forget(changes, effect.key)
            case model.PollNeeded() | model.ExpressionFailed():
                pass  # only for the loops: they need not outlive the process
    return changes


def _forget(changes: Changeset, subject: str) -> None:
    changes.forgotten[subject] = None
    changes.subjects.pop(subject, None)
    for key in [key for key in changes.samples if key[0] == subject]:
        del changes.samples[key]
    for rule, of in [key for key in changes.alerts if key[1] == subject]:
        del changes.alerts[rule, of]
