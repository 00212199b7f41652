"""A receiver that has been failing for long: another is notified in its place."""

from tests.fakes.engine_world import START, minutes, rule, world
from watcher import model

SINCE = START + minutes(10)
DUTY = model.Fallback(receiver="duty", since=SINCE)
FAILED = model.ReceiverFailed(
    receiver="noc", error="Slack answered 503", others=("mqtt", "duty"), fallback=DUTY
)
RECOVERED = model.ReceiverRecovered(receiver="noc")


def down(**keys):
    w = world(rule(notify=("noc", "mqtt"), **keys))
    w.poll(minutes(1), a="online", b="online")
    w.poll(minutes(2), a="offline", b="online")
    return w


def of(w, subject="vyvx/a"):
    (incident,) = [incident for incident in w.incidents if incident.group == subject]
    return incident


def words(w, subject="vyvx/a"):
    return [entry.text for entry in w.tables.entries if entry.incident == of(w, subject).id]


def test_the_fallback_is_notified_of_open_incidents_with_the_reason():
    w = down()
    w.step(FAILED, minutes(15))
    assert of(w).notify == ("noc", "mqtt", "duty")
    assert words(w)[-1] == (
        "also notified duty because noc has been failing since 03:10:00 UTC: Slack answered 503"
    )
    about = of(w, "noc")
    assert about.title == "noc is failing"
    assert words(w, "noc") == ["Slack answered 503; duty is notified in its place"]


def test_the_fallback_is_announced_once_however_often_the_failure_is_reported():
    w = down()
    w.step(FAILED, minutes(15))
    assert w.step(FAILED, minutes(16)) == ()
    w.poll(minutes(17), a="degraded", b="online")
    assert sum("also notified" in text for text in words(w)) == 1


def test_a_fault_that_was_known_before_its_fallback_was_due_is_the_same_incident():
    w = down()
    early = model.ReceiverFailed(receiver="noc", error="Slack answered 503", others=("duty",))
    w.step(early, minutes(11))
    assert of(w).notify == ("noc", "mqtt")
    w.step(FAILED, minutes(15))
    assert of(w).notify == ("noc", "mqtt", "duty")
    assert words(w, "noc")[1:] == ["Slack answered 503; duty is notified in its place"]
    w.step(early, minutes(16))  # from a daemon that has tried for a shorter time
    assert of(w).notify == ("noc", "mqtt", "duty")


def test_what_opens_meanwhile_goes_to_the_fallback_at_once():
    w = down()
    w.step(FAILED, minutes(15))
    w.poll(minutes(20), a="offline", b="offline")
    assert of(w, "vyvx/b").notify == ("noc", "mqtt", "duty")
    assert "also notified duty" in words(w, "vyvx/b")[-1]


def test_what_is_not_for_the_failing_receiver_is_not_for_its_fallback():
    w = world(rule(notify=("mqtt",)))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), a="offline")
    w.step(FAILED, minutes(15))
    assert of(w).notify == ("mqtt",)


def test_it_survives_a_restart():
    w = down()
    w.step(FAILED, minutes(15))
    w.restart()
    assert of(w).notify == ("noc", "mqtt", "duty")
    w.poll(minutes(20), a="offline", b="online")
    w.poll(minutes(21), a="offline", b="offline")
    assert of(w, "vyvx/b").notify == ("noc", "mqtt", "duty")
    assert sum("also notified" in text for text in words(w)) == 1
    w.step(RECOVERED, minutes(25))
    assert of(w).notify == of(w, "vyvx/b").notify == ("noc", "mqtt")


def test_when_the_receiver_recovers_nothing_more_goes_to_the_fallback():
    w = down()
    w.step(FAILED, minutes(15))
    w.step(RECOVERED, minutes(20))
    assert of(w).notify == ("noc", "mqtt")
    assert of(w).fallbacks == ("duty",)  # which are notified of the end
    w.poll(minutes(21), a="offline", b="offline")
    assert of(w, "vyvx/b").notify == ("noc", "mqtt")


def test_a_person_who_resolves_the_incident_about_the_receiver_ends_it():
    w = down()
    w.step(FAILED, minutes(15))
    w.step(model.ResolvedByHand(incident=of(w, "noc").id, by="ada"), minutes(16))
    assert of(w).notify == ("noc", "mqtt")


def test_a_fallback_that_fails_has_its_own():
    w = down()
    w.step(FAILED, minutes(15))
    w.step(
        model.ReceiverFailed(
            receiver="duty",
            error="no such host",
            others=("noc", "mqtt", "sms"),
            fallback=model.Fallback(receiver="sms", since=SINCE),
        ),
        minutes(20),
    )
    assert of(w).notify == ("noc", "mqtt", "duty", "sms")
    assert "because duty has been failing" in words(w)[-1]
    w.step(RECOVERED, minutes(25))
    assert of(w).notify == ("noc", "mqtt")


def test_a_silence_holds_the_fallback_back_too():
    w = down()
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="rule", value="down"),),
        begin=START + minutes(3),
        end=START + minutes(30),
        by="ada",
    )
    w.step(model.Silenced(silence=silence), minutes(3))
    w.step(FAILED, minutes(15))
    assert of(w).notify == ()
    w.wait_until(START + minutes(31))
    assert of(w).notify == ("noc", "mqtt", "duty")


def test_no_fallback_is_notified_before_the_incident_is_due():
    w = down(group_wait=minutes(20))
    w.step(FAILED, minutes(15))
    assert of(w).notify == ()
    w.wait_until(START + minutes(23))
    assert of(w).notify == ("noc", "mqtt", "duty")
