"""What a rule test sees of the engine, and how its failures read."""

import xml.etree.ElementTree as ET

import pytest

from watcher import model
from watcher.rule_tests import runner

FINE = "name: x, subjects: {vyvx/a: {series: {state: online}}}"
WORDS = "offline since 00:00:10 UTC, was online"


def test_a_failure_names_its_line_its_time_and_the_actual_state(workspace):
    assert workspace.failures(
        """
        - name: too early
          step: 10s
          subjects:
            vyvx/a: {series: {state: online offline}}
            vyvx/b: {series: {state: online offline*2 online}}
          expect:
            - at: 20s
              firing: {down: [vyvx/a]}
            - at: 1m
              firing: {}
              incidents: []
              told: ["online *", "nothing of the kind"]
        """
    ) == [
        "11: at 20s: firing: expected down on vyvx/a; it is pending since 10s, due at 30s",
        "13: at 1m: firing: not expected: down on vyvx/a, firing since 30s",
        "14: at 1m: incidents: not expected: down, opened at 30s: a is offline",
        f"15: at 1m: told: not expected, but sent at 30s: {WORDS} (a is offline)",
        "15: at 1m: told: expected, but not sent: online *",
        "15: at 1m: told: expected, but not sent: nothing of the kind",
    ]


def test_each_field_of_an_incident_is_compared(workspace):
    assert workspace.failures(
        """
        - name: everything
          step: 10s
          subjects:
            vyvx/a: {series: {state: online offline*3 online}}
          inbox:
            - {at: 35s, do: ack, rule: down, by: ana}
          expect:
            - at: 10m
              incidents:
                - rule: down
                  subjects: vyvx/b
                  severity: info
                  status: open
                  resolution: manual
                  opened: 20s
                  resolved: 1m
                  notify: [mqtt]
                  acknowledged_by: bob
        """
    ) == [
        f"13: at 10m: incidents: {text}"
        for text in (
            "subjects: expected [vyvx/b], is [vyvx/a]",
            "status: expected 'open', is 'resolved'",
            "resolution: expected 'manual', is 'recovered'",
            "severity: expected 'info', is 'warning'",
            "notify: expected [mqtt], is [noc]",
            "acknowledged_by: expected 'bob', is 'ana'",
            "opened: expected 20s, is 30s",
            "resolved: expected 1m, is 1m40s",
        )
    ]


def test_a_due_for_is_decided_by_a_poll_between_the_steps(workspace):
    assert not workspace.failures(
        """
        - name: steps are longer than for
          step: 5m
          subjects:
            vyvx/a: {series: {state: online offline}}
          expect:
            - {at: 5m19s, pending: {down: vyvx/a}, firing: {}}
            - {at: 5m20s, pending: {}, firing: {down: vyvx/a}}
        """
    )


def test_people_act_on_the_last_incident_of_a_rule(workspace):
    assert not workspace.failures(
        """
        - name: two of them
          step: 10s
          subjects:
            vyvx/a: {series: {state: offline}}
            vyvx/b: {series: {state: online offline}}
          inbox:
            - {at: 1m, do: ack, rule: down, by: ana}
            - {at: 1m, do: note, rule: down, subject: vyvx/a, by: ana, text: "truck 4"}
            - {at: 2m, do: unack, rule: down, by: ana}
            - {at: 3m, do: resolve, rule: down, subject: vyvx/a, by: bob}
          expect:
            - at: 1m
              incidents:
                - {rule: down, subjects: vyvx/a, status: open}
                - {rule: down, subjects: vyvx/b, acknowledged_by: ana}
              told: ["offline since *", "offline since *"]
            - at: 4m
              incidents:
                - {rule: down, status: resolved, resolution: manual}
                - {rule: down, status: open}
        """
    )


def test_people_act_on_an_incident_by_any_rule_of_its_fault(workspace):
    workspace.write(
        "rules.yaml",
        """\
        rules:
          - {name: bad, source: vyvx, fault: a, transition: {field: state, to: [degraded]}}
          - {name: down, source: vyvx, fault: a, transition: {field: state, to: [offline]}}
        """,
    )
    assert not workspace.failures(
        """
        - name: two faces
          step: 10s
          subjects: {vyvx/a: {series: {state: online degraded offline}}}
          inbox: [{at: 1m, do: ack, rule: down, by: ana}]
          expect: [{at: 2m, incidents: [{rule: bad, subjects: vyvx/a, acknowledged_by: ana}]}]
        """
    )


def test_a_command_that_is_rejected_is_a_failure(workspace):
    (line,) = workspace.failures(
        """
        - name: nothing to take
          subjects: {vyvx/a: {series: {state: online}}}
          inbox: [{at: 1m, do: ack, rule: down}]
          expect: [{at: 2m}]
        """
    )
    assert line == "6: at 1m: ack: there is no incident of down yet"


