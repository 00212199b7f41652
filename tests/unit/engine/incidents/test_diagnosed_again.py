"""A second run of diagnostics says what is different from the first."""

from tests.fakes.engine_world import START, rule, seconds, world
from watcher import model


def run(number, incident, disposition, *findings):
    return model.Diagnosed(
        diagnosis=model.Diagnosis(
            run=f"r{number}",
            incident=incident,
            service_id="SVC1",
            status=model.DiagnosisStatus.DONE,
            disposition=disposition,
            findings=findings,
            started_at=START,
        )
    )


def difference(*second):
    w = world(rule())
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.step(run(1, w.incident.id, "Transport fault", "Power: Passed", "Link: Failed"), seconds(20))
    assert "run before" not in w.last_text
    w.step(run(2, w.incident.id, *second), seconds(30))
    return w.last_text.partition(". Since the previous run: ")[2]


def test_what_changed_appeared_and_went_is_named():
    assert difference("No trouble found", "Link: Passed", "CRC: 0") == (
        "was Transport fault; Link: Failed -> Passed; new: CRC: 0; gone: Power: Passed"
    )


def test_a_run_that_found_the_same_says_so():
    assert difference("Transport fault", "Power: Passed", "Link: Failed") == "nothing changed"
