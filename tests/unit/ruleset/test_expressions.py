"""Expressions are evaluated together, and each is what it is alone, whatever the others are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher import engine
from watcher.ruleset import cel
from watcher.vendors.catalog import VENDORS

FIELDS = {"utilization": 97.0, "state": "offline", "vanished": False}
POOL = (
    'state == "offline"',
    'state != "offline" && utilization > 80',
    "utilization > 80",
    "utilization - previous.utilization > 10.0",
    "int(utilization) / int(utilization - 7.0) > 1",
    "utilization + 1 > 2",
    'labels.site == "NYC" || previous.state == "online"',
    'labels["site"].startsWith("N")',
    "type(utilization) == double",
    "size(labels.site) > 1.5",
    "state.map(letter, letter) == []",
    "utilization",
)


def given_of(fields=FIELDS, previous=(), **labels):
    return {**fields, "previous": dict(previous), "labels": labels}


def outcome(predicate, context):
    try:
        return predicate(context)
    except engine.ExpressionError as error:
        return str(error)


def alone(source, facts):
    vocabulary = cel.Vocabulary()
    return outcome(vocabulary.add(source), vocabulary.context(facts))


def together(sources, facts):
    vocabulary = cel.Vocabulary()
    predicates = [vocabulary.add(source) for source in sources]
    context = vocabulary.context(facts)
    return [outcome(predicate, context) for predicate in predicates]


@given(
    utilization=st.none() | st.sampled_from([7.0, 97.0, 0.0, 5, True, "97"]),
    state=st.none() | st.sampled_from(["online", "offline"]),
    before=st.none() | st.sampled_from([1.0, 90.0]),
    site=st.sampled_from(["", "NYC", "\ud800"]),
)
def test_each_of_many_is_what_it_is_alone(utilization, state, before, site):
    fields = {"utilization": utilization, "state": state}
    facts = given_of(fields, {"utilization": before, "state": state}, site=site)
    assert together(POOL, facts) == [alone(source, facts) for source in POOL]


def test_an_error_in_one_leaves_the_others_as_they_are():
    facts = given_of({"utilization": 7.0, "state": "offline"})
    failing = "int(utilization) / int(utilization - 7.0) > 1"
    assert together(['state == "offline"', failing, "utilization > 80"], facts) == [
        True,
        f"{failing}: divide by zero",
        False,
    ]


def test_what_reads_an_unknown_value_leaves_the_others_as_they_are():
    facts = given_of({"utilization": None, "state": "offline"})
    sources = ["utilization > 80", 'state == "offline"', 'state == "online"']
    assert together(sources, facts) == [None, True, False]


def test_hundreds_are_each_what_they_are_alone():
    sources = [f'state == "offline" && {number} % 3 == 0' for number in range(200)]
    assert together(sources, given_of()) == [number % 3 == 0 for number in range(200)]


@pytest.mark.parametrize(
    "odd",
    [
        "(" * 28 + 'state == "offline"' + ")" * 28,
        'state == "offline" // as the carrier says',
        'state == "online" ? false : true',
        'state == "offline" ||\n  false',
        " && ".join(['state == "offline"'] * 30),
    ],
)
def test_however_it_is_written_it_can_stand_beside_others(odd):
    assert together([odd, 'state == "online"', odd], given_of()) == [True, False, True]


def test_values_that_are_equal_and_of_another_type_are_not_mixed_up():
    vocabulary = cel.Vocabulary()
    predicate = vocabulary.add("type(utilization) == double")
    vocabulary.add("true")
    for value, truth in ((1.0, True), (1, False), (True, False), (1.0, True)):
        assert predicate(vocabulary.context(given_of({"utilization": value}))) is truth


def test_a_text_that_no_utf_8_can_hold_is_an_error_of_the_expression():
    vocabulary = cel.Vocabulary()
    predicate = vocabulary.add('labels.site == "NYC"')
    with pytest.raises(engine.ExpressionError, match=r"labels\.site"):
        predicate(vocabulary.context(given_of(site="\ud800")))


def test_all_labels_are_read_again_of_each_subject():
    vocabulary = cel.Vocabulary()
    predicate = vocabulary.add('"site" in labels')
    vocabulary.add('labels.all(name, labels[name] != "")')
    contexts = [vocabulary.context(given_of(**labels)) for labels in ({"site": "NYC"}, {})]
    assert [predicate(context) for context in contexts] == [True, False]


def test_candidates_are_what_is_true_unknown_or_fails():
    vocabulary = cel.Vocabulary()
    sources = ['state == "online"', "utilization > 80", 'state == "offline"', "previous.x / 0 > 1"]
    predicates = [vocabulary.add(source, among=number % 2) for number, source in enumerate(sources)]
    find = vocabulary.candidates(predicates)
    measured, unknown = FIELDS | {"utilization": 1.0}, FIELDS | {"utilization": None}
    assert list(find(vocabulary.context(given_of(measured, {"x": 1})))) == [1, 2, 3]
    assert list(find(vocabulary.context(given_of(unknown, {"x": 1})))) == [1, 2, 3]
    only = vocabulary.candidates(predicates[:1])
    assert list(only(vocabulary.context(given_of(measured)))) == []


@pytest.mark.parametrize(
    ("source", "truth"),
    [
        ('size("é") == 1', True),  # it was 2: bytes
        ("[1, 0].exists(n, 1 / n == 1)", True),
        ("[0, 1].exists(n, 1 / n == 1)", True),  # it was an error
        ('{1: "a"}[1u] == "a"', True),  # it was an error
        ('"Paris".lowerAscii() == "paris"', True),  # there was no such function
        ("math.greatest(1, 3) == 3", True),  # the same
        ('timestamp("2026-01-01T00:00:00Z").getHours("Europe/Paris") == 1', True),  # the same
        ('duration("1h 5m") == duration("65m")', "String to Duration conversion failed"),
        ("-true", "'-' cannot be used on bool"),  # it was false
        ('"a".matches("a(?=b)")', "invalid regular expression"),
    ],
)
def test_what_it_means_in_this_version(source, truth):
    result = alone(source, given_of())
    assert result is truth if isinstance(truth, bool) else truth in result


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("state > 1", "'>' cannot be used on a text and a whole number"),
        ("state + 1 == state", "'+' cannot be used on a text and a whole number"),
        ("-vanished", "'-' cannot be used on true or false"),
        ("state.startsWith(1)", "startsWith() cannot be used on a text and a whole number"),
        ("state.all(letter, true)", "a text cannot be gone through by a macro"),
        ("state.colour == 1", "a text cannot be read by the name of a member"),
        ("labels", "evaluates to a map; expected true or false"),
        ("size(state)", "evaluates to a whole number; expected true or false"),
        ("max(1, 2) == 2", "there is no function max(); did you mean math.greatest?"),
        ("has(previous.state)", "has() is not needed: a field that is not known reads null"),
        ("previous == previous", "previous must be read as previous.FIELD"),
        ("(" * 40 + "true" + ")" * 40, "not valid CEL: nested too deeply"),
    ],
)
def test_a_wrong_type_is_a_problem_before_anything_is_evaluated(source, problem):
    (reported,) = cel.problems_in(source, [VENDORS["vyvx"].fields])
    assert reported.what.startswith(problem)


def test_arithmetic_on_a_figure_wants_its_numbers_written_alike():
    (problem,) = cel.problems_in("utilization * 2 > 100", [VENDORS["evpl"].fields])
    assert problem.what.endswith("write a whole number as 2.0")
    for fine in ("utilization * 2.0 > 100", "utilization > 80", "utilization in [50, 50.5]"):
        assert list(cel.problems_in(fine, [VENDORS["evpl"].fields])) == []


def test_minus_zero_is_not_mixed_up_with_zero():
    vocabulary = cel.Vocabulary()
    predicate = vocabulary.add("1.0 / utilization > 0.0")
    vocabulary.add("true")
    for value, truth in ((0.0, True), (-0.0, False), (0.0, True)):
        assert predicate(vocabulary.context(given_of({"utilization": value}))) is truth
    for before, truth in ((-0.0, True), (0.0, True)):
        facts = given_of({"utilization": 0.0}, {"utilization": before})
        assert predicate(vocabulary.context(facts)) is truth
