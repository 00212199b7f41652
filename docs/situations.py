"""Fills discussions/situations.md with the notifications of each test in situations.yaml.

Run this with `python docs/situations.py`; tests/unit/docs/test_situations.py checks that it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from watcher import engine, model
from watcher.receivers.slack import notification
from watcher.rule_tests.load import LoadedTest, load
from watcher.rule_tests.scripted_world import ScriptedWorld

REPO = Path(__file__).parents[1]
PAGE = REPO / "docs" / "discussions" / "situations.md"
TESTS = REPO / "rules" / "tests" / "situations.yaml"
BEGIN = "<!-- python docs/situations.py -->\n"
_COLUMNS = ("", "what happens", "likely side", "urgency", "whom to call", "notifications")
_HEAD = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
_URGENCY = {
    model.Severity.CRITICAL: "critical: `@here`",
    model.Severity.WARNING: "warning: no mention",
    model.Severity.INFO: "info: a ticket",
}
_LONGEST = 400  # characters of one text


class Situation:
    """One test, and what people are sent in it."""

    def __init__(self, loaded: LoadedTest) -> None:
        self.topic, _, self.what = loaded.test.name.partition(": ")
        self.start = loaded.test.start
        self.texts: list[str] = []
        self.incidents: dict[str, model.Incident] = {}
        self._members: dict[tuple[str, str, str], model.IncidentAlert] = {}
        self._timeline: list[model.Entry] = []
        self._worst: model.Incident | None = None
        self._run(loaded)

    def _run(self, loaded: LoadedTest) -> None:
        world = ScriptedWorld(loaded)
        runner = engine.Runner(engine.restore(loaded.rules), now=self.start, responder=world.answer)
        self._follow(runner.take(engine.Reloaded(ruleset=loaded.rules), self.start))
        for at, source in world.polls():
            self._follow(runner.take(world.poll(source, at), at))
        self._follow(runner.wait(self.start + loaded.test.expect[-1].at))

    def _follow(self, steps: Iterator[engine.StepResult]) -> None:
        for step in steps:
            entries = [effect for effect in step.effects if isinstance(effect, model.Entry)]
            self._timeline += entries
            for effect in step.effects:
                if isinstance(effect, model.Incident):
                    self.incidents[effect.id] = effect
                    self._note_worst(effect)
                elif isinstance(effect, model.IncidentAlert):
                    self._members[effect.incident, effect.rule, effect.subject] = effect
            self.texts += map(self._text, entries)

    def _note_worst(self, incident: model.Incident) -> None:
        worst = self._worst
        is_worse = worst is None or incident.severity.rank >= worst.severity.rank
        if is_worse and incident.resolved_at is None:
            self._worst = incident

    def _text(self, entry: model.Entry) -> str:
        """Return an entry as a phone shows it, after its time and whether it mentions people."""
        identity = entry.incident
        incident = self.incidents[identity]
        alerts = tuple(alert for key, alert in self._members.items() if key[0] == identity)
        view = model.IncidentView(
            incident=incident,
            alerts=alerts,
            alert_counts={},
            timeline=tuple(earlier for earlier in self._timeline if earlier.incident == identity),
        )
        text = notification.entry_text(view, entry, notification.entry_fact(view, entry, _LONGEST))
        calls = ", @here" if notification.is_broadcast(incident, entry) else ""
        quiet = "" if entry.notify else ", quiet"
        return f"[{model.format_duration(entry.at - self.start)}{calls}{quiet}] {text}"

    def row(self, number: int) -> str:
        """Return its line of the table."""
        worst = self._worst
        if worst is None:
            cells = ["", "none: no notification", "", ""]
        else:
            side = model.format_side(worst.fault_domain).removeprefix("likely ")
            cells = [side, _URGENCY[worst.severity], notification.contacts(worst)]
            cells[2] = cells[2].removeprefix("call ").replace("open a ticket with", "ticket:")
            cells.append("<br>".join(self.texts))
        cells = [str(number), self.what, *(cell.replace("|", "\\|") for cell in cells)]
        return f"| {' | '.join(cells)} |"


def table() -> str:
    """Return the tables, one for each topic."""
    situations = [Situation(loaded) for loaded in load([TESTS])]
    lines: list[str] = []
    number = 0
    for topic, of_topic in groupby(situations, key=lambda situation: situation.topic):
        lines += [f"\n## {topic.capitalize()}\n", _HEAD]
        for situation in of_topic:
            number += 1
            lines.append(situation.row(number))
    return "\n".join(lines) + "\n"


def filled(page: str) -> str:
    """Write the tables into the page."""
    return page.partition(BEGIN)[0] + BEGIN + table()


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