@pytest.mark.parametrize("series", ["offline absent", "offline unreadable", "offline _"])
def test_an_alert_waits_while_its_subject_is_not_seen(workspace, series):
    assert not workspace.failures(
        f"""
        - name: unseen
          step: 10s
          subjects: {{vyvx/a: {{series: {{state: {series}}}}}}}
          expect: [{{at: 25s, firing: {{}}, incidents: []}}]
        """
    )


def test_details_come_when_the_test_says(workspace):
    assert not workspace.failures(
        """
        - name: late
          step: 1s
          subjects:
            vyvx/a:
              details: {labels: {name: Cup}, after: 22s}
              series: {state: online offline}
            vyvx/b:
              details: {error: no such reservation}
              series: {state: online offline}
          expect:
            - {at: 22s, firing: {down: [vyvx/a, vyvx/b]}}
            - at: 30s
              incidents: [{rule: down, title: Cup is offline}, {rule: down, title: b is offline}]
        """
    )


@pytest.mark.parametrize(
    ("tests", "problem"),
    [
        ("- {name: x, expect: [{at: 1m}]}", ":3:5: x.subjects: is missing"),
        (
            "- {name: x, subjects: {vyvx/a: {series: {sate: online}}}, expect: [{at: 1m}]}",
            "there is no field 'sate'; did you mean state?",
        ),
        (
            "- {name: x, subjects: {vyvx/a: {series: {state: onlin}}}, expect: [{at: 1m}]}",
            "'onlin' is not a value of state; did you mean online?",
        ),
        (
            "- {name: x, subjects: {evpl/a: {series: {utilization: high}}}, expect: [{at: 1m}]}",
            "utilization must be a number, not 'high'",
        ),
        (
            "- {name: x, subjects: {vivx/a: {series: {state: online}}}, expect: [{at: 1m}]}",
            "there is no source 'vivx'; expected SOURCE/ID; did you mean vyvx?",
        ),
        (
            f"- {{{FINE}, expect: [{{at: 1m, firing: {{dwn: vyvx/a}}}}]}}",
            "expect.firing: there is no rule 'dwn'; did you mean down?",
        ),
        (
            "- {name: x, subjects: {vyvx/a: {series: {state: online*}}}, expect: [{at: 1m}]}",
            "cannot read 'online*'",
        ),
        (
            "- {name: x, subjects: {vyvx/a: {series: {state: online}}}, expct: [{at: 1m}]}",
            "x.expct: there is no such key; did you mean expect?",
        ),
        (
            f"- {{{FINE}, expect: [{{at: 2m}}, {{at: 1m}}]}}",
            "expect must be in chronological order",
        ),
    ],
)
def test_an_invalid_test_is_a_problem_with_its_place(workspace, tests, problem):
    with pytest.raises(model.InvalidConfigError) as error:
        workspace.run(tests)
    assert any(problem in line for line in error.value.problems), error.value.problems


def test_problems_of_the_rules_are_reported_with_those_of_the_tests(workspace):
    workspace.write("rules.yaml", "rules: [{name: down, source: vyvx, transitoin: {}}]")
    with pytest.raises(model.InvalidConfigError) as error:
        workspace.run("- {name: x}")
    assert any("rules.yaml:1:" in line and "transition?" in line for line in error.value.problems)
    assert any("tests.yaml:3:" in line for line in error.value.problems)


def test_a_directory_without_tests_is_a_problem(tmp_path):
    with pytest.raises(model.InvalidConfigError, match="there are no tests"):
        runner.run([tmp_path])


def test_junit_and_json_name_every_test_and_its_failures(workspace):
    results = workspace.run(
        """
        - name: fine
          subjects: {vyvx/a: {series: {state: online}}}
          expect: [{at: 1m, incidents: []}]
        - name: bad
          subjects: {vyvx/a: {series: {state: offline}}}
          expect: [{at: 1m, incidents: []}]
        """
    )
    root = ET.fromstring(runner.junit(results))  # noqa: S314  # we wrote it
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    fine, bad = root.iter("testcase")
    assert (fine.get("name"), fine.find("failure")) == ("fine", None)
    assert "not expected: down" in bad.find("failure").get("message")
    assert bad.get("line") == "7"
    good, wrong = runner.documents(results)
    assert (good["name"], good["passed"], good["failures"]) == ("fine", True, [])
    assert (wrong["line"], wrong["passed"]) == (7, False)
    assert "not expected: down" in wrong["failures"][0]


def test_an_outage_between_two_polls_is_reported_late(workspace):
    failures = workspace.failures("""\
        - name: a blip of 25 s, one of 5 s, and an outage that polls saw
          subjects:
            vyvx/1:
              history:
                - {state: offline, message: TS Loss, start: 1m10s, end: 1m35s}
                - {state: offline, start: 2m10s, end: 2m15s}
                - {state: offline, start: 2m50s, end: 4m30s}
              series: {state: online*3 offline*2 online}
          expect:
            - at: 20m
              incidents:
                - {rule: down, opened: 3m20s, status: resolved}
                - rule: down
                  title: "1: offline (TS Loss) (reported late)"
                  opened: 1m10s
                  resolved: 1m35s
              told: ["*", "recovered *"]
    """)
    assert failures == []
