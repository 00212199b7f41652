"""Mistakes in expressions are said in words that people who write rules know, at their place."""

import pytest

from watcher.ruleset import cel
from watcher.vendors.catalog import VENDORS

VYVX = (VENDORS["vyvx"].fields,)


def problem(source):
    (only,) = cel.problems_in(source, VYVX)
    return only


@pytest.mark.parametrize(
    ("source", "at", "what"),
    [
        ("", 0, "it is empty"),
        ("  \n ", 4, "it is empty"),
        ("state ==", 8, "at line 1, character 9: it ends too early"),
        ("state ==\n  ", 11, "at line 2, character 3: it ends too early"),
        ('(state == "x"', 13, "at line 1, character 14: ')' is missing at the end"),
        ('state == "x")', 12, "at line 1, character 13: unexpected ')'"),
        ('state = "x"', 6, "at line 1, character 7: unexpected '='; did you mean ==?"),
        (
            'state == "x" and true',
            13,
            "at line 1, character 14: unexpected 'and'; did you mean &&?",
        ),
        ('state == "x" OR true', 13, "at line 1, character 14: unexpected 'OR'; did you mean ||?"),
        ('state == "x" & true', 13, "at line 1, character 14: unexpected '&'; did you mean &&?"),
        ('state not in ["x"]', 6, "at line 1, character 7: unexpected 'not'; did you mean !?"),
        ("state == \u201cx\u201d", 9, "at line 1, character 10: unexpected '\u201c'"),
        (
            'state == "x',
            9,
            "at line 1, character 10: a text does not end, or has a backslash that means nothing",
        ),
        ("labels.", 7, "at line 1, character 8: unexpected '.'"),
        (
            'labels.x == "\ud800"',
            13,
            "at line 1, character 14: unexpected '\\ud800', which is not a character",
        ),
    ],
)
def test_a_mistake_in_the_syntax(source, at, what):
    assert problem(source) == (f"not valid CEL: {what}", at)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (
            'state.length() == 1 && state == "online"',
            "there is no function length(); did you mean size?",
        ),
        (
            'state.toLowerCase() == "x"',
            "there is no function toLowerCase(); did you mean lowerAscii?",
        ),
        ("abs(-1) == 1", "there is no function abs(); did you mean math.abs?"),
        ("getHours(now) == 1", "getHours() cannot be called in this way"),
        ("size(labels, state) == 1", "size() cannot be called in this way"),
        ("state ? true : false", "'? :' asks what is true or false; this is a text"),
        (
            "vanished ? true : 1",
            "the two sides of '? :' are of one type; these are true or false and a whole number",
        ),
        ('state in {"onlin": 1}', "state is never 'onlin'; did you mean online?"),
        ("state in [1, 2]", "state is never 1"),
        ("expected_mbps * 2 > 3", "'*' cannot be used on a number and a whole number: write"),
    ],
)
def test_a_wrong_name_or_type(source, what):
    problems = [wrong.what for wrong in cel.problems_in(source, VYVX)]
    assert problems[0].startswith(what)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("now.getDayOfWeek() == 7", "getDayOfWeek() is never 7: it is 0 (Sunday) to 6"),
        ("now.getMonth('Europe/Paris') in [11, 12]", "getMonth() is never 12: it is 0 (January)"),
        ("0 == now.getDate()", "getDate() is never 0: it is 1 (the first day) to 31"),
        ("now.getHours() != 24", "getHours() is never 24: it is 0 (midnight) to 23"),
        (
            'timestamp("2026-01-01T00:00:00Z").getDayOfMonth() == 31',
            "getDayOfMonth() is never 31: it is 0 (the first day) to 30",
        ),
    ],
)
def test_a_part_of_a_time_that_it_never_is(source, what):
    assert problem(source).what.startswith(what)


@pytest.mark.parametrize(
    "source",
    [
        'duration("100h").getHours() == 100',
        "(now - timestamp(0)).getMinutes() == 60",
        "[26].exists(now, now.size() == 1 || true)",
        "now.getFullYear() == 2026",
        "now.getHours() == 23 && now.getDayOfYear() == 365 && now.getDate() == 31",
        'vanished ? state == "online" : true',
        "dyn(state) ? true : true",
    ],
)
def test_what_may_well_be_so_is_no_mistake(source):
    assert [wrong.what for wrong in cel.problems_in(source, VYVX) if "never" in wrong.what] == []
